"""Several queries of a sample in one call find what they find one by one."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from pyadvspur import attacks
from pyadvspur.attacks import square_ahead


@pytest.mark.parametrize("loss", ["margin", "ce"])
def test_asking_ahead_is_asking_one_by_one(network, images, norm, radii, loss, monkeypatch):
    x, y = images[0][:9], images[1][:9]
    found, most = [], []
    learn = square_ahead.Lead.learn
    for worthwhile in (10**9, 4):  # never, and nearly always
        monkeypatch.setattr(square_ahead, "WORTHWHILE", worthwhile)
        monkeypatch.setattr(square_ahead.Lead, "learn", lambda lead, *a: (most.append(a), learn(lead, *a))[1])
        members = [f"square(queries=250,loss={loss},screen=1)", "square(queries=70)"]
        found.append(attacks.sweep(network, x, y, norm, [radii[0], radii[1]], "ensemble", preset=members))
    alone, ahead = found
    assert len(most) > 5
    assert any(used < asked for asked, used in most)  # some answers were thrown away
    assert -1 in alone.broken_by.tolist()
    for field in dataclasses.fields(alone):
        if field.name == "n_forward":
            continue  # answers thrown away were asked for
        value = getattr(alone, field.name)
        same = torch.equal(getattr(ahead, field.name), value) if isinstance(value, torch.Tensor) else None
        assert same or getattr(ahead, field.name) == value, field.name


def test_a_model_that_gives_no_numbers_at_times(network, images, norm, radii, monkeypatch):
    x, y = images[0][:6], images[1][:6]

    def model(x):
        return torch.where((x.flatten(1).sum(1) * 1e4).long()[:, None] % 3 == 0, float("nan"), network(x))

    counts = []
    for worthwhile in (10**9, 4):
        monkeypatch.setattr(square_ahead, "WORTHWHILE", worthwhile)
        with pytest.warns(RuntimeWarning, match="not finite"):
            r = attacks.square(model, x, y, norm, radii[0] / 4, queries=60)
        counts.append((r.nonfinite_logits, r.steps_used.tolist(), r.broken.tolist()))
    assert counts[0] == counts[1]
