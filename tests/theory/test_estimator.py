"""AdversarialLinearRegression against CVXPY, against its own certificate, and against scikit-learn's rules."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.utils.estimator_checks import check_estimator

from pyadvspur import AdvSpurError
from pyadvspur.native import finite
from pyadvspur.theory import AdversarialLinearRegression

NORMS = ("linf", "l2", "l1")
DUAL = {"linf": 1, "l2": 2, "l1": np.inf}


def sample(n: int, d: int, seed: int = 0, noise: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d)) @ (np.eye(d) + 0.5 * rng.normal(size=(d, d)) / np.sqrt(d))
    weights = rng.normal(size=d) * (rng.random(d) < 0.5)
    return x + rng.normal(size=d), x @ weights + noise * rng.normal(size=n) + 3.0


def objective(x, y, coef, intercept, eps, norm) -> float:
    return float(np.mean((np.abs(x @ coef + intercept - y) + eps * np.linalg.norm(coef, DUAL[norm])) ** 2))


def peer(x, y, norm, eps, fit_intercept) -> float:
    """The optimal value by CVXPY and Clarabel."""
    cvxpy = pytest.importorskip("cvxpy")
    w, b = cvxpy.Variable(x.shape[1]), cvxpy.Variable()
    residual = cvxpy.abs(x @ w + (b if fit_intercept else 0) - y)
    worst = residual + eps * cvxpy.norm(w, "inf" if norm == "l1" else DUAL[norm])
    problem = cvxpy.Problem(cvxpy.Minimize(cvxpy.sum_squares(worst) / len(x)))
    return problem.solve(solver="CLARABEL")


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize(
    "n, d, fraction, fit_intercept",
    [(40, 5, 0.3, True), (120, 8, 0.05, False), (120, 8, 0.6, True), (12, 30, 0.2, False),
     (12, 30, 0.7, True), (9, 9, 0.5, True)],
)  # fmt: skip
def test_value_equals_that_of_cvxpy(norm, n, d, fraction, fit_intercept):
    x, y = sample(n, d, seed=n + d)
    critical = AdversarialLinearRegression(norm, 0.1, fit_intercept=fit_intercept).fit(x, y).critical_eps_
    model = AdversarialLinearRegression(norm, fraction * critical, fit_intercept=fit_intercept).fit(x, y)
    value = objective(x, y, model.coef_, model.intercept_, model.eps, norm)
    assert value == pytest.approx(model.objective_, rel=1e-12)
    assert value == pytest.approx(peer(x, y, norm, model.eps, fit_intercept), rel=1e-7)
    assert model.duality_gap_ <= 1e-8


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("n, d", [(200, 20), (1000, 50), (60, 20), (20, 100), (5, 3), (2, 4)])
def test_gap_is_small_at_every_radius(norm, n, d):
    x, y = sample(n, d, seed=3)
    critical = AdversarialLinearRegression.path(x, y, norm, [0.1]).critical_eps
    path = AdversarialLinearRegression.path(x, y, norm, critical * np.geomspace(1e-5, 0.999, 14))
    assert path.duality_gap.max() <= 1e-8
    assert np.all(np.diff(path.objective) > 0)


@pytest.mark.parametrize("norm", NORMS)
def test_path_equals_separate_fits(norm):
    x, y = sample(150, 10)
    grid = [0.5, 0.0, 0.02, 100.0]
    path = AdversarialLinearRegression.path(x, y, norm, grid)
    for k, eps in enumerate(grid):
        model = AdversarialLinearRegression(norm, eps).fit(x, y)
        np.testing.assert_array_equal(model.coef_, path.coef[k])
        assert model.intercept_ == path.intercept[k]
    assert list(path.frame().columns[:3]) == ["eps", "objective", "duality_gap"]


@pytest.mark.parametrize("norm", NORMS)
def test_screening_changes_nothing(norm):
    x, y = sample(400, 12)
    x, y = np.ascontiguousarray(x - x.mean(0)), y - y.mean()
    fits = [
        finite.fit(x, y, norm, [0.01, 0.1, 0.4], intercept=True, screen=screen) for screen in (True, False)
    ]
    np.testing.assert_allclose(fits[0].objective, fits[1].objective, rtol=2e-9)
    assert np.all(fits[0].rounds > 0)
    assert np.all(fits[1].rounds == 0)


@pytest.mark.parametrize("norm", NORMS)
def test_zero_exactly_from_the_critical_radius_on(norm):
    x, y = sample(50, 6)
    critical = AdversarialLinearRegression(norm).fit(x, y).critical_eps_
    beyond = AdversarialLinearRegression(norm, critical * (1 + 1e-9)).fit(x, y)
    assert not beyond.coef_.any()
    assert beyond.intercept_ == pytest.approx(y.mean())
    assert beyond.duality_gap_ == 0
    before = AdversarialLinearRegression(norm, critical * (1 - 1e-3)).fit(x, y)
    assert before.coef_.any()
    assert before.duality_gap_ <= 1e-8


def test_linf_attack_leaves_exact_zeros():
    x, y = sample(300, 30)
    path = AdversarialLinearRegression.path(x, y, "linf", [0.3])
    assert 0 < np.count_nonzero(path.coef[0]) < 30


@pytest.mark.parametrize("norm", NORMS)
def test_radius_zero_is_least_squares_of_smallest_norm(norm):
    for n, d in [(50, 6), (6, 50)]:
        x, y = sample(n, d)
        model = AdversarialLinearRegression(norm, 0).fit(x, y)
        expected = np.linalg.lstsq(x - x.mean(0), y - y.mean(), rcond=None)[0]
        np.testing.assert_allclose(model.coef_, expected, atol=1e-9)
        assert model.duality_gap_ <= 1e-9


@pytest.mark.parametrize("norm", NORMS)
def test_fewer_samples_than_features_interpolates_at_small_radii(norm):
    x, y = sample(8, 40)
    a, b = (AdversarialLinearRegression(norm, eps, fit_intercept=False).fit(x, y) for eps in (1e-3, 2e-3))
    np.testing.assert_allclose(x @ a.coef_, y, atol=1e-7)
    # The same interpolating weights, those of smallest norm: the objective is (eps N)^2.
    assert b.objective_ == pytest.approx(4 * a.objective_, rel=1e-7)
    assert max(a.duality_gap_, b.duality_gap_) <= 1e-8


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("x_scale, y_scale", [(2.0**-40, 2.0**40), (2.0**40, 2.0**-40), (2.0**300, 1.0)])
def test_scales_do_not_matter(norm, x_scale, y_scale):
    x, y = sample(80, 7)
    base = AdversarialLinearRegression(norm, 0.2).fit(x, y)
    scaled = AdversarialLinearRegression(norm, 0.2 * x_scale).fit(x * x_scale, y * y_scale)
    np.testing.assert_array_equal(scaled.coef_ * (x_scale / y_scale), base.coef_)


@pytest.mark.parametrize("norm", NORMS)
def test_degenerate_samples(norm):
    x, y = sample(60, 5)
    fit = AdversarialLinearRegression(norm, 0.1).fit
    assert not fit(x, np.full(60, 0.1)).coef_.any()  # y constant
    assert fit(x[:1], y[:1]).predict(x[:1]) == pytest.approx(y[:1])  # one sample
    constant = fit(np.column_stack([x, np.full(60, 0.3)]), y)
    assert constant.coef_[-1] == 0
    assert constant.duality_gap_ <= 1e-8
    twice = fit(np.column_stack([x, x]), y)
    assert twice.duality_gap_ <= 1e-8
    assert fit(x * 0, y).predict(x * 0) == pytest.approx(np.full(60, y.mean()))
    exact = fit(x, x @ np.arange(5.0))  # no noise at all
    assert exact.duality_gap_ <= 1e-8
    repeated = fit(np.repeat(x, 3, axis=0), np.repeat(y, 3))
    assert repeated.objective_ == pytest.approx(fit(x, y).objective_, rel=1e-8)


def test_threads_of_blas_do_not_matter():
    threadpoolctl = pytest.importorskip("threadpoolctl")
    x, y = sample(600, 60)
    fits = []
    for threads in (1, 2):
        with threadpoolctl.threadpool_limits(threads):
            fits.append(AdversarialLinearRegression("l2", 0.1).fit(x, y))
    np.testing.assert_allclose(fits[0].coef_, fits[1].coef_, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    "options, named",
    [({"norm": "l3"}, "norm"), ({"eps": -1}, "eps"), ({"eps": np.nan}, "eps"),
     ({"eps": [0.1, 0.2]}, "eps"), ({"eps": "a"}, "eps"), ({"tol": 0}, "tol"), ({"max_iter": 0}, "max_iter")],
)  # fmt: skip
def test_bad_options_are_named(options, named):
    x, y = sample(20, 3)
    with pytest.raises(AdvSpurError, match=f"{named} got"):
        AdversarialLinearRegression(**options).fit(x, y)


def test_bad_arrays_are_refused():
    x, y = sample(20, 3)
    with pytest.raises(AdvSpurError, match="NaN"):
        AdversarialLinearRegression().fit(np.where(x > 1, np.nan, x), y)
    with pytest.raises(AdvSpurError, match="inconsistent"):
        AdversarialLinearRegression().fit(x, y[:-1])
    with pytest.raises(AdvSpurError, match="path"):
        AdversarialLinearRegression.path(x, y[:-1], "l2", [0.1])
    with pytest.raises(AdvSpurError, match="3 features"):
        AdversarialLinearRegression().fit(x, y).predict(x[:, :2])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@pytest.mark.parametrize("norm", NORMS)
def test_scikit_learn_accepts_it(norm):
    check_estimator(AdversarialLinearRegression(norm))


def awkward(kind: str, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Small samples of the kinds that break solvers: ties, rank deficiency, exact fits, heavy tails, wild scales."""
    n, d = int(rng.integers(1, 100)), int(rng.integers(1, 30))
    x, y = rng.normal(size=(n, d)), rng.normal(size=n)
    match kind:
        case "integers":
            return rng.integers(-2, 3, (n, d)).astype(float), rng.integers(-3, 4, n).astype(float)
        case "rare ones":
            return (rng.random((n, d)) < 0.1).astype(float), (rng.random(n) < 0.3).astype(float)
        case "low rank":
            return x[:, : 1 + d // 3] @ rng.normal(size=(1 + d // 3, d)), y
        case "twins":
            return np.repeat(x, 2, axis=1), x.sum(axis=1) + y
        case "exact":
            return x, x @ rng.normal(size=d)
        case "heavy tails":
            return rng.standard_cauchy((n, d)), rng.standard_cauchy(n)
        case "scales":
            return x * 10.0 ** rng.uniform(-4, 4, d), x.sum(axis=1) + 0.1 * y
    raise AssertionError(kind)


@pytest.mark.parametrize(
    "kind", ["integers", "rare ones", "low rank", "twins", "exact", "heavy tails", "scales"]
)
def test_awkward_samples_are_certified(kind):
    rng = np.random.default_rng(7)
    for _ in range(25):
        x, y = awkward(kind, rng)
        for norm in NORMS:
            critical = AdversarialLinearRegression.path(x, y, norm, [1e30]).critical_eps
            if 0 < critical < np.inf:
                eps = critical * 10.0 ** rng.uniform(-4, 0, size=2)
                path = AdversarialLinearRegression.path(x, y, norm, eps)
                assert path.duality_gap.max() <= 1e-8
                for k in range(2):
                    value = objective(x, y, path.coef[k], path.intercept[k], eps[k], norm)
                    assert value == pytest.approx(path.objective[k], rel=1e-8)
