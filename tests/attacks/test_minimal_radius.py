"""One run, the whole curve: radii are distances of verified points, and no sweep finds much less."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pyadvspur import AdvSpurError, attacks

ORDER = {"linf": torch.inf, "l2": 2, "l1": 1}
QUICK = {"bounds": "fab(steps=15,n_targets=2)", "preset": "pgd(steps=15)"}


@pytest.fixture(scope="module")
def results(network, images):
    return {norm: attacks.minimal_radius(network, *images, norm, **QUICK) for norm in ORDER}


def test_radii_are_distances_of_points_that_break(network, images, norm, results):
    x, y = images
    r = results[norm]
    wrong = network(x).argmax(1) != y
    assert torch.equal(r.clean_correct, ~wrong)
    assert (r.radius[wrong] == 0).all()
    found = r.radius.isfinite()
    assert found.all()
    assert (network(r.x_adv).argmax(1) != y).all()
    assert torch.equal(network(r.x_adv).argmax(1), r.prediction)
    length = (r.x_adv.double() - x.double()).flatten(1).norm(p=ORDER[norm], dim=1)
    torch.testing.assert_close(length, r.radius)
    assert r.x_adv.min() >= 0
    assert r.x_adv.max() <= 1
    assert (r.unbroken <= r.radius).all()
    assert (r.radius - r.unbroken <= 0.0101 * r.radius)[~wrong].all()


def test_curve_is_at_or_below_a_sweep(network, images, norm, radii, results):
    s = attacks.sweep(network, *images, norm, radii, attack="pgd", steps=15)
    theirs = (s.clean_correct & ~s.broken).double().mean(1)
    curve = results[norm].curve(radii)
    assert list(curve.columns) == ["eps", "accuracy", "low", "high", "n"]
    assert (torch.tensor(curve.accuracy) <= theirs + 0.016).all()  # one image
    assert curve.accuracy.is_monotonic_decreasing
    assert results[norm].accuracy_at(0.0) == results[norm].clean_correct.double().mean()
    assert results[norm].accuracy_at(float(results[norm].radius.max())) == 0
    frame = attacks.robust_accuracy(network, images, norm, radii, attack="minimal_radius", **QUICK)
    assert (frame.accuracy - curve.accuracy).abs().max() <= 0.016  # it stops at the largest eps


def test_batches_do_not_matter(network, images, norm, results):
    x, y = images
    order = torch.randperm(67, generator=torch.Generator().manual_seed(0))
    for rows in (order[:3], order[3:40]):
        part = attacks.minimal_radius(network, x[rows], y[rows], norm, ids=rows, **QUICK)
        assert torch.equal(part.radius, results[norm].radius[rows])
        assert torch.equal(part.x_adv, results[norm].x_adv[rows])


def test_a_model_without_gradient_is_halved_down_by_square(images):
    class Blocks(nn.Module):
        def forward(self, x):
            a, b = x.flatten(1).tensor_split(2, dim=1)
            gap = torch.round((a.mean(1) - b.mean(1)).detach() * 1e4)
            return torch.stack([gap, -gap], 1)

    x = images[0][:12]
    y = Blocks()(x).argmax(1)
    with pytest.warns(RuntimeWarning, match="left out"):
        r = attacks.minimal_radius(Blocks(), x, y, "linf", attack="square", queries=30, tolerance=0.1)
    gap = (x.flatten(1)[:, :216].mean(1) - x.flatten(1)[:, 216:].mean(1)).abs() / 2
    assert (Blocks()(r.x_adv).argmax(1) != y).all()
    assert (r.radius >= gap.double() * 0.98 - 1e-4).all()  # no point nearer can break it
    assert (r.radius < 12 * gap + 0.05).all()


def test_limits_masks_targets_and_refusals(network, images):
    x, y = images
    r = attacks.minimal_radius(network, x, y, "l2", eps_max=0.01, bounds="", preset="pgd(steps=5)")
    assert r.radius.isinf().any()
    assert ((r.radius > 0) & (r.radius < 0.01)).any()
    assert r.unbroken.max() <= 0.01 * (1 + 1e-6)
    assert r.rounds < 12
    assert torch.equal(r.x_adv[r.radius.isinf()], x[r.radius.isinf()])
    assert attacks.minimal_radius(network, x[:0], y[:0], **QUICK).radius.shape == (0,)
    mask = torch.zeros(67, 12, 12)
    mask[:, 3:9, 3:9] = 1
    targets = (y + 1) % 6
    r = attacks.minimal_radius(network, x, y, "l2", mask=mask, targets=targets, **QUICK)
    assert (r.prediction[r.radius.isfinite()] == targets[r.radius.isfinite()]).all()
    still = (mask[:, None] == 0).expand_as(x)
    assert torch.equal(r.x_adv[still], x[still])
    for options in (
        {"tolerance": 0},
        {"eps_max": -1.0},
        {"bounds": "fub"},
        {"bounds": "square"},
        {"steps": 3},
        {"attack": "apdg"},
    ):
        with pytest.raises(AdvSpurError, match=str(next(iter(options.values())))):
            attacks.minimal_radius(network, x, y, "l2", **options)


@pytest.mark.parametrize("factor", [1e-3, 1e4])
def test_scale_of_the_logits(network, images, norm, results, factor, scaled):
    x, y = images
    r = attacks.minimal_radius(scaled(network, factor), x[:24], y[:24], norm, **QUICK)
    torch.testing.assert_close(r.radius, results[norm].radius[:24], rtol=0.03, atol=1e-4)
