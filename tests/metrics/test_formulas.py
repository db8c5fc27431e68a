"""Formulas against worked values of their sources."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

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


SHARES = st.floats(0, 1)


@given(SHARES, SHARES)
def test_ratios_stay_in_range_and_change_sign_with_their_arguments(a, b):
    for ratio in (metrics.rfs, metrics.rcs, metrics.irfs):
        value = ratio(a, b)
        assert -1 <= value <= 1
        assert value == -ratio(b, a)
        # accuracy read as error: the same reliance
        assert value == pytest.approx(ratio(1 - b, 1 - a), abs=1e-6 if 1e-9 < (a + b) / 2 < 1 - 1e-9 else 2)
    assert metrics.rfs(a, b) == metrics.rcs(b, a)
    assert metrics.bg_gap(a, b) == -metrics.bg_gap(b, a) == metrics.drop(a, b)
    if a > 1e-9:
        assert metrics.relative_drop(a, b) == metrics.relative_gap(a, b) <= 1


@given(st.floats(1e-6, 1 - 1e-6), SHARES, st.floats(0.1, 3), st.floats(-3, 3))
def test_effective_robustness_is_the_distance_to_the_line(reference, shifted, slope, intercept):
    trend = metrics.Trend(slope, intercept)
    value = metrics.effective_robustness(reference, shifted, (slope, intercept))
    assert value == metrics.effective_robustness(reference, shifted, trend)
    assert value == pytest.approx(shifted - trend.predict(reference), abs=1e-12)
    assert -1 <= value <= 1


def test_the_shipped_trend_gives_the_published_residuals(data_dir):
    import json

    facts = json.loads((data_dir / "facts" / "objectnet_reference.json").read_text())
    trend, fit = metrics.OBJECTNET_TREND, facts["fit"]
    assert (trend.slope, trend.intercept, trend.n) == pytest.approx(
        (fit["slope"], fit["intercept"], fit["n"])
    )
    assert trend.residual_sd == pytest.approx(fit["residual_sd_points"] / 100)
    for row in facts["rows"]:
        reference, shifted = row["val_on_objectnet_classes"] / 100, row["objectnet"] / 100
        points = 100 * metrics.effective_robustness(reference, shifted)
        assert points == pytest.approx(row["effective_robustness_points"], abs=0.006)
        assert 100 * metrics.drop(reference, shifted) == pytest.approx(row["drop_points"], abs=0.006)
        assert metrics.relative_drop(reference, shifted) == pytest.approx(row["relative_drop"], abs=6e-5)


def test_published_gaps_and_averages(data_dir):
    import json

    table = json.loads((data_dir / "facts" / "in9_reference.json").read_text())["table"]
    for row in table:
        gap = metrics.bg_gap(row["mixed_same"] / 100, row["mixed_rand"] / 100)
        assert 100 * gap == pytest.approx(row["bg_gap"], abs=1e-9)
    birds = json.loads((data_dir / "facts" / "waterbirds.json").read_text())
    group = np.repeat(np.arange(4), birds["counts"]["test"])
    place = birds["place_only_classifier_test"]
    right = np.isin(group, [0, 3])
    assert metrics.group_mean(right, group, birds["counts"]["train"]).value == pytest.approx(
        place["adjusted"], abs=1e-12
    )
    assert metrics.worst_group(right, group).value == place["wga"]
    land = metrics.image_mean(group < 2)
    assert land.value == pytest.approx(birds["majority_class_test_acc"], abs=1e-12)


def test_a_fitted_trend_knows_its_models():
    reference = np.array([0.5, 0.6, 0.7, 0.8])
    line = metrics.Trend(1.1, -1.7)
    shifted = line.predict(reference) + np.array([0.01, -0.01, -0.01, 0.01])
    fitted = metrics.fit_trend(reference, shifted)
    assert fitted.n == 4
    assert fitted.residual_sd == pytest.approx(0.01, rel=0.2)
    logit = lambda p: np.log(p / (1 - p))  # noqa: E731
    assert (fitted.slope, fitted.intercept) == pytest.approx(np.polyfit(logit(reference), logit(shifted), 1))
