"""Bad input is refused by name; odd models give the documented result."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pyadvspur import attacks
from pyadvspur.errors import AdvSpurError

X, Y = torch.rand(5, 3, 6, 6), torch.zeros(5, dtype=torch.int64)
MODEL = nn.Sequential(nn.Flatten(), nn.Linear(108, 4))


def _with(value):
    x = X.clone()
    x[1, 2, 3, 4] = value
    return x


BAD = {
    "x-high": ({"x": _with(1.001)}, "x got"),
    "x-low": ({"x": _with(-0.1)}, "x got"),
    "x-nan": ({"x": _with(float("nan"))}, "x got"),
    "x-bytes": ({"x": (X * 255).to(torch.uint8)}, "x got"),
    "x-list": ({"x": [[0.5]]}, "x got"),
    "y-length": ({"y": Y[:3]}, "y got"),
    "y-float": ({"y": Y.float()}, "y got"),
    "y-negative": ({"y": Y - 1}, "y got"),
    "y-high": ({"y": Y + 4}, "y got 4"),
    "targets-high": ({"targets": Y + 4}, "targets got 4"),
    "norm": ({"norm": "l3"}, "norm got 'l3'"),
    "eps-negative": ({"eps": -0.1}, "eps got"),
    "eps-nan": ({"eps": float("nan")}, "eps got"),
    "eps-shape": ({"eps": torch.ones(3)}, "eps got"),
    "eps-text": ({"eps": "8/255"}, "eps got"),
    "ids": ({"ids": torch.arange(4)}, "ids got"),
    "ids-float": ({"ids": torch.rand(5)}, "ids got"),
    "mask": ({"mask": torch.ones(5, 6, 7)}, "mask got"),
    "mask-range": ({"mask": torch.full((5, 6, 6), 1.5)}, "mask got"),
    "steps": ({"steps": 0}, "steps got"),
    "restarts": ({"restarts": 0}, "restarts got"),
    "step_size": ({"step_size": -1.0}, "step_size got"),
    "loss": ({"loss": "hinge"}, "loss got 'hinge'"),
    "precision": ({"precision": "int8"}, "precision got 'int8'"),
    "model": ({"model": 3}, "model got"),
    "model-shape": ({"model": nn.Conv2d(3, 4, 3)}, "model got"),
    "model-batch": ({"model": lambda x: torch.zeros(3, 4)}, "model got"),
    "model-tuple": ({"model": lambda x: (MODEL(x), 1)}, "model got"),
    "model-one": ({"model": lambda x: MODEL(x)[:, :1]}, "model got"),
    "model-constant": (
        {"model": lambda x: MODEL(x).detach(), "y": MODEL(X).argmax(1)},
        "model got logits without",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_nonsense_is_refused_by_name(name):
    changes, words = BAD[name]
    arguments = {"model": MODEL, "x": X, "y": Y, "norm": "linf", "eps": 0.1, "steps": 2} | changes
    with pytest.raises(AdvSpurError, match=words):
        attacks.pgd(**arguments)


def test_radii_of_a_sweep_must_ascend():
    for eps in ([0.2, 0.1], [0.1, 0.1], [], [-1.0], [float("inf")]):
        with pytest.raises(AdvSpurError, match="eps"):
            attacks.sweep(MODEL, X, Y, "linf", eps)


def test_projections_check_too():
    with pytest.raises(AdvSpurError, match="eps"):
        attacks.project(X, "l2", -1.0)
    with pytest.raises(AdvSpurError, match="delta"):
        attacks.project_l1_box(X, X[:, :1], 1.0)
    with pytest.raises(AdvSpurError, match="delta"):
        attacks.project(_with(float("inf")), "l1", 1.0)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_logits_that_are_not_finite_never_count_as_broken(value):
    x = X / 2
    x[0] += 0.4
    y = MODEL(x).argmax(1)

    def model(x):  # not finite on bright images, as sample 0 is wherever it may move
        return torch.where(x.flatten(1).mean(1)[:, None] > 0.5, value, MODEL(x))

    with pytest.warns(RuntimeWarning, match="not finite"):
        r = attacks.pgd(model, x, y, "linf", 0.1, steps=4)
    assert r.nonfinite_logits > 0
    assert not r.broken[0]
    assert r.prediction[0] == -2
    assert torch.isnan(r.margin[0])
    with pytest.warns(RuntimeWarning, match="not finite"):
        frame = attacks.robust_accuracy(model, (x, y), "linf", [0.0], steps=1)
    assert frame.accuracy[0] <= 0.8  # not broken, and not accurate either


def test_a_flat_model_gets_random_directions():
    def flat(x):  # right answer, no gradient at all, except near the middle of the box
        return torch.stack([torch.ones(len(x)), torch.zeros(len(x))], 1) + 0 * x.sum()

    with pytest.warns(RuntimeWarning, match="gradients may mislead.*no gradient on 5 of 5.*never rose"):
        r = attacks.pgd(flat, X, Y, "l2", 0.5, steps=3)
    assert not r.broken.any()
    assert r.zero_gradients == 15
    assert (r.report.zero_gradients, r.report.flat, r.report.searched) == (5, 5, 5)
    with pytest.warns(RuntimeWarning, match="gradients may mislead"):
        alone = attacks.pgd(flat, X[2:3], Y[2:3], "l2", 0.5, steps=3, ids=torch.tensor([2]))
    assert torch.equal(alone.x_adv[0], r.x_adv[2])


@pytest.mark.parametrize(
    "classes, loss, target", [(2, "dlr", None), (3, "dlr", 1), (3, "dlr_targeted", None)]
)
def test_a_loss_that_needs_more_classes_is_the_margin_and_says_so(classes, loss, target):
    model = nn.Sequential(nn.Flatten(), nn.Linear(108, classes))
    y = model(X).argmax(1)
    targets = None if target is None else (y + target) % classes
    arguments = {"eps": 0.3, "steps": 4, "targets": targets}
    with pytest.warns(RuntimeWarning, match="needs .* margin instead"):
        r = attacks.apgd(model, X, y, "linf", loss=loss, **arguments)
    assert len(r.notes) == 1
    if loss == "dlr":
        plain = attacks.apgd(model, X, y, "linf", loss="margin", **arguments)
        assert torch.equal(r.x_adv, plain.x_adv)
    assert r.broken.any()


def test_two_classes_and_small_inputs():
    model = nn.Sequential(nn.Flatten(), nn.Linear(2, 2))
    x = torch.rand(9, 2)  # tables of numbers have no image shape
    y = model(x).argmax(1)
    for norm in ("linf", "l2", "l1"):
        r = attacks.pgd(model, x, y, norm, 2.0, steps=10, loss="margin")
        assert torch.equal(model(r.x_adv).argmax(1) != y, r.broken)


def test_double_and_half_images_are_taken(network, images):
    x, y = images
    for dtype in (torch.float64, torch.float16, torch.bfloat16):
        r = attacks.pgd(network, x.to(dtype), y, "l2", 0.1, steps=2)
        assert r.x_adv.dtype == torch.float32
        assert r.x_adv.isfinite().all()
