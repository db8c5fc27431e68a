"""Claims on disk, and a judge that believes none of them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from pyadvspur import AdvSpurError, attacks
from pyadvspur.attacks.recheck import class_logits
from pyadvspur.labels import LabelMap

RADII = {"linf": [0.005, 0.02, 0.06], "l2": [0.05, 0.2, 0.6], "l1": [0.3, 1.0, 4.0]}


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Flatten(), nn.Linear(75, 24), nn.ReLU(), nn.BatchNorm1d(24), nn.Linear(24, 4)
    ).eval()


def swept(model, norm, n=37):
    x = (torch.rand(n, 3, 5, 5, generator=torch.Generator().manual_seed(1)) * 255).round().div(255)
    with torch.no_grad():
        y = model(x).argmax(1)
    y[:3] = (y[:3] + 1) % 4  # wrong without an attack
    ids = torch.arange(n) * 7 + 100
    result = attacks.sweep(model, x, y, norm, RADII[norm], steps=10, ids=ids)
    return attacks.Points.of(result, x, y, norm, ids, model="net", seed=0), result


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
def test_what_a_sweep_claims_holds_and_its_curve_is_the_sweep_s(tmp_path, model, norm):
    points, result = swept(model, norm)
    assert 0 < len(points.survivors) < points.n == 37
    attacks.save_points(tmp_path / "a.safetensors", points)
    loaded = attacks.load_points(tmp_path / "a.safetensors")
    for name in ("x", "x_adv", "y", "ids", "eps", "survivors"):
        assert torch.equal(getattr(points, name), getattr(loaded, name)), name
    assert loaded.facts == {"model": "net", "seed": 0}
    model.train()
    before = model[3].running_mean.clone()
    found = attacks.recheck(model, loaded)
    assert model.training
    assert torch.equal(before, model[3].running_mean)
    model.eval()
    assert found.refuted == 0
    expected = 1 - result.broken.double().mean(1)
    assert (found.curve["accuracy_claimed"].to_numpy() == expected.numpy()).all()
    assert (found.curve["accuracy_confirmed"].to_numpy() == expected.numpy()).all()
    assert list(found.curve["n"]) == [37] * 3
    assert set(found.rows.loc[found.rows["eps"] == 0, "id"]) == {100, 107, 114}


@pytest.mark.parametrize(
    "what, column",
    [
        ("too far", "in_ball"),
        ("outside the box", "in_box"),
        ("not misread", "prediction"),
        ("moved clean", "in_ball"),
    ],
)
def test_false_claims_are_refuted(model, what, column):
    points, _ = swept(model, "linf")
    row = int((points.eps > 0).nonzero()[0])
    x_adv, eps = points.x_adv.clone(), points.eps.clone()
    if what == "too far":
        eps[row] *= 0.99 * float((points.x_adv[row] - points.x[row]).abs().max()) / float(eps[row])
    elif what == "outside the box":
        x_adv[row].view(-1)[5] = torch.tensor(1.0).nextafter(torch.tensor(2.0))
    elif what == "not misread":
        x_adv[row] = points.x[row]
    else:
        row = 0
        x_adv[0, 0, 0, 0] += 1e-3 if points.x[0, 0, 0, 0] < 0.5 else -1e-3
    found = attacks.recheck(model, replace(points, x_adv=x_adv, eps=eps))
    assert found.refuted >= 1
    bad_row = found.rows.iloc[row]
    assert not bad_row["confirmed"]
    assert (bad_row["prediction"] == points.y[row]) if column == "prediction" else not bad_row[column]


def test_logits_that_are_not_finite_confirm_nothing(model):
    points, _ = swept(model, "linf")
    found = attacks.recheck(lambda x: model(x) * float("nan"), points)
    assert found.refuted == len(points.ids)


def test_outputs_are_read_by_the_label_map(tmp_path):
    logits = torch.tensor([[0.0, 3, 1, 2, 5], [4, 3, 1, 2, 0.0]])
    x = torch.zeros(2, 1, 1, 1)
    for label_map, expected in (
        (LabelMap.many_to_one([0, 1, 1, 0, -1]), [2, 0]),  # the last column is "no class"
        (LabelMap.restricted([1, 2, 3], [0, 1, 1]), [0, 0]),
    ):
        points = attacks.Points(
            "linf", (0.1,), x, x, torch.tensor([1, 1]), torch.arange(2), torch.zeros(2).double(),
            torch.empty(0, dtype=torch.int64), label_map,
        )  # fmt: skip
        attacks.save_points(tmp_path / "p.safetensors", points)
        loaded = attacks.load_points(tmp_path / "p.safetensors")
        found = attacks.recheck(class_logits(lambda x: logits.repeat(8, 1)[: len(x)], loaded), loaded)
        assert list(found.rows["prediction"]) == expected
        assert found.refuted == 0


def test_no_sample_at_all(tmp_path, model):
    x = torch.zeros(0, 3, 5, 5)
    result = attacks.sweep(model, x, torch.zeros(0, dtype=torch.int64), "l2", [0.1, 1])
    points = attacks.Points.of(result, x, torch.zeros(0, dtype=torch.int64), "l2")
    attacks.save_points(tmp_path / "p.safetensors", points)
    found = attacks.recheck(model, attacks.load_points(tmp_path / "p.safetensors"))
    assert found.refuted == 0
    assert list(found.curve["n"]) == [0, 0]


def test_files_that_are_something_else(tmp_path):
    from safetensors.torch import save_file

    save_file({"x": torch.zeros(1)}, tmp_path / "weights.safetensors")
    (tmp_path / "text.safetensors").write_text("no")
    for name in ("weights.safetensors", "text.safetensors", "nothing.safetensors"):
        with pytest.raises(AdvSpurError, match="no file of adversarial points"):
            attacks.load_points(tmp_path / name)
