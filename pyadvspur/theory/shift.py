"""What a model trained here risks where the spurious correlation is another.

For any changed covariance use `problem.with_covariance(cov).standard_risk(theta)`. For a scaled spurious correlation
(core-spurious block times k) the natural risk of the trained model is exactly linear in k,

    s'^2 = s^2 + 2 (1 - k) G,    G = t_S' cov_SS t_S + lambda g_S' t_S >= 0,

and G > 0 exactly when the model uses spurious features. Source: docs/theory.md, formula 7.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pyadvspur.theory.checks import check_array, check_nonnegative
from pyadvspur.theory.norms import ONE_MINUS_C2, C, check_norm, dual_norm

if TYPE_CHECKING:
    from pyadvspur.theory.problem import LinearProblem


@dataclass(frozen=True)
class SpuriousShift:
    """One trained model on domains whose core-spurious covariance is `factor` times that of training.

    factor: (K,). theta: (d,), trained at factor 1. gain: G >= 0, what decorrelating costs, halved; flipping costs
    4 G. standard_risk, adversarial_risk: (K,). core_standard_risk, core_adversarial_risk: of the model trained on the
    core features alone, the same on every domain. crossover: the core-only model has the lower natural risk exactly
    for factors below it (-inf if never); adversarial_crossover: the same for the adversarial risk.
    """

    norm: str
    eps: float
    factor: np.ndarray
    theta: np.ndarray
    gain: float
    standard_risk: np.ndarray
    adversarial_risk: np.ndarray
    core_standard_risk: float
    core_adversarial_risk: float
    crossover: float
    adversarial_crossover: float


def spurious_shift(problem: LinearProblem, norm: str, eps: float, factor=(1.0, 0.0, -1.0)) -> SpuriousShift:
    """Train at radius eps >= 0 on `problem`, test where the spurious correlation is `factor` (K,) times as large.

    Any |factor| <= 1 is a valid domain; the formula is evaluated for larger ones too, valid or not.
    """
    where = "theory.spurious_shift"
    check_norm(where, norm)
    eps = check_nonnegative(where, "eps", eps)
    factor = check_array(where, "factor", np.atleast_1d(factor), (None,))
    solution = problem.path(norm).at(eps)
    gain = shift_gain(problem, solution.theta, float(solution.multiplier), norm)
    here = float(solution.standard_risk)
    standard = here + 2 * (1 - factor) * gain
    pull = eps * float(dual_norm(solution.theta, norm))
    adversarial = _adversarial(standard, pull)
    core_standard, core_adversarial = core_only_risks(problem, norm, eps)
    # phi(s', N) = core-only adversarial risk, solved for s'
    bound = np.sqrt(max(core_adversarial - ONE_MINUS_C2 * pull**2, 0.0)) - C * pull
    return SpuriousShift(
        norm, eps, factor, solution.theta, gain, standard, adversarial, core_standard, core_adversarial,
        _crossing(core_standard - here, gain), _crossing(max(bound, 0.0) ** 2 - here, gain),
    )  # fmt: skip


def shift_gain(problem: LinearProblem, theta: np.ndarray, multiplier: float, norm: str) -> float:
    """G of formula 7 for an adversarially trained theta (d,) with its multiplier: >= 0, and 0 iff theta_S = 0."""
    part = theta[problem.spurious]
    if not part.any():
        return 0.0
    explained = float(part @ problem.cov[np.ix_(problem.spurious, problem.spurious)] @ part)
    if norm == "linf":
        return explained + multiplier * float(np.abs(part).sum())
    if norm == "l2":
        return explained + multiplier * float(part @ part) / float(dual_norm(theta, norm))
    residual = problem.cov[problem.spurious] @ (
        problem.theta - theta
    )  # lambda g_S, by the optimality conditions
    return explained + max(float(residual @ part), 0.0)


def core_only_risks(problem: LinearProblem, norm: str, eps: float) -> tuple[float, float]:
    """Natural and adversarial risk of the model trained on the core features alone, at radius eps."""
    if not problem.core.any():
        return problem.label_variance, problem.label_variance
    solution = problem.core_only().path(norm).at(eps)
    return float(solution.standard_risk), float(solution.risk)


def _adversarial(standard: np.ndarray, pull: float) -> np.ndarray:
    s = np.sqrt(np.maximum(standard, 0.0))
    return np.square(s + C * pull) + ONE_MINUS_C2 * pull**2


def _crossing(excess: float, gain: float) -> float:
    return float(1 - excess / (2 * gain)) if gain > 0 else -np.inf
