"""Samples from the package's own generator."""

from __future__ import annotations

import numpy as np
import pytest
from samples import random_problem

from pyadvspur import AdvSpurError
from pyadvspur.theory import LinearProblem, simulate


def test_moments():
    problem = random_problem(np.random.default_rng(0))
    n = 200_000
    x, y = simulate(problem, n, seed=1)
    joint = np.cov(np.c_[x, y].T, bias=True)
    b = problem.correlation_with_label
    expected = np.block([[problem.cov, b[:, None]], [b[None], problem.label_variance]])
    scale = np.sqrt(np.diagonal(expected))
    np.testing.assert_allclose(
        joint / scale / scale[:, None], expected / scale / scale[:, None], atol=5 / np.sqrt(n)
    )
    assert np.abs(x.mean(axis=0) / scale[:-1]).max() < 5 / np.sqrt(n)
    residual = y - x @ problem.theta
    assert residual.std() == pytest.approx(problem.noise_std, rel=0.01)
    assert np.abs(residual @ x / n).max() < 0.01


def test_rows_belong_to_their_number():
    problem = random_problem(np.random.default_rng(0))
    x, y = simulate(problem, 100, seed=3)
    fewer_x, fewer_y = simulate(problem, 7, seed=3)
    np.testing.assert_allclose(fewer_x, x[:7], rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(fewer_y, y[:7], rtol=1e-13, atol=1e-15)
    other, _ = simulate(problem, 7, seed=4)
    assert np.abs(other - fewer_x).min() > 0


def test_singular_and_noise_free():
    problem = LinearProblem.two_feature(1.0, 1, 2**30)
    x, y = simulate(problem, 50)
    np.testing.assert_allclose(x[:, 1], 2**30 * x[:, 0], rtol=1e-7)
    assert (y == x[:, 0]).all()
    x, _ = simulate(LinearProblem(np.zeros((2, 2)), [0, 0], 0, [0]), 5)
    assert not x.any()


def test_arguments():
    problem = LinearProblem.two_feature(0.5, 1, 1)
    for n in (0, -1, 2.5, True):
        with pytest.raises(AdvSpurError, match="n got"):
            simulate(problem, n)
    with pytest.raises(AdvSpurError, match="seed got"):
        simulate(problem, 5, seed=0.5)
