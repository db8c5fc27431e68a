"""A preserved spurious correlation lowers the best adversarial risk, by a known derivative."""

from __future__ import annotations

import numpy as np
import pytest
from samples import random_problem

from pyadvspur.theory import LinearProblem, preserved_value
from pyadvspur.theory.norms import NORMS

TABLE = {  # R*(rho) / R*(0) at eps = 0.5, rho = 0, .25, .5, .75, .9, .99
    (1, "l2"): (1, 0.9933, 0.9697, 0.9140, 0.8486, 0.7865),
    (1, "linf"): (1, 1, 1, 1, 1, 1),
    (1, "l1"): (1, 0.9906, 0.9534, 0.8293, 0.7095, 0.6351),
    (2, "l2"): (1, 0.9915, 0.9591, 0.8678, 0.7398, 0.6088),
    (2, "linf"): (1, 1, 1, 0.9800, 0.8838, 0.6564),
    (2, "l1"): (1, 0.9906, 0.9534, 0.8252, 0.6438, 0.5264),
}


@pytest.mark.parametrize(("scale", "norm"), TABLE)
def test_two_features(scale, norm):
    problem = LinearProblem.two_feature(1.0, 1, scale, noise_std=0.5)  # so that the factor is the correlation
    value = preserved_value(problem, norm, 0.5, [0, 0.25, 0.5, 0.75, 0.9, 0.99])
    np.testing.assert_allclose(value.ratio, TABLE[scale, norm], atol=5e-5)


@pytest.mark.parametrize("norm", NORMS)
def test_even_concave_and_never_above_the_core_only_risk(norm):
    rng = np.random.default_rng(11)
    for _ in range(5):
        problem = random_problem(rng)
        eps = 0.4 * problem.path(norm).critical_eps
        factor = np.linspace(-1, 1, 21)
        value = preserved_value(problem, norm, eps, factor)
        np.testing.assert_allclose(value.risk, value.risk[::-1], rtol=1e-12)
        assert (np.diff(value.risk, 2) <= 1e-12).all()
        assert (value.risk <= value.core_risk * (1 + 1e-13)).all()
        assert value.risk[10] == pytest.approx(value.core_risk, rel=1e-12)
        used = [problem.with_spurious_correlation(k).uses_spurious(norm, eps) for k in factor]
        assert (value.log_derivative < 0).tolist() == used


@pytest.mark.parametrize("norm", NORMS)
def test_derivative(norm):
    rng = np.random.default_rng(13)
    for _ in range(5):
        problem = random_problem(rng)
        eps = 0.5 * problem.path(norm).critical_eps
        step = 1e-4
        low, middle, high = (
            preserved_value(problem, norm, eps, [0.8 * np.exp(k * step)]) for k in (-1, 0, 1)
        )
        slope = (high.risk[0] - low.risk[0]) / (2 * step)
        assert middle.log_derivative[0] == pytest.approx(slope, rel=1e-5, abs=1e-9)
