"""Adversarial training on samples finds the population solution."""

from __future__ import annotations

import numpy as np
import pytest

from pyadvspur import AdvSpurError
from pyadvspur.theory import examples, simulate, train
from pyadvspur.theory.norms import NORMS, attack_norm
from pyadvspur.theory.training import attack


@pytest.mark.parametrize("norm", NORMS)
def test_the_attack_is_inside_the_ball_and_unbeaten(norm):
    rng = np.random.default_rng(0)
    theta = np.array([1.0, -0.5, 0.0])
    x, y = rng.normal(size=(50, 3)), rng.normal(size=50)
    worst = attack(theta, x, y, norm, 0.3)
    assert attack_norm(worst - x, norm).max() <= 0.3 * (1 + 1e-12)
    error = np.abs(worst @ theta - y)
    for _ in range(200):
        step = rng.normal(size=(50, 3)) ** 3
        other = x + 0.3 * step / attack_norm(step, norm)[:, None]
        assert (np.abs(other @ theta - y) <= error * (1 + 1e-12)).all()


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("scale_spurious", [1.0, 2.0])
def test_training_finds_the_population_solution(norm, scale_spurious):
    """Statistical error is of order 1/sqrt(n); five standard errors of a least-squares fit bound it here."""
    problem = examples.paper_setting(rho=0.75, scale_spurious=scale_spurious)
    n = 4_000
    x, y = simulate(problem, n, seed=2)
    path = problem.path(norm)
    eps = 0.3 * path.critical_eps
    solution = path.at(eps)
    trained = train(x, y, norm, eps, steps=1000)
    np.testing.assert_allclose(trained.theta, solution.theta, atol=5 / np.sqrt(n * 0.4375))
    risk = problem.adversarial_risk(trained.theta, eps, norm)
    assert solution.risk <= risk <= solution.risk * (1 + 25 * problem.dim / n)
    assert trained.loss[-1] == pytest.approx(solution.risk, rel=6 / np.sqrt(n))
    weighs = abs(trained.theta[1]) > 0.05
    assert weighs == problem.uses_spurious(norm, eps)


def test_arguments():
    with pytest.raises(AdvSpurError, match="y got shape"):
        train(np.ones((3, 2)), np.ones(2), "l2", 0.1)
    with pytest.raises(AdvSpurError, match="steps got"):
        train(np.ones((3, 2)), np.ones(3), "l2", 0.1, steps=1)
