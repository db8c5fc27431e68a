"""Solution paths against 60-digit answers, closed forms, an independent solver, and their own certificates."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import integer_problem, least_risk
from samples import random_problem, read_samples

from pyadvspur import AdvSpurError
from pyadvspur.theory import LinearProblem
from pyadvspur.theory.norms import NORMS, C
from pyadvspur.theory.reference import radius_of

FRACTIONS = np.array([1e-6, 1e-3, 0.05, 0.3, 0.5, 0.63, 0.7, 0.9, 0.98, 0.9999])


def test_samples(data_dir):
    count = 0
    for problem, answer in read_samples(data_dir):
        got = problem.path(answer["norm"]).at(answer["eps"])
        assert got.risk == pytest.approx(answer["value"], rel=1e-12)
        assert got.gap <= 1e-10 * got.risk
        assert got.unique is answer["theta_unique"]
        assert got.standard_risk == pytest.approx(answer["natural_risk"], rel=1e-9)
        if answer["theta_unique"]:
            theta = np.array(answer["theta"])
            np.testing.assert_allclose(
                got.theta, theta, rtol=0, atol=1e-11 * max(np.abs(theta).max(), 1e-300)
            )
            assert not got.theta[theta == 0].any()
        count += 1
    assert count == 81


# ---- closed forms (docs/theory.md, two features and one feature) ------------------------------------------------


@pytest.mark.parametrize("norm", NORMS)
def test_one_feature_without_noise(norm):
    problem = LinearProblem([[4.0]], [3.0], 0.0, [0])
    path = problem.path(norm)
    h = np.array([0.1, C, 0.9, 1.0, 1.2, 1 / C, 2.0])
    expected = np.clip((1 - C * h) / (1 - 2 * C * h + h * h), 0, 1)
    expected[h <= C], expected[h >= 1 / C] = 1, 0
    np.testing.assert_allclose(path.at(2 * h).theta[:, 0] / 3, expected, atol=1e-14)
    assert path.critical_eps == pytest.approx(2 / C, rel=1e-15)
    assert path.plateau_eps == pytest.approx(2 * C, rel=1e-14)


def test_two_features_linf_relies_on_the_spurious_feature_alone_for_a_while():
    problem = LinearProblem.two_feature(0.75, 1.0, 2.0, noise_std=0.5)
    path = problem.path("linf")
    assert path.critical_eps == pytest.approx(1.681497, abs=1e-6)
    np.testing.assert_allclose(path.knots, [0.903580, path.critical_eps], atol=1e-6)
    assert path.spurious_onset == 0
    assert path.at(1.0).theta[0] == 0
    assert path.at(1.0).spurious_share == 1
    lam = path.at(0.5).multiplier
    expected = [1 - lam * (2 - 0.75) / (2 * (1 - 0.75**2)), lam * (0.75 * 2 - 1) / (4 * (1 - 0.75**2))]
    np.testing.assert_allclose(path.at(0.5).theta, expected, rtol=1e-13)


def test_two_features_l1_weights_end_up_equal():
    problem = LinearProblem.two_feature(0.75, 1.0, 1.0, noise_std=0.5)
    path = problem.path("l1")
    assert path.knots[0] / path.critical_eps == pytest.approx(0.229, abs=1e-3)
    late = path.at(0.5 * path.critical_eps)
    assert late.theta[0] == late.theta[1]
    early = path.at(0.1 * path.critical_eps)
    assert early.theta[1] == pytest.approx(0.75 * (1 - early.theta[0]), rel=1e-13)


def test_two_features_l2_follows_ridge_regression():
    problem = LinearProblem.two_feature(-0.6, 1.0, 3.0, noise_std=0.2)
    got = problem.path("l2").at(0.7)
    mu = got.multiplier / np.linalg.norm(got.theta)
    np.testing.assert_allclose(
        got.theta, np.linalg.solve(problem.cov + mu * np.eye(2), problem.correlation_with_label), rtol=1e-13
    )


# ---- degenerate inputs ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("norm", NORMS)
def test_ends_of_the_path(norm):
    problem = random_problem(np.random.default_rng(0))
    path = problem.path(norm)
    none, all_, beyond = path.at(0.0), path.at(path.critical_eps), path.at(1e9)
    np.testing.assert_array_equal(none.theta, problem.theta)
    assert none.risk == none.standard_risk == 0.25
    assert none.gap == 0
    assert none.unique
    for end in (all_, beyond):
        assert not end.theta.any()
        assert end.unique
        assert end.risk == pytest.approx(problem.label_variance, rel=1e-15)
        assert end.spurious_weight == end.spurious_share == 0
    just = path.at(path.critical_eps * (1 - 1e-9))
    assert just.theta.any()
    assert just.risk == pytest.approx(problem.label_variance, rel=1e-8)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("theta", [[0.0, 0.0], [1.0, -1.0]])
def test_a_label_that_no_feature_predicts(norm, theta):
    problem = LinearProblem([[1.0, 1.0], [1.0, 1.0]], theta, 0.5, [0, 1])
    path = problem.path(norm)
    got = path.at([0.0, 0.1, 3.0])
    assert path.critical_eps == path.plateau_eps == 0
    assert path.spurious_onset == np.inf
    np.testing.assert_array_equal(got.theta, [theta, [0, 0], [0, 0]])
    np.testing.assert_array_equal(got.risk, 0.25)


@pytest.mark.parametrize("norm", NORMS)
def test_without_noise_nothing_happens_on_the_plateau(norm):
    problem = random_problem(np.random.default_rng(4), noise_std=0.0)
    path = problem.path(norm)
    assert 0 < path.plateau_eps <= C * C * path.critical_eps * (1 + 1e-12)
    inside, outside = (
        path.at(path.plateau_eps * np.array([1e-3, 0.5, 0.999999])),
        path.at(path.plateau_eps * 1.01),
    )
    np.testing.assert_array_equal(inside.theta, [problem.theta] * 3)
    assert (inside.multiplier == 0).all()
    assert (inside.gap <= 1e-10 * inside.risk).all()
    assert outside.multiplier > 0
    assert path.spurious_onset >= path.plateau_eps * (1 - 1e-12)


def test_duplicates_split_by_norm():
    cov, theta = np.ones((3, 3)), [1.0, 0.0, 0.0]
    radii = np.array([0.2, 0.6])
    l2, linf, l1 = (LinearProblem(cov, theta, 0.5, [0]).path(norm).at(radii) for norm in ("l2", "linf", "l1"))
    alone = LinearProblem([[1.0]], [1.0], 0.5, [0])
    np.testing.assert_allclose(l2.theta, np.repeat(l2.theta[:, :1], 3, axis=1), rtol=1e-13)
    assert l2.unique.all()
    assert not linf.unique.any()
    assert l1.unique.all()
    np.testing.assert_allclose(linf.risk, alone.path("linf").at(radii).risk, rtol=1e-13)
    np.testing.assert_allclose(l2.risk, alone.path("l2").at(radii / np.sqrt(3)).risk, rtol=1e-13)
    np.testing.assert_allclose(l1.risk, alone.path("l1").at(radii / 3).risk, rtol=1e-13)
    assert not linf.theta[:, 1:].any()  # among equals, core features are preferred


@pytest.mark.parametrize("rho", [-1.0, 1.0])
@pytest.mark.parametrize("norm", NORMS)
def test_perfect_correlation(norm, rho):
    problem = LinearProblem.two_feature(rho, 1.0, 2.0, noise_std=0.5)
    got = problem.path(norm).at(FRACTIONS * problem.path(norm).critical_eps)
    assert (got.gap <= 1e-10 * got.risk).all()
    if norm == "linf":
        assert not got.theta[:, 0].any()  # the larger feature does all


def test_features_that_cannot_matter_get_exact_zeros():
    cov = np.zeros((5, 5))
    cov[:2, :2] = [[2.0, 0.3], [0.3, 1.0]]
    cov[3:, 3:] = [[1.0, 0.9], [0.9, 1.0]]  # feature 2 does not vary; 3 and 4 know nothing of the label
    problem = LinearProblem(cov, [1.0, 0, 0, 0, 0], 0.3, [0])
    for norm in NORMS:
        got = problem.path(norm).at([0.1, 0.5])
        assert not got.theta[:, 2:].any()
        assert got.theta[:, :1].all()
        assert got.unique.all() == (norm != "l1")  # any weight up to N on feature 2 costs nothing under l1


@pytest.mark.parametrize("cov", [np.eye(6), np.full((6, 6), 0.5) + 0.5 * np.eye(6)])
@pytest.mark.parametrize("norm", NORMS)
def test_ties(norm, cov):
    for theta in ([1.0, 1, 1, 1, 0, 0], [1.0, -1, 1, -1, 0, 0], [2.0, 1, 1, 0, 0, 0]):
        for noise_std in (0.0, 0.5):
            problem = LinearProblem(cov, theta, noise_std, [0, 1, 2, 3])
            got = problem.path(norm).at(FRACTIONS * problem.path(norm).critical_eps)
            assert (got.gap <= 1e-12 * got.risk).all()


@pytest.mark.parametrize("power", [-40, -13, 0, 17, 40])
@pytest.mark.parametrize("norm", NORMS)
def test_scales_are_free(norm, power):
    plain, scale = random_problem(np.random.default_rng(7), d=8, n_core=3), 2.0**power
    scaled = LinearProblem(plain.cov * scale**2, plain.theta, plain.noise_std * scale, plain.core)
    a, b = plain.path(norm), scaled.path(norm)
    radii = FRACTIONS * a.critical_eps
    one, other = a.at(radii), b.at(radii * scale)
    np.testing.assert_allclose(other.theta, one.theta, rtol=0, atol=1e-13)
    np.testing.assert_allclose(other.risk, one.risk * scale**2, rtol=1e-13)
    spread = np.where(plain.core, 1.0, scale)  # only the spurious features change their unit
    uneven = LinearProblem(
        plain.cov * np.outer(spread, spread), plain.theta, plain.noise_std, plain.core
    ).path(norm)
    got = uneven.at(FRACTIONS * uneven.critical_eps)
    assert (got.gap <= 1e-9 * got.risk).all()


def test_heavy_noise():
    problem = random_problem(np.random.default_rng(3), noise_std=1e3)
    for norm in NORMS:
        got = problem.path(norm).at(FRACTIONS * problem.path(norm).critical_eps)
        assert (got.gap <= 1e-12 * got.risk).all()


# ---- properties -------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(0, 2**32 - 1))
def test_integer_covariances_against_clarabel(seed):
    rng = np.random.default_rng(seed)
    factor, theta, noise_std, core = integer_problem(rng)
    problem = LinearProblem(factor.T @ factor, theta, noise_std, core)
    for norm in NORMS:
        path = problem.path(norm)
        if path.critical_eps == 0:
            continue
        eps = path.critical_eps * rng.choice([0.01, 0.1, 0.4, 0.64, 0.9])
        got = path.at(eps)
        assert got.gap <= 1e-9 * got.risk
        assert got.risk == pytest.approx(least_risk(factor, theta, noise_std, eps, norm), rel=1e-6)
        # without noise s = 0 is possible, and the plain formula loses half its digits in sqrt(rounding error)
        plain = problem.adversarial_risk(got.theta, eps, norm)
        assert got.risk == pytest.approx(plain, rel=1e-11 if noise_std else 1e-5)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(0, 2**32 - 1))
def test_along_a_path_risk_grows_and_norms_shrink(seed):
    factor, theta, noise_std, core = integer_problem(np.random.default_rng(seed), d_max=14)
    problem = LinearProblem(factor.T @ factor, theta, noise_std, core)
    for norm in NORMS:
        path = problem.path(norm)
        if path.critical_eps == 0:
            continue
        got = path.at(np.geomspace(1e-4, 1, 200) * path.critical_eps)
        slack = 1e-11 * problem.label_variance
        assert (np.diff(got.risk) >= -slack).all()
        assert (np.diff(got.standard_risk) >= -slack).all()
        lengths = np.linalg.norm(got.theta, {"l2": 2, "linf": 1, "l1": np.inf}[norm], axis=1)
        assert (np.diff(lengths) <= 1e-9 * lengths.max()).all()
        assert (got.gap <= 1e-9 * got.risk).all()
        assert (np.diff(path.knots) > 0).all()


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("d", [3, 40, 130, 300])
def test_large_and_small_problems_are_certified(norm, d):
    problem = random_problem(np.random.default_rng(d), d=d, n_core=max(1, d // 4))
    path = problem.path(norm)
    got = path.at(FRACTIONS[1:] * path.critical_eps)
    assert (got.gap <= 1e-9 * got.risk).all()
    for eps, theta, risk in zip(got.eps, got.theta, got.risk):
        assert risk == pytest.approx(problem.adversarial_risk(theta, eps, norm), rel=1e-12)


@pytest.mark.parametrize("norm", NORMS)
def test_radii_in_any_order_one_by_one_or_together(norm):
    problem = random_problem(np.random.default_rng(5), d=12, n_core=4)
    radii = np.random.default_rng(0).permutation(FRACTIONS) * problem.path(norm).critical_eps
    together = problem.path(norm).at(radii)
    path = problem.path(norm)
    for i, eps in enumerate(radii):
        one = path.at(float(eps))
        assert isinstance(one.risk, float)
        assert isinstance(one.unique, bool)
        np.testing.assert_allclose(one.theta, together.theta[i], rtol=1e-10, atol=1e-13)
        assert one.eps == together.eps[i]
    empty = path.at([])
    assert empty.theta.shape == (0, 12)
    assert empty.risk.shape == (0,)


def test_onset_by_hand():
    # Two independent cores of opposite sign pull the spurious feature apart. While only the first has weight,
    # theta = (1 - m, 0, 0) with multiplier m, and the spurious correlation 1.9 (m - 0.3) is below m up to 0.57 / 0.9.
    problem = LinearProblem([[1, 0, 1.9], [0, 1, 1.9], [1.9, 1.9, 16]], [1, -0.3, 0], 0.5, [0, 1])
    path, m = problem.path("linf"), 0.57 / 0.9
    onset = radius_of(m, np.sqrt(0.25 + m * m + 0.09), 1 - m)
    assert path.spurious_onset == pytest.approx(onset, rel=1e-13)
    assert path.at(onset * (1 - 1e-9)).spurious_weight == 0 < path.at(onset * (1 + 1e-9)).spurious_weight
    for norm in ("l2", "l1"):
        assert problem.path(norm).spurious_onset == 0
    never = LinearProblem.two_feature(0.75, 1.0, 1.0, noise_std=0.5)
    assert never.path("linf").spurious_onset == np.inf
    assert LinearProblem.two_feature(0.0, 1.0, 1.0).path("l2").spurious_onset == np.inf
    assert LinearProblem.two_feature(0.5, 1.0, 1.0).path("l2").spurious_onset == pytest.approx(
        C * np.sqrt(0.75)
    )


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("seed", range(8))
def test_the_last_radius_below_the_critical_one_does_not_disturb_the_others(norm, seed):
    path = random_problem(np.random.default_rng(seed), noise_std=2.0).path(norm)
    edge = np.nextafter(path.critical_eps, 0)
    together = path.at([edge, 0.3 * path.critical_eps])
    assert together.risk[0] == pytest.approx(path.problem.label_variance, rel=1e-14)
    assert together.risk[1] == pytest.approx(path.at(0.3 * path.critical_eps).risk, rel=1e-14)
    assert together.gap[1] <= 1e-12 * together.risk[1]


# End of the plateau, and risks: an independent homotopy in 700-digit arithmetic.
_ANSWERS_ILL = {
    "l1": (0.017293477592958805, [0.0006728948263308786, 0.0052809452871623525, 5749.273162871026]),
    "l2": (0.010121324129327614, [0.0003585442074581828, 0.003696271646661366, 5960.270480537479]),
    "linf": (0.00653591202382589, [0.00038446331384872656, 0.003193301995794913, 5999.494847330846]),
}
_ANSWERS_GRADED = {
    "l1": (56.947431494186404, [794.4912658647797, 3824.779453217723, 6039.5027818670105]),
    "l2": (44.59844035736044, [497.10398727428446, 2405.8223905529157, 6006.4973997353945]),
    "linf": (2.2182370514110485, [1.3945852873362632, 6.687857157372952, 6006.135223136466]),
}
_ANSWERS_APART = {
    "l2": (9.907838712171533e-10, [3.43578437812417e-18, 7.919684152653613e-17]),
    "linf": (7.943944918921945e-10, [5.679563478737921e-18, 9.411490112825831e-17]),
}

_ILL = np.vander([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], increasing=True)  # integers, condition 3e9 when squared


@pytest.mark.parametrize("norm", NORMS)
def test_ill_conditioned_without_noise(norm):
    problem = LinearProblem(_ILL.T @ _ILL, [1.0, -2.0, 3.0, 0.0, 0.0, 0.0], 0.0, [0, 1, 2])
    plateau, risk = _ANSWERS_ILL[norm]
    path = problem.path(norm)
    assert path.plateau_eps == pytest.approx(plateau, rel=1e-13)
    got = path.at([0.5 * plateau, 2 * plateau, 0.3 * path.critical_eps])
    np.testing.assert_allclose(got.risk, risk, rtol=1e-12)
    assert (got.gap <= 1e-10 * got.risk).all()


@pytest.mark.parametrize("norm", NORMS)
def test_singular_and_graded_without_noise(norm):
    rows = np.array([[1, 2, -1], [3, 0, 1], [2, -2, 1], [0, 1, 4], [1, 1, 1], [-3, 2, 0]]) * 2.0 ** np.array(
        [[5], [-5], [0], [3], [-4], [-1]]
    )
    problem = LinearProblem(rows @ rows.T, [1.0, -2.0, 0.0, 0.0, 0.0, 0.0], 0.0, [0, 1])
    plateau, risk = _ANSWERS_GRADED[norm]
    path = problem.path(norm)
    assert path.plateau_eps == pytest.approx(plateau, rel=1e-13)
    got = path.at([0.5 * plateau, 1.1 * plateau, 0.9 * path.critical_eps])
    np.testing.assert_allclose(got.risk, risk, rtol=1e-12)
    assert (got.gap <= 1e-10 * got.risk).all()


def test_scales_far_apart_without_noise():
    scale = 2.0 ** np.array([-30, 20, 35, -10])
    cov = (np.eye(4) + np.full((4, 4), 0.25)) * scale * scale[:, None]
    for norm, (plateau, risk) in _ANSWERS_APART.items():
        path = LinearProblem(cov, [3.0, 1.0, -2.0, 0.0], 0.0, [0, 1, 2]).path(norm)
        assert path.plateau_eps == pytest.approx(plateau, rel=1e-13)
        np.testing.assert_allclose(path.at(np.array([0.5, 3.0]) * plateau).risk, risk, rtol=1e-12)


@pytest.mark.parametrize("eps", [-1.0, np.nan, np.inf, "x", None, [0.1, -0.1], [[0.1, 0.2]], [[[0.1]]]])
def test_bad_radii(eps):
    path = LinearProblem([[1.0]], [1.0], 0.5, [0]).path("l2")
    with pytest.raises(AdvSpurError, match="eps"):
        path.at(eps)


def test_bad_norm():
    with pytest.raises(AdvSpurError, match="norm"):
        LinearProblem([[1.0]], [1.0], 0.5, [0]).path("l3")
