"""Resampling against plain loops and scipy.stats; coverage of all three intervals by simulation."""

import warnings

import numpy as np
import pytest
from scipy import stats

from pyadvspur import metrics
from pyadvspur.metrics.bca import _jackknife, bca_tails
from pyadvspur.metrics.cells import _row_sums, collect
from pyadvspur.metrics.draws import IMAGES, _normal, bayesian, generator, multinomial
from pyadvspur.metrics.resample import class_mean, estimate


def table(seed, n, classes, columns=2, missing=0.0, levels=1):
    rng = np.random.default_rng(seed)
    values = np.clip(rng.binomial(levels, rng.random((n, 1)) * 0.6 + 0.2, (n, columns)) / levels, 0, 1)
    values[rng.random((n, columns)) < missing] = np.nan
    values = values[~np.isnan(values).all(axis=1)]
    return values, rng.integers(0, classes, len(values)) * 3 - 1


def slow_means(values, strata, average):
    found = []
    for column in values.T:
        there = ~np.isnan(column)
        if average == "images":
            found.append(sum(column[there]) / there.sum())
        else:
            classes = sorted(set(strata[there]))
            found.append(
                sum(sum(column[there & (strata == c)]) / sum(there & (strata == c)) for c in classes)
                / len(classes)
            )
    return found


@pytest.mark.parametrize("average", ["images", "classes"])
@pytest.mark.parametrize(
    "seed, n, classes, columns, missing, levels",
    [(0, 1, 1, 1, 0, 1), (1, 200, 6, 2, 0, 1), (2, 90, 40, 2, 0.3, 1), (3, 400, 9, 4, 0.4, 5), (4, 300, 3, 1, 0, 300)],
)  # fmt: skip
def test_means_of_cells_equal_plain_loops(seed, n, classes, columns, missing, levels, average):
    values, strata = table(seed, n, classes, columns, missing, levels)
    cells = collect(values, strata, average)
    assert cells.count.sum() == len(values)
    assert cells.means() == pytest.approx(slow_means(values, strata, average), abs=1e-12)
    order = np.random.default_rng(9).permutation(len(values))
    again = collect(values[order], strata[order], average)
    for name in ("count", "value", "mass", "stratum", "share", "pattern", "patterns", "alike"):
        assert np.array_equal(getattr(cells, name), getattr(again, name)), name


@pytest.mark.parametrize("missing", [0.0, 0.3])
@pytest.mark.parametrize("average", ["images", "classes"])
def test_draws_have_the_moments_of_their_definition(average, missing):
    """Large classes: the variance of a stratified mean is the weighted sum of p(1 - p)/n."""
    values, strata = table(5, 1800, 4, 2, missing)
    cells = collect(values, strata, average)
    want = np.zeros(2)
    for j, column in enumerate(values.T):
        there = ~np.isnan(column)
        for c in np.unique(strata):
            mine = column[there & (strata == c)]
            share = len(mine) / there.sum() if average == "images" else 1 / len(np.unique(strata))
            want[j] += share**2 * mine.var() / len(mine)
    shared = lambda cells, rng, draws: bayesian(cells, IMAGES, draws)  # noqa: E731
    for draw in (bayesian, multinomial, shared):
        drawn = draw(cells, generator(0), 4000)
        assert drawn.mean(axis=0) == pytest.approx(cells.means(), abs=4 * np.sqrt(want.max() / 4000) + 2e-4)
        assert drawn.var(axis=0) == pytest.approx(want, rel=0.12)
        if not missing:
            shared = np.corrcoef(drawn.T)[0, 1]
            assert shared > 0.05  # columns of one image move together


