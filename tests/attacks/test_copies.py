"""Searches side by side find what they find one after the other."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from pyadvspur import attacks
from pyadvspur.attacks import copies

MEMBERS = ["apgd(loss=dlr_targeted,steps=16,n_targets=4,keep=2)", "fab(steps=6,n_targets=3)"]


@pytest.mark.parametrize("members", [MEMBERS, MEMBERS[::-1]])
def test_side_by_side_is_one_after_the_other(network, images, norm, radii, members, monkeypatch):
    x, y = images[0][:23], images[1][:23]
    found = []
    for room in (1, 60, 10_000):  # none, some and all of the searches together
        monkeypatch.setattr(copies, "room", lambda forward, x, room=room: room)
        # a radius at which some break at the first class, some at a later one, some never
        found.append(
            attacks.sweep(network, x, y, norm, [radii[0] / 4, radii[0] / 2], "ensemble", preset=members)
        )
    alone = found[0]
    by = alone.broken_by.tolist()
    assert -1 in by
    assert 0 in by
    for other in found[1:]:
        for field in dataclasses.fields(alone):
            value = getattr(alone, field.name)
            if field.name in ("n_forward", "n_gradient"):
                continue  # work that counts and work that turned out not to
            if isinstance(value, torch.Tensor):
                assert torch.equal(getattr(other, field.name), value), field.name
            else:
                assert getattr(other, field.name) == value, field.name


def test_a_copy_after_the_first_that_broke_counts_for_nothing():
    from pyadvspur.attacks.searcher import Batch, Found

    x = torch.zeros(2, 1, 1, 1)
    found = Found(x)
    batch = Batch(torch.tensor([1]), torch.tensor([7]), x[1:], torch.tensor([0]), torch.tensor([1.0]))
    lanes = copies.Copies(batch, found, 3)
    lanes.steps[:] = torch.tensor([1, 10, 100])
    lanes.broken[:] = torch.tensor([False, True, True])
    lanes.x[:] = torch.tensor([0.1, 0.2, 0.3]).view(3, 1, 1, 1)
    lanes.hint_distance[:] = torch.tensor([5.0, 4.0, 3.0])
    assert lanes.idle(torch.arange(3)).tolist() == [False, False, True]
    lanes.settle(found)
    assert found.broken.tolist() == [False, True]
    assert found.steps.tolist() == [0, 11]
    assert found.x.flatten().tolist() == pytest.approx([0, 0.2])
    assert found.hint_distance[1] == 4
