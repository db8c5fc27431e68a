"""The exact condition for spurious weight, against solutions and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from samples import random_problem, read_samples

from pyadvspur import AdvSpurError
from pyadvspur.theory import LinearProblem, examples, never_uses_spurious
from pyadvspur.theory.norms import NORMS, C


def test_samples(data_dir):
    seen = set()
    for problem, answer in read_samples(data_dir):
        if answer["spurious_used"] is not None:
            assert problem.uses_spurious(answer["norm"], answer["eps"]) is answer["spurious_used"], answer[
                "name"
            ]
            seen.add(answer["spurious_used"])
    assert seen == {True, False}


@pytest.mark.parametrize(
    ("norm", "noise_std"),
    [("l2", 0.5), ("l1", 0.5), ("linf", 0.5), ("linf", 0.0)],
)
def test_random_problems_agree_with_the_weights(norm, noise_std):
    rng = np.random.default_rng(1)
    answers = []
    for _ in range(25):
        problem = random_problem(rng, n_core=rng.integers(1, 4), noise_std=noise_std)
        path = problem.path(norm)
        for fraction in (0.05, 0.4, 0.7, 0.95):
            eps = fraction * path.critical_eps
            verdict = problem.condition(norm, eps)
            if abs(verdict.left - verdict.right) > 1e-6:
                solution = path.at(eps)
                weighs = np.abs(solution.theta[problem.spurious]).max() > 1e-12
                assert verdict.spurious == weighs, (verdict, solution)
                answers.append(verdict.spurious)
    assert any(answers)
    assert all(answers) == (
        norm != "linf"
    )  # generic l1 and l2 problems always use them; some linf ones do not


def test_one_core_linf_is_decided_by_scale_and_correlation():
    for rho, scale, used in [(0.75, 1.0, False), (0.75, 1.34, True), (-0.5, 2.0, False), (-0.5, 2.01, True)]:
        problem = LinearProblem.two_feature(rho, 1.0, scale, noise_std=0.5)
        radii = np.array([1e-6, 0.01, 0.5, 0.99]) * problem.path("linf").critical_eps
        assert (problem.uses_spurious("linf", radii) == used).all()
        assert problem.uses_spurious("l2", radii).all()
        assert problem.uses_spurious("l1", radii).all()
    sides = problem.condition("linf", 0.01)
    assert (sides.left, sides.right) == (pytest.approx(0.5 * 2.01), 1.0)


def test_plain_wording_of_the_scale_claim_is_false_for_several_cores():
    problem = examples.several_cores()
    assert (np.diagonal(problem.cov) == 1).all()  # equal scales
    path = problem.path("linf")
    radii = np.array([0.01, 0.3, 0.7]) * path.critical_eps
    assert problem.uses_spurious("linf", radii).all()
    solution = path.at(radii)
    np.testing.assert_allclose(solution.theta[:, 4], [0.0141, 0.836, 0.757], atol=5e-4)
    assert (solution.theta[2, :4] == 0).all()
    assert problem.condition("linf", radii[0]).left == pytest.approx(1.75, rel=1e-12)
    assert not examples.several_cores(n_core=1).uses_spurious("linf", 0.1)
    assert not examples.several_cores(correlation=0.25).uses_spurious("linf", radii).any()  # left = 1 exactly


def test_alignment_can_keep_l2_and_l1_away_from_spurious_features():
    cov = np.eye(3)
    cov[2, :2] = cov[:2, 2] = 0.4, -0.4
    aligned = LinearProblem(cov, [1, 1, 0], 0.5, [0, 1])
    tilted = LinearProblem(cov, [1, 0.5, 0], 0.5, [0, 1])
    for norm in ("l1", "l2"):
        assert not aligned.uses_spurious(norm, 0.3)
        assert tilted.uses_spurious(norm, 0.3)
    cov[0, 0] = 2  # the cores shrink differently now
    assert LinearProblem(cov, [1, 1, 0], 0.5, [0, 1]).uses_spurious("l2", 0.3)


def test_without_noise_nothing_happens_on_the_plateau():
    problem = LinearProblem.two_feature(0.75, 1, 2)
    end = C / np.sqrt(1 + 0.25 / 1.75)  # by hand; the core alone would hold out until C
    verdict = problem.condition("linf", 0.5)
    assert (verdict.left, verdict.right) == (0.5, pytest.approx(end, rel=1e-9))
    assert (
        problem.uses_spurious("linf", np.array([0.3, 0.999, 1.001, 1.05]) * end).tolist()
        == [False] * 2 + [True] * 2
    )
    # x_S = 2 x_C fits as well with half the weight: no plateau that the core can hold
    twice = LinearProblem.two_feature(1.0, 1, 2)
    for norm in NORMS:
        assert twice.uses_spurious(norm, 0.1)
    assert not LinearProblem.two_feature(1.0, 1, 1).uses_spurious("linf", 0.1)  # an equal twin is not needed


def test_ends_of_the_range():
    problem = LinearProblem.two_feature(0.75, 1, 2, noise_std=0.5)
    for norm in NORMS:
        critical = problem.path(norm).critical_eps
        assert problem.uses_spurious(norm, [0, 0.5 * critical, critical, 2 * critical]).tolist() == [
            0,
            1,
            0,
            0,
        ]
        assert not LinearProblem(np.eye(2), [0, 0], 0.5, []).uses_spurious(norm, 0.1)
        assert not LinearProblem(np.eye(2), [0, 0], 0.5, [0]).uses_spurious(norm, 0.1)
        assert not LinearProblem(np.eye(2), [1, 1], 0.5, [0, 1]).uses_spurious(norm, 0.1)
    with pytest.raises(AdvSpurError, match="eps got"):
        problem.uses_spurious("linf", -0.1)
    with pytest.raises(AdvSpurError, match="norm got"):
        problem.condition("l0", 0.1)


def test_uniform_version():
    problem = examples.several_cores()
    assert never_uses_spurious(problem, "linf").left == pytest.approx(1.75)
    assert not never_uses_spurious(examples.several_cores(correlation=0.25), "linf").spurious
    assert never_uses_spurious(problem, "l2").spurious
    assert not never_uses_spurious(problem.with_spurious_correlation(0), "l1").spurious
    # a singular core block: only g in its range can occur; here g_1 = g_2, so the row (a, a) counts 2 a
    cov = np.array([[1, 1, 0.45], [1, 1, 0.45], [0.45, 0.45, 1]])
    assert never_uses_spurious(LinearProblem(cov, np.zeros(3), 0, [0, 1]), "linf").left == pytest.approx(0.45)


def test_uniform_version_is_attained():
    """A sign vector whose pull exceeds 1 is the sign of some t*, and a small radius then brings the feature in."""
    rng = np.random.default_rng(3)
    for _ in range(10):
        problem = random_problem(rng, d=4, n_core=3)
        uniform = never_uses_spurious(problem, "linf")
        row = np.linalg.solve(problem.cov[:3, :3], problem.cov[:3, 3])
        aligned = LinearProblem(problem.cov, np.r_[np.sign(row), 0], 0.5, [0, 1, 2])
        assert aligned.condition("linf", 1e-4).left == pytest.approx(uniform.left, rel=1e-9)
        assert aligned.uses_spurious("linf", 1e-4) == uniform.spurious


def test_onset_of_a_path_that_never_uses_spurious_features():
    rng = np.random.default_rng(0)
    for _ in range(20):
        problem = random_problem(rng, d=12, n_core=3)
        quiet = problem.with_spurious_correlation(0.9 / max(1.0, never_uses_spurious(problem, "linf").left))
        path = quiet.path("linf")
        assert path.spurious_onset == np.inf
        assert (path.knots > 1e-9 * path.critical_eps).all()


@pytest.mark.parametrize("norm", NORMS)
def test_hard_covariances_agree_with_the_values(norm):
    """Integer covariances of any rank, graded scales, any noise: (t, 0) is optimal <=> the core alone does as well."""
    rng = np.random.default_rng(17)
    seen = set()
    for _ in range(60):
        d = int(rng.integers(2, 7))
        factor = rng.integers(-2, 3, size=(d, rng.integers(1, d + 1))) * 2.0 ** rng.integers(
            -3, 4, size=(d, 1)
        )
        core = rng.permutation(d)[: rng.integers(1, d + 1)]
        theta = np.zeros(d)
        theta[core] = rng.integers(-2, 3, size=len(core))
        problem = LinearProblem(factor @ factor.T, theta, rng.choice([0.0, 0.5]), core)
        path, core_path = problem.path(norm), problem.core_only().path(norm)
        for eps in path.critical_eps * np.array([0.05, 0.4, 0.8]):
            loss = 1 - path.at(eps).risk / (core_path.at(eps).risk or 1.0) if eps else 0.0
            used = problem.uses_spurious(norm, eps)
            assert loss > 1e-13 if used else loss < 1e-10, (norm, eps, loss, problem.condition(norm, eps))
            seen.add(used)
    assert seen == {True, False}