def test_the_normal_that_stands_for_many_cells_agrees_with_the_draws(monkeypatch):
    values, strata = table(6, 4000, 20, 2, 0, 21)
    cells = collect(values, strata, "classes")
    assert len(cells.count) > 128
    fast = bayesian(cells, 0, 4000)
    assert _normal(cells, 0, 10, (0, 1)) is not None
    monkeypatch.setattr("pyadvspur.metrics.draws._MANY_CELLS", 10**9)
    exact = bayesian(cells, 0, 4000)
    assert np.cov(fast.T) == pytest.approx(np.cov(exact.T), rel=0.1)
    for q in (0.025, 0.5, 0.975):
        sd = exact.std(axis=0)
        assert np.quantile(fast, q, axis=0) == pytest.approx(
            np.quantile(exact, q, axis=0), abs=0.12 * sd.max()
        )


def test_few_cells_of_many_images_are_normal_too(monkeypatch):
    values, strata = table(10, 8000, 5, 2)
    cells = collect(values, strata, "classes")
    assert len(cells.count) <= 128
    fast = estimate(metrics.rfs, values, strata, key=0, draws=8000)
    monkeypatch.setattr("pyadvspur.metrics.draws._MANY_IMAGES", 10**9)
    exact = estimate(metrics.rfs, values, strata, key=0, draws=8000)
    assert fast != exact
    width = exact.high - exact.low
    assert (fast.low, fast.high) == pytest.approx((exact.low, exact.high), abs=0.03 * width)


def test_no_normal_near_the_ends():
    values, strata = np.ones((4000, 1)), np.arange(4000) % 400
    values[:3] = 0
    cells = collect(values, strata, "classes")
    assert len(cells.count) > 128
    assert _normal(cells, 0, 10, (0, 1)) is None
    found = estimate(np.asarray, values, strata, key=0)
    assert found.low < found.value < found.high < 1


def test_classes_of_one_image_do_not_hide_their_spread():
    """500 classes, one image each: within-class resampling alone would give an interval of width 0."""
    correct = (np.random.default_rng(0).random(500) < 0.7).astype(float)
    found = class_mean(correct, np.arange(500))
    wilson = metrics.image_mean(correct)
    assert found.high - found.low == pytest.approx(wilson.high - wilson.low, rel=0.1)
    mixed = class_mean(np.tile(correct, 3), np.r_[np.arange(500), np.repeat(np.arange(500), 2)])
    assert mixed.high - mixed.low > 0.5 * (wilson.high - wilson.low)


@pytest.mark.parametrize("formula", [metrics.bg_gap, metrics.rfs])
def test_percentile_and_bca_agree_with_scipy(formula):
    values = table(7, 60, 1, levels=300)[0]
    values[:40, 0] = 1.0  # skewed, so that BCa and percentile differ
    drawn = {}
    for method in ("percentile", "bca"):
        ours = estimate(formula, values, key=method, interval=method, draws=20000)
        theirs = stats.bootstrap(
            (values[:, 0], values[:, 1]), lambda x, y, axis=-1: formula(x.mean(axis=axis), y.mean(axis=axis)),
            paired=True, vectorized=True, n_resamples=20000, method=method, random_state=np.random.default_rng(0),
        ).confidence_interval  # fmt: skip
        width = theirs.high - theirs.low
        assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.05 * width)
        drawn[method] = ours
    assert drawn["percentile"] != drawn["bca"]


def test_the_jackknife_equals_leaving_out_images_one_by_one():
    values, strata = table(8, 70, 3, 2, 0.2)
    cells = collect(values, strata, "classes")
    cubes = squares = 0.0
    for c in np.unique(strata):
        rows = np.flatnonzero(strata == c)
        left = []
        for i in rows:
            kept = np.delete(np.arange(len(values)), i)
            left.append(metrics.bg_gap(*slow_means(values[kept], strata[kept], "classes")))
        influence = (len(rows) - 1) * (np.mean(left) - np.array(left)) / len(rows)
        cubes, squares = cubes + (influence**3).sum(), squares + (influence**2).sum()
    assert _jackknife(cells, metrics.bg_gap) == pytest.approx((cubes, squares), rel=1e-9, abs=1e-15)


