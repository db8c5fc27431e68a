"""Formulas against worked values of their sources."""

import numpy as np
import pytest

from pyadvspur import AdvSpurError, metrics


def test_rfs_worked_values():
    assert metrics.rfs(0.2, 0.4) == pytest.approx(1 / 3)
    assert metrics.rfs(0.6, 0.8) == pytest.approx(1 / 3)
    assert metrics.rfs(0.0, 0.0) == 0
    assert metrics.rfs(1.0, 1.0) == 0
    assert metrics.rfs(0.0, 1.0) == 1


def test_rfs_is_antisymmetric_and_bounded():
    a, b = np.random.default_rng(0).random((2, 1000))
    assert np.allclose(metrics.rfs(a, b), -metrics.rfs(b, a))
    assert np.abs(metrics.rfs(a, b)).max() <= 1
    assert np.array_equal(metrics.rcs(b, a), metrics.rfs(a, b))


def test_percentages_are_refused():
    with pytest.raises(AdvSpurError, match="divided by 100"):
        metrics.rfs(20, 40)


def test_bg_gap_of_the_published_resnet50():
    assert metrics.bg_gap(0.862, 0.789) == pytest.approx(0.073)
    assert metrics.relative_gap(0.862, 0.789) == pytest.approx(0.073 / 0.862)
    assert np.isnan(metrics.relative_gap(0.0, 0.0))


def test_adjusted_average_of_a_place_only_classifier():
    # a classifier that reads only the place: right on groups 0 and 3, wrong on 1 and 2
    group = np.repeat([0, 1, 2, 3], [2255, 2255, 642, 642])
    correct = np.isin(group, [0, 3])
    adjusted = metrics.group_mean(correct, group, [3498, 184, 56, 1057])
    assert adjusted.value == pytest.approx(0.94995, abs=5e-5)
    assert metrics.image_mean(correct).value == pytest.approx(0.5)
    assert metrics.worst_group(correct, group).value == 0


def test_effective_robustness_of_published_models():
    # (accuracy on the 125 outputs, on ObjectNet, published excess in points)
    for reference, shifted, points in [(0.7147, 0.2674, 0.4), (0.7886, 0.3575, 1.2), (0.5661, 0.1386, -2.0)]:
        assert 100 * metrics.effective_robustness(reference, shifted) == pytest.approx(points, abs=0.06)


def test_trend_recovers_a_line():
    trend = metrics.Trend(0.9, -1.0)
    reference = np.linspace(0.3, 0.9, 7)
    fitted = metrics.fit_trend(reference, trend.predict(reference))
    assert (fitted.slope, fitted.intercept) == pytest.approx((0.9, -1.0))
    with pytest.raises(AdvSpurError):
        metrics.effective_robustness(1.0, 0.5)
