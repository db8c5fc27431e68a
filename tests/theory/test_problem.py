"""LinearProblem: what it accepts, its risks, its shifted domains."""

from __future__ import annotations

import numpy as np
import pytest

from pyadvspur import AdvSpurError
from pyadvspur.theory import LinearProblem
from pyadvspur.theory.norms import NORMS, C, dual_norm


def wishart(rng, d=6, rank=None):
    factor = rng.normal(size=(d, rank or 2 * d))
    return factor @ factor.T / d


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.mark.parametrize(
    ("argument", "change"),
    [
        ("cov", {"cov": np.ones((2, 3))}),
        ("cov", {"cov": np.ones(3)}),
        ("cov", {"cov": np.array([[1, 0.2], [0.2 + 1e-9, 1]])}),
        ("cov", {"cov": np.array([[1, 1.001], [1.001, 1]])}),
        ("cov", {"cov": -np.eye(2)}),
        ("cov", {"cov": np.array([[0.0, 1.0], [1.0, 0.0]])}),
        ("cov", {"cov": np.array([[1.0, np.nan], [np.nan, 1.0]])}),
        ("cov", {"cov": np.eye(2) * 1j}),
        ("cov", {"cov": [["a", "b"], ["c", "d"]]}),
        ("cov", {"cov": np.zeros((0, 0))}),
        ("theta", {"theta": [1.0]}),
        ("theta", {"theta": [np.inf, 0.0]}),
        ("theta", {"theta": [1.0, 0.5]}),
        ("noise_std", {"noise_std": -1e-300}),
        ("noise_std", {"noise_std": np.nan}),
        ("noise_std", {"noise_std": "1"}),
        ("noise_std", {"noise_std": [0.5]}),
        ("noise_std", {"noise_std": None}),
        ("core", {"core": [2]}),
        ("core", {"core": [-1]}),
        ("core", {"core": [True]}),
        ("core", {"core": [0.0]}),
        ("core", {"core": [[0]]}),
        ("core", {"core": None}),
    ],
)
def test_bad_arguments_are_named(argument, change):
    good = {"cov": np.eye(2), "theta": [1.0, 0.0], "noise_std": 0.5, "core": [0]}
    LinearProblem(**good)
    with pytest.raises(AdvSpurError, match=f": {argument} got"):
        LinearProblem(**(good | change))


def test_arrays_are_read_only_copies(rng):
    cov = wishart(rng)
    problem = LinearProblem(cov, np.r_[1.0, np.zeros(5)], 1, [0, 2])
    cov[:] = 0
    assert problem.cov.any()
    assert problem.core.tolist() == [True, False, True, False, False, False]
    for array in (problem.cov, problem.theta, problem.core):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_what_is_rounding_is_repaired_and_what_is_exact_is_left_alone(rng):
    singular = np.array([[1.0, 1, 0.5], [1, 1, 0.5], [0.5, 0.5, 1]])
    assert (LinearProblem(singular, [1, 0, 0], 0, [0]).cov == singular).all()
    assert not LinearProblem(np.zeros((2, 2)), [0, 0], 0, [0]).cov.any()
    flat = np.diag([1.0, 0.0])
    assert (LinearProblem(flat, [1, 0], 0, [0]).cov == flat).all()
    scales = 2.0 ** np.array([40, -40, 0, 20, -20, 3])
    scaled = wishart(rng) * scales * scales[:, None]
    scaled = (scaled + scaled.T) / 2
    assert (LinearProblem(scaled, np.zeros(6), 0, []).cov == scaled).all()
    dented = np.diag([1.0, -0.9e-10])
    assert np.linalg.eigvalsh(LinearProblem(dented, [1, 0], 0, [0]).cov)[0] >= -1e-16
    tilted = np.array([[1.0, 0.2], [0.2 + 5e-11, 1.0]])
    repaired = LinearProblem(tilted, [1, 0], 0, [0]).cov
    assert repaired[0, 1] == repaired[1, 0]
    for rank in (1, 3, 5):
        LinearProblem(wishart(rng, 40, rank), np.zeros(40), 0, [])
        LinearProblem(2.0**80 * wishart(rng, 40, rank), np.zeros(40), 0, [])


