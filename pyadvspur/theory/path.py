"""One problem, one attack norm, every radius."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from pyadvspur.errors import bad
from pyadvspur.native import theory as native
from pyadvspur.theory.checks import check_eps
from pyadvspur.theory.norms import check_norm
from pyadvspur.theory.solution import Solution

if TYPE_CHECKING:
    from pyadvspur.theory.problem import LinearProblem


class Path:
    """All adversarially trained solutions of a LinearProblem for one attack norm ("l1", "l2" or "linf").

    For "l2" one spectrum of the covariance answers every radius; for "linf" and "l1" the path is piecewise linear in
    the multiplier and is followed exactly, from the radius whose solution is 0 down to the smallest radius asked. What
    was computed is kept, so that later calls are cheap. Every answer carries its certificate (`Solution.gap`).

    Source: docs/theory.md, formulas 2 to 5 (a LARS-type homotopy; Osborne, Presnell & Turlach 2000).
    """

    def __init__(self, problem: LinearProblem, norm: str):
        self.problem = problem
        self.norm = check_norm("theory.Path", norm)
        self._native = native.path(problem.cov, problem.theta, problem.noise_std, problem.core, norm)

    def __repr__(self) -> str:
        return f"Path({self.problem!r}, {self.norm!r})"

    def at(self, eps) -> Solution:
        """The solution at one radius, or at each radius of an array (E,) in any order.

        eps: finite, >= 0, in units of x. eps = 0 gives the true weights; eps >= `critical_eps` gives zeros; a
        noise-free problem keeps its interpolator up to `plateau_eps`. Raises AdvSpurError for other radii.
        """
        try:
            fields = self._native.solve(eps)
        except (TypeError, ValueError):
            fields = None
        if fields is None:
            radii = check_eps("theory.Path.at", eps)
            raise bad("theory.Path.at", "eps", f"shape {radii.shape}", "a number or an array of shape (E,)")
        return Solution._make(fields)

    @cached_property
    def critical_eps(self) -> float:
        """The smallest radius whose solution is 0: sqrt(pi/2) ||Cov(x, y)|| / sd(y), in the attack's norm."""
        return self._native.critical()

    @cached_property
    def plateau_eps(self) -> float:
        """Up to this radius training without label noise changes nothing; 0 if there is noise."""
        return self._native.plateau()

    @cached_property
    def spurious_onset(self) -> float:
        """The smallest radius beyond which the solution has spurious weight; inf if none has, 0 if all have."""
        return self._native.onset()

    @cached_property
    def knots(self) -> np.ndarray:
        """Ascending radii at which the set of active features changes, the last one `critical_eps`; none for "l2"."""
        return np.array(self._native.knots())
