"""Features whose standard deviations differ by up to 2^80 within one problem, against exact fractions."""

from __future__ import annotations

import exact
import numpy as np
import pytest
from samples import random_problem

from pyadvspur.theory import LinearProblem
from pyadvspur.theory.norms import NORMS


def graded(seed: int, d: int = 4, power: int = 40) -> LinearProblem:
    rng = np.random.default_rng(seed)
    factor = rng.integers(-3, 4, (d + 2, d)).astype(float)
    scale = 2.0 ** rng.integers(-power, power + 1, d)
    core = np.arange(d) < max(2, d - 1)
    theta = np.where(core, rng.integers(1, 6, d) * rng.choice([-1.0, 1.0], d), 0)
    if seed % 2:
        theta = theta / scale
    noise_std = (0.0, 0.5, 0.5 / scale.max())[seed % 3]
    return LinearProblem(factor.T @ factor * scale * scale[:, None], theta, noise_std, core)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("seed", range(6))
def test_answers_are_right_and_say_so(norm, seed):
    problem = graded(seed, power=(40, 12)[seed % 4 == 3])
    path, rng = problem.path(norm), np.random.default_rng(seed)
    deviation = np.sqrt(np.diagonal(problem.cov))
    eps = path.critical_eps * np.exp(rng.uniform(np.log(deviation.min() / deviation.max()) - 2, 0))
    true = exact.solve(problem.cov, problem.theta, problem.noise_std, eps, norm)
    got = path.at(eps)
    assert got.risk == pytest.approx(float(true.risk), rel=1e-13)
    assert got.standard_risk == pytest.approx(float(true.spread2), rel=1e-9)
    assert path.plateau_eps == pytest.approx(float(true.plateau), rel=1e-13)
    assert abs(got.risk - float(true.risk)) <= got.gap <= 1e-9 * got.risk


def test_answers_that_were_certified_though_wrong():
    # Weights instead of their differences from the truth: risks 0.17 and 0.36 of the least, gaps of 1e-15 of them.
    cov = np.array([
        [0.65625, -0.03125, -0.4375, -0.1875, -0.46875], [-0.03125, 0.875, 0.1875, 0.4375, -0.125],
        [-0.4375, 0.1875, 0.75, 0.0, -0.1875], [-0.1875, 0.4375, 0.0, 1.3125, 0.875],
        [-0.46875, -0.125, -0.1875, 0.875, 1.625],
    ])  # fmt: skip
    scale = 2.0 ** np.array([37, -23, -29, -32, -13])
    problem = LinearProblem(cov * scale * scale[:, None], [2.0, -4, 3, 4, -5], 2.0**-35, range(5))
    assert problem.path("l1").at(2.296411575225545e-10).risk == pytest.approx(
        1.3725496781170618e-18, rel=1e-13
    )
    cov = np.array([
        [1.9375, 0.6875, 0.5625, 0.46875, -0.375], [0.6875, 1.4375, 0.9375, 0.46875, -0.1875],
        [0.5625, 0.9375, 1.5625, 0.15625, -0.875], [0.46875, 0.46875, 0.15625, 0.59375, -0.4375],
        [-0.375, -0.1875, -0.875, -0.4375, 1.75],
    ])  # fmt: skip
    scale = 2.0 ** np.array([37, 12, 0, -30, 41])
    problem = LinearProblem(cov * scale * scale[:, None], [-3.0, -5, 4, -4, 0], 2.0**-40, range(4))
    assert problem.path("l1").at(0.9250917799665774).risk == pytest.approx(21.394870034049976, rel=1e-13)


@pytest.mark.parametrize("norm", NORMS)
def test_units_of_single_features_do_not_weaken_the_certificate_of_larger_problems(norm):
    # 80 features: doubles alone; the same answers in other units are certified as well
    plain = random_problem(np.random.default_rng(2), d=80, n_core=20)
    scale = 2.0 ** np.random.default_rng(3).integers(-8, 9, 80)
    problem = LinearProblem(plain.cov * scale * scale[:, None], plain.theta / scale, 0.5, plain.core)
    got = problem.path(norm).at(np.array([1e-3, 0.03, 0.3, 0.9]) * problem.path(norm).critical_eps)
    assert (got.gap <= 1e-9 * got.risk).all()
    for eps, theta, risk in zip(got.eps, got.theta, got.risk):
        assert risk == pytest.approx(problem.adversarial_risk(theta, eps, norm), rel=1e-9)


@pytest.mark.parametrize("norm", NORMS)
def test_ties_and_dependence_between_scales(norm):
    # two pairs of equal features, one in units 2^60 larger than the other, and a sum of two: exact ties everywhere
    rows = np.array([[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 1, 0], [1, 1, 0], [0, 1, 1]]) * 1.0
    scale = 2.0 ** np.array([30, 30, -30, -30, 0, 2])
    for noise_std in (0.0, 0.5):
        problem = LinearProblem(
            rows @ rows.T * scale * scale[:, None], [1.0, 0, 1.0, 0, 0, 0], noise_std, [0, 2]
        )
        path = problem.path(norm)
        got = path.at(np.geomspace(1e-3, 0.99, 12) * path.critical_eps)
        assert (np.diff(got.risk) >= -1e-11 * problem.label_variance).all()
        assert np.isfinite(got.risk).all()
        # singular and graded at once, without noise, is beyond the l2 path; it says so
        assert (got.gap <= 1e-9 * got.risk).mean() >= (0.9 if norm == "l2" else 1)