def test_two_feature_problem():
    problem = LinearProblem.two_feature(-0.5, 2, 3, theta_core=-1.5, noise_std=0.25)
    assert problem.cov.tolist() == [[4, -3], [-3, 9]]
    assert problem.theta.tolist() == [-1.5, 0]
    assert problem.correlation_with_label.tolist() == [-6, 4.5]
    assert problem.label_variance == 9 + 0.0625
    with pytest.raises(AdvSpurError, match=r"rho got 1\.5"):
        LinearProblem.two_feature(1.5, 1, 1)
    with pytest.raises(AdvSpurError, match="scale_spurious"):
        LinearProblem.two_feature(0.5, 1, -1)


@pytest.mark.parametrize("norm", NORMS)
def test_adversarial_risk_is_the_mean_of_the_worst_case(rng, norm):
    problem = LinearProblem(wishart(rng), np.r_[1.0, -2, np.zeros(4)], 0.7, [0, 1])
    theta = rng.normal(size=(3, 6))
    eps = np.array([0.0, 0.3, 2.0])
    risk = problem.adversarial_risk(theta, eps, norm)
    s = np.sqrt(problem.standard_risk(theta))
    nodes, weights = np.polynomial.hermite_e.hermegauss(200)
    for value, e, size, std in zip(risk, eps, dual_norm(theta, norm), s):
        assert value == pytest.approx(std**2 + 2 * C * e * std * size + (e * size) ** 2, rel=1e-14)
        # |r| has a kink, so the quadrature is only good to a fraction of a percent
        integral = weights @ np.square(np.abs(std * nodes) + e * size) / weights.sum()
        assert value == pytest.approx(integral, rel=5e-3)
    assert isinstance(problem.adversarial_risk(theta[0], 0.5, norm), float)
    assert problem.adversarial_risk(theta[0], eps, norm).shape == (3,)
    assert problem.adversarial_risk(np.zeros(6), 9.0, norm) == pytest.approx(
        problem.label_variance, rel=1e-14
    )


def test_risk_arguments_are_checked():
    problem = LinearProblem.two_feature(0.5, 1, 1)
    with pytest.raises(AdvSpurError, match="'l3', which is unknown"):
        problem.adversarial_risk([1, 0], 1, "l3")
    for eps in (-1, np.nan, [0.1, np.inf], "1", None, 1j, [[1], [1, 2]]):
        with pytest.raises(AdvSpurError, match="eps got"):
            problem.adversarial_risk([1, 0], eps, "l2")
    with pytest.raises(AdvSpurError, match="theta got shape"):
        problem.standard_risk([1, 0, 0])
    with pytest.raises(AdvSpurError, match="theta got"):
        problem.standard_risk([1, np.nan])


def test_shifted_domains(rng):
    problem = LinearProblem(wishart(rng), np.r_[1.0, -2, np.zeros(4)], 0.7, [0, 1])
    flipped = problem.with_spurious_correlation(-1)
    assert (flipped.cov[:2, 2:] == -problem.cov[:2, 2:]).all()
    assert (flipped.cov[2:, 2:] == problem.cov[2:, 2:]).all()
    assert problem.with_spurious_correlation(0).cov[:2, 2:].any().item() is False
    with pytest.raises(AdvSpurError, match=r"factor got 50\.0"):
        problem.with_spurious_correlation(50)
    with pytest.raises(AdvSpurError, match="cov got shape"):
        problem.with_covariance(np.eye(3))
    core = problem.core_only()
    assert core.dim == 2
    assert core.theta.tolist() == [1, -2]


def test_no_eigenvalues_for_a_sound_covariance(rng, monkeypatch):
    monkeypatch.setattr(np.linalg, "eigh", None)
    for rank in (300, 20):
        LinearProblem(wishart(rng, 300, rank), np.zeros(300), 1, [])
