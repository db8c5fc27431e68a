"""The faces on which a solution path is a straight line: which weights are zero, or equal in size.

On a face t = M y and N(t) = e'y. For the linf attack (N = l1) M picks the support and e holds its signs; for the l1
attack (N = max) M = [signs of the largest weights, the other coordinates] and e = (1, 0, ...). There the problem
min 1/2 (t - t*)' cov (t - t*) + lambda N(t) is the linear system (M' cov M) y = M'b - lambda e.
Source: docs/theory.md, formula 5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pyadvspur.theory.problem import LinearProblem


_EQUAL = 1e-11  # relative difference below which two weights count as tied in size


@dataclass(frozen=True)
class Face:
    """signs: (d,), of the weights in the support ("linf") or of the largest weights ("l1"), 0 elsewhere."""

    norm: str
    signs: np.ndarray

    @property
    def single(self) -> np.ndarray:
        """Indices of the coordinates that are columns of M on their own."""
        return np.flatnonzero(self.signs if self.norm == "linf" else self.signs == 0)

    @property
    def slope(self) -> np.ndarray:
        """e (k,)."""
        if self.norm == "linf":
            return self.signs[self.single]
        return np.eye(1, 1 + len(self.single))[0]

    def restrict(self, array: np.ndarray) -> np.ndarray:
        """M' array, for an array (d, ...)."""
        rows = array[self.single]
        return rows if self.norm == "linf" else np.concatenate([(self.signs @ array)[None], rows])

    def expand(self, y: np.ndarray) -> np.ndarray:
        """M y, for y (k,)."""
        theta = np.zeros(len(self.signs))
        theta[self.single] = y[-len(self.single) :] if len(self.single) else 0
        return theta if self.norm == "linf" else theta + self.signs * y[0]

    def coordinates(self, theta: np.ndarray) -> np.ndarray:
        """The y whose M y is nearest to theta."""
        y = self.restrict(theta)
        if self.norm == "l1":
            y[0] /= np.count_nonzero(self.signs)
        return y

    def best(self, problem: LinearProblem, multiplier: float) -> np.ndarray:
        """The best t of the face's linear hull at this multiplier, (d,)."""
        return problem.theta - multiplier * self.pull(problem, multiplier)

    def pull(self, problem: LinearProblem, multiplier: float) -> np.ndarray:
        """w = (t* - t) / multiplier for the best t of the hull, without subtracting nearly equal numbers.

        t* = M y0 + rest gives  w = M K^-1 e + (rest - M K^-1 M' cov rest) / multiplier,  K = M' cov M.
        """
        rest = problem.theta - self.expand(self.coordinates(problem.theta))
        gram = self.restrict(self.restrict(problem.cov).T)
        lift = self.restrict(problem.cov @ rest)
        direction, lift = solve_semidefinite(gram, np.stack([self.slope, lift], axis=1)).T
        return self.expand(direction) + (rest - self.expand(lift)) / multiplier

    def is_optimal(
        self, problem: LinearProblem, theta: np.ndarray, multiplier: float, slack: float = 1e-9
    ) -> bool:
        """Whether theta, the best of the hull, lies on the face and solves the whole problem at this multiplier."""
        size = float(self.slope @ self.coordinates(theta))
        if not (size > 0 and np.isfinite(theta).all()):
            return False
        gradient = problem.cov @ self.pull(problem, multiplier)  # must be a subgradient of N at theta
        marked = self.signs != 0
        if self.norm == "linf":
            stays = (theta * self.signs)[marked].min() > -slack * size
            return bool(
                stays
                and np.abs(gradient - self.signs)[marked].max() < slack
                and np.abs(gradient).max() < 1 + slack
            )
        return bool(
            np.abs(theta).max() <= size * (1 + slack)
            and (gradient * self.signs)[marked].min() > -slack
            and np.abs(gradient[~marked]).max(initial=0.0) < slack
            and abs(np.abs(gradient).sum() - 1) < slack
        )


def face_of(theta: np.ndarray, norm: str) -> Face | None:
    """The smallest face that holds theta ("linf" or "l1" attack); None for theta = 0."""
    magnitude = np.abs(theta)
    largest = magnitude.max(initial=0.0)
    if largest == 0:
        return None
    keep = magnitude > 0 if norm == "linf" else magnitude >= largest * (1 - _EQUAL)
    return Face(norm, np.where(keep, np.sign(theta), 0.0))


def solve_semidefinite(matrix: np.ndarray, right: np.ndarray) -> np.ndarray:
    """x with matrix x = right, for a symmetric semidefinite matrix (k, k) and a consistent right side (k, m).

    The matrix is scaled to a unit diagonal first, so features of very different scales do no harm.
    """
    diagonal = np.diagonal(matrix)
    scale = 1 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0))[:, None]
    scaled, right = matrix * scale * scale.T, right * scale
    try:
        factor = np.linalg.cholesky(scaled)
        if np.square(np.diagonal(factor)).min(initial=1.0) > 1e-12:
            return np.linalg.solve(scaled, right) * scale
    except np.linalg.LinAlgError:
        pass
    return np.linalg.lstsq(scaled, right, rcond=1e-12)[0] * scale
