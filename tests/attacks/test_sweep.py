"""Sweeps: what is reused is still true, and the curve says so."""

from __future__ import annotations

import pytest
import torch

from pyadvspur import attacks
from pyadvspur.wilson import wilson


def test_every_row_of_a_sweep_is_true(network, images, norm, radii):
    x, y = images
    s = attacks.sweep(network, x, y, norm, radii, steps=8)
    assert (s.broken[1:] | ~s.broken[:-1]).all()
    assert torch.equal(s.clean_correct, network(x).argmax(1) == y)
    assert torch.equal(network(s.x_adv).argmax(1) != y, s.broken[-1])
    assert torch.equal(s.x_adv[~s.broken[-1]], x[~s.broken[-1]])
    assert torch.equal(s.prediction != y, s.broken)
    assert torch.equal(s.margin <= 0, s.broken)
    for e, radius in enumerate(radii):
        assert (s.distance[e] <= radius * (1 + 1e-6)).all()
    assert (s.margin[1:] <= s.margin[:-1] + 1e-4).float().mean() > 0.9  # a larger ball is no easier
    naive = len(radii) * 8 * len(x)
    assert s.n_gradient < naive / 2


def test_what_stands_is_searched_once(network, images, norm, radii):
    x, y = images
    small = [r * 1e-2 for r in radii]
    held = (network(x).argmax(1) == y) & ~attacks.sweep(network, x, y, norm, small, steps=8).broken[-1]
    x, y = x[held], y[held]
    s = attacks.sweep(network, x, y, norm, [0.0, *small], steps=8)
    assert len(x) > 50
    assert not s.broken.any()
    near = s.steps_used > 8  # stood narrowly: searched a second time
    assert near.float().mean() < 0.1
    assert s.n_gradient == 8 * (len(x) + int(near.sum()))
    assert (s.margin[1:] <= s.margin[:-1]).all()
    held_in = torch.tensor(small)[:, None] * (1 + 2e-4)  # float32's last places, beside radii this small
    assert (s.distance[1:] <= held_in).all()
    fab = attacks.sweep(
        network, x, y, norm, small, "fab", steps=8, n_targets=1
    )  # one search serves every radius
    assert fab.n_gradient <= 8 * len(x)


def test_a_sweep_tells_who_broke_what(network, images, norm, radii):
    x, y = images
    s = attacks.sweep(network, x, y, norm, radii, "ensemble", preset=["pgd(steps=3)", "apgd(steps=10)"])
    low = s.broken.float().argmax(0)
    assert torch.equal(s.broken_by >= 0, s.clean_correct & s.broken[-1])
    assert {0, 1} <= set(s.broken_by.tolist())
    first = s.clean_correct & s.broken[-1]
    found = (s.x_adv - x).flatten(1)[first]
    size = found.abs().amax(1) if norm == "linf" else found.norm(p=int(norm[1]), dim=1)
    assert (size <= torch.tensor(radii)[low[first]] * (1 + 1e-5)).all()


def test_masked_pixels_stay_at_every_radius(network, images, norm, radii):
    x, y = images
    mask = torch.zeros(len(x), *x.shape[2:], dtype=torch.bool)
    mask[:, ::2] = True
    s = attacks.sweep(network, x, y, norm, radii, steps=6, mask=mask)
    assert s.broken[-1].sum() > s.broken[0].sum()
    assert torch.equal(s.x_adv[:, :, 1::2], x[:, :, 1::2])


def test_a_sweep_finds_what_single_runs_find(network, images, norm, radii):
    x, y = images
    s = attacks.sweep(network, x, y, norm, radii, steps=12)
    single = torch.stack([attacks.pgd(network, x, y, norm, r, steps=12).broken for r in radii])
    assert s.broken.float().mean() >= single.float().mean() - 0.01


def test_robust_accuracy_is_a_frame_whatever_the_batches(network, images, norm, radii):
    x, y = images
    frame = attacks.robust_accuracy(network, (x, y), norm, eps=list(radii), steps=5, seed=1)
    assert list(frame.columns) == ["eps", "accuracy", "low", "high", "n"]
    assert frame.accuracy.is_monotonic_decreasing
    assert ((frame.low <= frame.accuracy) & (frame.accuracy <= frame.high)).all()
    assert (frame.n == len(x)).all()
    loader = list(zip(x.split(10), y.split(10)))
    assert frame.equals(attacks.robust_accuracy(network, loader, norm, eps=list(radii), steps=5, seed=1))


def test_wilson_against_scipy():
    from scipy.stats import binomtest

    for k, n in [(0, 10), (10, 10), (3, 17), (250, 500)]:
        ours = binomtest(k, n).proportion_ci(method="wilson")
        assert wilson(k, n) == pytest.approx((ours.low, ours.high), abs=1e-12)
    assert wilson(0, 0) == (0.0, 1.0)
