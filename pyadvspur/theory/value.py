"""What a spurious correlation that is still there at test time is worth to a robust model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pyadvspur.theory.checks import check_array, check_nonnegative
from pyadvspur.theory.norms import C, check_norm, dual_norm
from pyadvspur.theory.shift import core_only_risks, shift_gain

if TYPE_CHECKING:
    from pyadvspur.theory.problem import LinearProblem


@dataclass(frozen=True)
class PreservedValue:
    """The best adversarial risk where training and test share the core-spurious covariance `factor` x the problem's.

    factor: (K,). risk: R*(factor), (K,), even, concave and non-increasing in |factor|. core_risk: without access to
    the spurious features; equals the risk at factor 0. log_derivative: dR*/dlog|factor| = -2 G (1 + c eps N / s),
    (K,), negative exactly where the model uses spurious features. gain: G (K,). spurious_weight: ||theta_S||_2, (K,).
    """

    norm: str
    eps: float
    factor: np.ndarray
    risk: np.ndarray
    core_risk: float
    log_derivative: np.ndarray
    gain: np.ndarray
    spurious_weight: np.ndarray

    @property
    def ratio(self) -> np.ndarray:
        """risk / core_risk, (K,): below 1 where the spurious correlation helps."""
        return self.risk / self.core_risk


def preserved_value(problem: LinearProblem, norm: str, eps: float, factor) -> PreservedValue:
    """R* of the problems whose core-spurious covariance is `factor` (K,) times the given one's, and without access.

    eps: > 0 in units of x. Raises AdvSpurError for a factor whose covariance is not positive semidefinite.
    Source: docs/theory.md, value of a preserved correlation.
    """
    where = "theory.preserved_value"
    check_norm(where, norm)
    eps = check_nonnegative(where, "eps", eps)
    factor = check_array(where, "factor", np.atleast_1d(factor), (None,))
    rows = np.array([_row(problem.with_spurious_correlation(float(k)), norm, eps) for k in factor])
    _, core_risk = core_only_risks(problem, norm, eps)
    return PreservedValue(norm, eps, factor, rows[:, 0], core_risk, *rows[:, 1:].T)


def _row(domain: LinearProblem, norm: str, eps: float) -> tuple[float, float, float, float]:
    solution = domain.path(norm).at(eps)
    gain = shift_gain(domain, solution.theta, float(solution.multiplier), norm)
    s = np.sqrt(float(solution.standard_risk))
    slope = -2 * gain * (1 + C * eps * float(dual_norm(solution.theta, norm)) / s) if gain else 0.0
    return float(solution.risk), slope, gain, float(solution.spurious_weight)