def test_bca_without_anything_to_go_by_falls_back():
    found = estimate(metrics.bg_gap, np.ones((50, 2)), interval="bca")
    assert (found.value, "Bayesian" in found.note) == (0, True)
    assert found.low < 0 < found.high
    assert (
        bca_tails(0.0, np.zeros(9), collect(np.ones((5, 2)), None, "images"), metrics.bg_gap, (0.1, 0.9))
        is None
    )
    plain = estimate(metrics.bg_gap, np.ones((50, 2)), interval="percentile")
    assert (plain.low, plain.high) == (0, 0)  # what a plain bootstrap says when every image agrees


def test_undefined_resamples_are_counted():
    values = np.zeros((6, 2))
    values[0, 0] = 1
    formula = lambda x, y: metrics.rfs(x, y, undefined="nan")  # noqa: E731
    found = estimate(formula, values, interval="percentile", draws=500)
    assert found.value == -1
    assert "of 500 resamples undefined" in found.note
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert estimate(formula, values).note == ""


def coverage(make, truth, trials=200):
    found = [make(np.random.default_rng(t), t) for t in range(trials)]
    return np.mean([e.low <= truth <= e.high for e in found])


@pytest.mark.parametrize("interval, least", [("bayes", 0.92), ("percentile", 0.88), ("bca", 0.88)])
def test_class_stratified_rfs_covers(interval, least):
    """Ten unequal classes of their own accuracies, three noise trials an image as inner replicates."""
    rng = np.random.default_rng(0)
    label = np.repeat(np.arange(10), rng.integers(15, 45, 10))
    rate = rng.uniform(0.3, 0.9, (10, 2))
    truth = float(metrics.rfs(*rate.mean(axis=0)))

    def make(rng, t):
        # an image's own difficulty makes its trials agree: averaged, they are one outcome
        hard = rng.random((len(label), 1))
        values = np.mean([(hard < rate[label]) for _ in range(3)], axis=0)
        return estimate(metrics.rfs, values, label, key=t, interval=interval, draws=600)

    assert coverage(make, truth) >= least


def test_small_classes_cover():
    three = np.arange(120) // 3  # below the size that is resampled alone
    eight = np.arange(160) // 8
    for label in (three, eight):

        def make(rng, t, label=label):
            values = (rng.random((len(label), 1)) < 0.8).astype(float)
            return estimate(np.asarray, values, label, key=t, draws=400)

        assert coverage(make, 0.8) >= 0.92


def test_the_bayesian_interval_is_the_safe_one_at_the_ends():
    """Accuracies of .97 and .99 over 50 images: why it is the default (bench/check_coverage.py has more)."""
    cells = np.array([(1, 1), (0, 1), (1, 0), (0, 0)], float)
    p = (0.965, 0.025, 0.005, 0.005)
    truth = metrics.bg_gap(p[0] + p[2], p[0] + p[1])

    def make(interval):
        return lambda rng, t: estimate(
            metrics.bg_gap, cells[rng.choice(4, 50, p=p)], key=t, interval=interval, draws=400
        )

    found = {interval: coverage(make(interval), truth) for interval in ("bayes", "percentile")}
    assert found["bayes"] >= 0.92
    assert found["percentile"] < 0.85


@pytest.mark.parametrize("most", [1, 2, 3, 8, 9, 40])
def test_sums_of_few_rows_are_numpys(most):
    rng = np.random.default_rng(most)
    sizes = rng.integers(1, most + 1, 11)
    start = np.r_[0, np.cumsum(sizes)[:-1]]
    for rows in (
        rng.standard_gamma(1, (sizes.sum(), 333)),
        rng.standard_gamma(1, (sizes.sum(), 666))[:, ::2],
    ):
        np.testing.assert_array_max_ulp(_row_sums(rows, start), np.add.reduceat(rows, start, axis=0), 1)
