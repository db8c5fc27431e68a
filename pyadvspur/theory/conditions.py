"""Exactly when adversarial training puts weight on spurious features: a condition on the core-only problem.

Let t be the core-only optimum, lambda its multiplier and g = cov_CC (t* - t) / lambda. Then (t, 0) solves the full
problem if and only if g_S = cov_SC cov_CC^+ g completes g to a subgradient of the dual norm at (t, 0):

* linf attack:      max |g_S| <= 1
* l2, l1 attack:    g_S = 0

No weight is ever compared with zero. Source: docs/theory.md, formula 6.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linprog

from pyadvspur.theory.checks import check_eps, check_nonnegative
from pyadvspur.theory.faces import face_of, solve_semidefinite
from pyadvspur.theory.norms import C, attack_norm, check_norm, dual_norm

if TYPE_CHECKING:
    from pyadvspur.theory.problem import LinearProblem

_EXACT = 1e-10  # the two sides count as equal within this, relative to the terms they are summed from


@dataclass(frozen=True)
class Condition:
    """No spurious weight <=> left <= right.

    left, right: the two sides. spurious: whether every optimum has weight on spurious features. statement: what the
    sides are, in words. spurious_pull: g_S (number of spurious features,), how hard each spurious feature is pulled
    into the core-only model in units of lambda; None where the statement is about radii.
    """

    norm: str
    eps: float
    left: float
    right: float
    spurious: bool
    statement: str
    spurious_pull: np.ndarray | None = None


def condition(problem: LinearProblem, norm: str, eps: float) -> Condition:
    """The two sides of the necessary and sufficient condition at one radius eps >= 0."""
    where = "theory.condition"
    return _Judge(problem, check_norm(where, norm)).at(check_nonnegative(where, "eps", eps))


def uses_spurious(problem: LinearProblem, norm: str, eps) -> bool | np.ndarray:
    """Whether every adversarially trained solution has weight on spurious features.

    eps: >= 0, a number or an array (E,). Returns a bool, or bool (E,).
    """
    radii = check_eps("theory.uses_spurious", eps)
    judge = _Judge(problem, check_norm("theory.uses_spurious", norm))
    answers = np.array([judge.at(float(radius)).spurious for radius in radii.ravel()], dtype=bool)
    return answers.reshape(radii.shape) if radii.ndim else bool(answers[0])


def never_uses_spurious(problem: LinearProblem, norm: str) -> Condition:
    """The uniform version: whether no weights t* on the core, no noise and no radius ever bring in a spurious feature.

    linf: the largest row l1 norm of cov_SC cov_CC^{-1} is at most 1. l2, l1: cov_SC = 0. Depends on `problem.cov`
    and `problem.core` only; `eps` of the answer is NaN. `spurious` says that some (t*, noise, eps) does it.
    """
    check_norm("theory.never_uses_spurious", norm)
    cross = problem.cov[np.ix_(problem.spurious, problem.core)]
    if norm == "linf":
        core_cov = problem.cov[np.ix_(problem.core, problem.core)]
        pull = np.array([_largest_pull(core_cov, row) for row in cross])
        statement, right = "largest row l1 norm of cov_SC cov_CC^-1 <= 1", 1.0
    else:
        pull = np.abs(cross).max(axis=1, initial=0.0)
        statement, right = "cov_SC = 0", 0.0
    left = float(pull.max(initial=0.0))
    return Condition(norm, np.nan, left, right, left > right * (1 + _EXACT), statement, pull)


class _Judge:
    """The condition for one problem and norm; the core-only path is made once."""

    def __init__(self, problem: LinearProblem, norm: str) -> None:
        self.problem, self.norm = problem, norm
        b = problem.correlation_with_label
        spread = C * float(np.sqrt(problem.label_variance))
        self.full_critical, self.core_critical = (
            float(attack_norm(part, norm)) / spread if part.any() else 0.0 for part in (b, b[problem.core])
        )
        self._core = self._core_path = self._plateau = None

    def at(self, eps: float) -> Condition:
        if eps == 0:
            return self._verdict(eps, 0.0, 0.0, "eps = 0: the true weights are optimal")
        if eps >= self.core_critical:
            return self._verdict(
                eps, self.full_critical, eps, "critical radius <= eps: the zero model is optimal"
            )
        if self._core_path is None:
            self._core = self.problem.core_only()
            self._core_path = self._core.path(self.norm)
        if self.problem.noise_std == 0 and eps <= self._core_path.plateau_eps:
            return self._on_plateau(eps)
        solution = self._core_path.at(eps)
        return self._pulled(eps, self._pull(solution.theta, float(solution.multiplier)))

    def _verdict(self, eps: float, left: float, right: float, statement: str) -> Condition:
        return Condition(self.norm, eps, left, right, bool(left > right * (1 + _EXACT)), statement)

    def _pulled(self, eps: float, pull: np.ndarray) -> Condition:
        cross = self.problem.cov[np.ix_(self.problem.spurious, self.problem.core)]
        terms = np.abs(cross) @ np.abs(pull)
        g_spurious = cross @ pull
        if self.norm == "linf":
            right, excess = 1.0, np.abs(g_spurious) - 1 > _EXACT + 1e-13 * terms
        else:
            right, excess = 0.0, np.abs(g_spurious) > _EXACT * terms
        left = float(np.abs(g_spurious).max(initial=0.0))
        statement = f"max |cov_SC cov_CC^+ g_C| <= {right:g}"
        return Condition(self.norm, eps, left, right, bool(excess.any()), statement, g_spurious)

    def _pull(self, theta: np.ndarray, multiplier: float) -> np.ndarray:
        """w = (t* - t) / lambda on the core, so that cov_CC w = g_C and cov_SC cov_CC^+ g_C = cov_SC w."""
        if self.norm != "l2":
            return face_of(theta, self.norm).pull(self._core, multiplier)
        size = float(dual_norm(theta, "l2"))  # ridge: t* - t = mu (cov + mu I)^-1 t*, mu = lambda / N
        ridge = self._core.cov + multiplier / size * np.eye(self._core.dim)
        return solve_semidefinite(ridge, self._core.theta[:, None])[:, 0] / size

    def _on_plateau(self, eps: float) -> Condition:
        """Without noise the core-only model fits exactly; the question is whether the full problem still does so."""
        if self._plateau is None:
            full_path = self.problem.path(self.norm)
            end = float(full_path.plateau_eps)
            core_size = dual_norm(self._core_path.at(self._core_path.plateau_eps / 2).theta, self.norm)
            full_size = dual_norm(full_path.at(end / 2).theta, self.norm) if end > 0 else 0.0
            self._plateau = end if core_size <= full_size * (1 + _EXACT) else 0.0
        return self._verdict(
            eps, eps, self._plateau, "eps <= end of the noise-free plateau that the core can hold"
        )


def _largest_pull(core_cov: np.ndarray, row: np.ndarray) -> float:
    """max row' cov_CC^+ g over g in range(cov_CC), |g_j| <= 1."""
    weights = solve_semidefinite(core_cov, row[:, None])[:, 0] if len(row) else row
    if not len(row) or np.linalg.matrix_rank(core_cov, hermitian=True) == len(row):
        return float(np.abs(weights).sum())
    bounds = np.concatenate([core_cov, -core_cov])  # g = cov_CC w
    best = linprog(-row, A_ub=bounds, b_ub=np.ones(len(bounds)), bounds=(None, None))
    return float(-best.fun)
