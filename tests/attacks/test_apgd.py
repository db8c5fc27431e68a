"""APGD: what it promises of its finds, its schedule, its losses; each sample by its own record."""

from __future__ import annotations

import pytest
import torch

from pyadvspur import attacks
from pyadvspur.attacks.apgd import plan, windows

LOSSES = ["ce", "dlr", "margin", "dlr_targeted"]


def _length(delta, norm):
    flat = delta.double().flatten(1)
    return {"linf": flat.abs().amax(1), "l2": flat.square().sum(1).sqrt(), "l1": flat.abs().sum(1)}[norm]


@pytest.mark.parametrize("loss", LOSSES)
def test_finds_hold_when_checked_by_hand(network, images, norm, radii, loss):
    x, y = images
    eps = torch.tensor(radii[1:])[torch.arange(len(x)) % 2]  # a radius a sample
    r = attacks.apgd(network, x, y, norm, eps, steps=10, loss=loss, n_targets=3)
    wrong = network(x).argmax(1) != y
    assert torch.equal(network(r.x_adv).argmax(1) != y, r.broken)
    assert (r.broken & ~wrong).any()
    assert (~r.broken).any()
    assert (_length(r.x_adv.double() - x.double(), norm) <= eps.double() * (1 + 1e-6)).all()
    assert r.x_adv.min() >= 0
    assert r.x_adv.max() <= 1
    assert torch.equal(r.x_adv[wrong], x[wrong])
    assert r.members[0].startswith("apgd(steps=10")
    assert ((r.broken_by == 0) == (r.broken & ~wrong)).all()


def test_no_weaker_than_constant_steps(network, images, norm, radii):
    x, y = images
    plain = attacks.pgd(network, x, y, norm, radii[1], steps=20, step_size=radii[1] / 8)
    ours = attacks.apgd(network, x, y, norm, radii[1], steps=20)
    assert ours.broken.sum() >= plain.broken.sum() - 2 * (norm == "l1")  # of 67: there the start is random


@pytest.mark.parametrize("loss", ["dlr", "dlr_targeted"])
def test_outcomes_do_not_depend_on_the_batch_or_the_threads(network, images, norm, radii, loss):
    x, y = images[0][:21], images[1][:21]
    ids = torch.arange(21) * 5
    options = {"steps": 8, "loss": loss, "n_targets": 4, "keep": 2, "restarts": 2, "seed": 3}
    whole = attacks.apgd(network, x, y, norm, radii[0], ids=ids, **options)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        cuts = [slice(0, 5), slice(5, 6), slice(6, 21)]
        parts = [attacks.apgd(network, x[c], y[c], norm, radii[0], ids=ids[c], **options) for c in cuts]
    finally:
        torch.set_num_threads(before)
    for name in ("broken", "prediction", "margin", "steps_used", "x_adv"):
        assert torch.equal(torch.cat([getattr(p, name) for p in parts]), getattr(whole, name)), name


@pytest.mark.parametrize("loss", LOSSES)
def test_logit_scale_does_not_matter(network, images, norm, radii, scaled, loss):
    x, y = images
    plain = attacks.apgd(network, x, y, norm, radii[1], steps=8, loss=loss, n_targets=2)
    for factor in (2.0**-10, 2.0**14):  # exact in float32: the very same points
        other = attacks.apgd(scaled(network, factor), x, y, norm, radii[1], steps=8, loss=loss, n_targets=2)
        assert torch.equal(other.x_adv, plain.x_adv)


def test_targets_are_the_highest_wrong_classes_and_never_too_many(network, images, norm, radii):
    x, y = images
    few = attacks.apgd(network, x, y, norm, radii[0], steps=5, loss="dlr_targeted", n_targets=1)
    many = attacks.apgd(network, x, y, norm, radii[0], steps=5, loss="dlr_targeted", n_targets=50)
    assert (many.broken | ~few.broken).all()
    assert int(many.steps_used.max()) == 5 * 5  # six classes
    kept = attacks.apgd(network, x, y, norm, radii[0], steps=8, loss="dlr_targeted", n_targets=50, keep=1)
    assert int(kept.steps_used.max()) == 5 * 1 + 8


def test_a_caller_s_targets(network, images, norm, radii):
    x, _ = images
    clean = network(x).argmax(1)
    targets = (clean + 2) % 6
    targets[0] = clean[0]
    for loss in LOSSES:
        r = attacks.apgd(network, x, clean, norm, 3 * radii[2], steps=20, targets=targets, loss=loss)
        assert torch.equal(network(r.x_adv).argmax(1) == targets, r.broken)
        assert r.broken.float().mean() > 0.5
        assert r.distance[0] == 0


def test_the_mask_holds(network, images, norm, radii):
    x, y = images
    mask = torch.zeros(len(x), 12, 12, dtype=torch.bool)
    mask[:, 3:9, 2:8] = True
    r = attacks.apgd(network, x, y, norm, radii[2], steps=6, mask=mask, restarts=2)
    changed = (r.x_adv != x).any(1)
    assert changed.any()
    assert not (changed & ~mask).any()


def test_checkpoints_and_phases():
    assert list(windows(100, "linf")) == [22, 41, 57, 70, 80, 87, 93, 99]
    assert sum(windows(100, "linf").values()) == 99
    for norm in ("linf", "l2", "l1"):
        for steps in (1, 2, 3, 10):
            phases, total = plan(norm, steps)
            assert total == steps
            assert 0 in phases
            assert phases[max(phases)][0] == 1.0  # the last steps are in the ball asked for
    assert [radius for radius, _ in plan("l1", 100)[0].values()] == [3.0, 2.0, 1.0]


@pytest.mark.parametrize("steps", [1, 2])
def test_few_steps_end_inside_the_ball(network, images, norm, radii, steps):
    x, y = images
    r = attacks.apgd(network, x, y, norm, radii[1], steps=steps)
    assert (_length(r.x_adv.double() - x.double(), norm) <= radii[1] * (1 + 1e-6)).all()


@pytest.mark.parametrize("eps", [0.0, 1e4])
def test_no_ball_and_a_ball_beyond_the_box(network, images, norm, eps):
    x, y = images[0][:9], images[1][:9]
    r = attacks.apgd(network, x, y, norm, eps, steps=10)
    assert r.x_adv.isfinite().all()
    if eps:
        assert r.broken.all()
    else:
        assert torch.equal(r.broken, network(x).argmax(1) != y)


@pytest.mark.parametrize("n", [0, 1])
def test_empty_and_single(network, images, norm, radii, n):
    x, y = images[0][1 : 1 + n], images[1][1 : 1 + n]
    for loss in LOSSES:
        r = attacks.apgd(network, x, y, norm, radii[0], steps=3, loss=loss)
        assert r.x_adv.shape == x.shape
        assert len(r.broken_by) == n
