"""Intervals: known values, and coverage by simulation."""

import numpy as np
import pytest
from scipy.stats import binomtest

from pyadvspur import AdvSpurError, metrics
from pyadvspur.metrics.resample import estimate


@pytest.mark.parametrize("successes, n", [(0, 10), (10, 10), (3, 10), (713, 795)])
def test_wilson_agrees_with_scipy(successes, n):
    ours = metrics.proportion_interval(successes, n)
    theirs = binomtest(successes, n).proportion_ci(method="wilson")
    assert ours == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_no_images_means_no_knowledge():
    assert metrics.proportion_interval(0, 0) == (0.0, 1.0)
    with pytest.raises(AdvSpurError):
        metrics.proportion_interval(11, 10)


def _coverage(make, truth, trials=300):
    inside = 0
    for t in range(trials):
        found = make(np.random.default_rng(t), t)
        inside += found.low <= truth <= found.high
    return inside / trials


@pytest.mark.parametrize("p", [(0.30, 0.25, 0.30, 0.15), (0.93, 0.05, 0.01, 0.01)])
@pytest.mark.parametrize("formula", [metrics.bg_gap, metrics.rfs])
def test_paired_intervals_cover(p, formula):
    """Four joint outcomes of a paired image, n = 150: the 95 % interval covers in about 95 % of the runs."""
    cells = np.array([(1, 1), (1, 0), (0, 1), (0, 0)], dtype=float)
    truth = float(formula(p[0] + p[1], p[0] + p[2]))

    def make(rng, t):
        return estimate(formula, cells[rng.choice(4, 150, p=p)], key=t)

    assert _coverage(make, truth) >= 0.91


def test_pairing_narrows_the_gap():
    rng = np.random.default_rng(0)
    same = rng.random(500) < 0.8
    rand = same & (rng.random(500) < 0.95)
    table = np.stack([same, rand], axis=1).astype(float)
    apart = np.full((1000, 2), np.nan)
    apart[:500, 0], apart[500:, 1] = table[:, 0], table[:, 1]
    paired, unpaired = estimate(metrics.bg_gap, table), estimate(metrics.bg_gap, apart)
    assert paired.value == pytest.approx(unpaired.value)
    assert paired.high - paired.low < 0.6 * (unpaired.high - unpaired.low)


def test_an_interval_keeps_a_width_when_all_images_agree():
    found = estimate(metrics.bg_gap, np.ones((100, 2)))
    assert found.value == 0
    assert found.low < -0.005
    assert found.high > 0.005


def test_worst_group_covers_where_groups_are_equal():
    """Where groups are equal, the naive interval fails: the observed minimum lies below the truth."""
    group = np.repeat(np.arange(4), 100)
    naive = [0]

    def make(rng, t):
        correct = rng.random(400) < 0.7
        groups = metrics.group_accuracy(correct, group)
        worst = min(groups.values(), key=lambda e: e.value)
        naive[0] += worst.low <= 0.7 <= worst.high
        return metrics.worst_group(correct, group)

    assert _coverage(make, 0.7) >= 0.94
    assert naive[0] / 300 < 0.93


def test_group_mean_covers():
    group = np.repeat(np.arange(3), [30, 60, 300])
    rate, weights = np.array([0.98, 0.5, 0.9]), [1, 2, 7]
    truth = float(rate @ weights / 10)

    def make(rng, t):
        return metrics.group_mean(rng.random(390) < rate[group], group, weights)

    assert _coverage(make, truth) >= 0.92


def test_draws_depend_on_the_key_only():
    table = (np.random.default_rng(1).random((200, 2)) < 0.6).astype(float)
    first = estimate(metrics.rfs, table, key="a")
    assert first == estimate(metrics.rfs, table[::-1], key="a")
    assert first != estimate(metrics.rfs, table, key="b")
