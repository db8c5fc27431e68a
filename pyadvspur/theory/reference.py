"""Slow twin of the solution paths, in plain numpy: one radius at a time, for tests and for readers.

The optimum at radius eps solves  min 1/2 (t - t*)' cov (t - t*) + lambda N(t)  for exactly one lambda, and the radius
`radius_of` grows with lambda, so lambda is found by bisection. For a given lambda the l2 attack (ridge) is a linear
system; the others run accelerated proximal gradient steps until the face they point at (which weights are zero, or
equal in size) passes the optimality conditions, and then solve on that face exactly.

Source: docs/theory.md, formulas 2 and 4; Beck & Teboulle 2009 (FISTA).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import brentq

from pyadvspur.errors import AdvSpurError
from pyadvspur.theory.faces import face_of
from pyadvspur.theory.norms import C, attack_norm, dual_norm

if TYPE_CHECKING:
    from pyadvspur.theory.problem import LinearProblem


def radius_of(multiplier: float, s: float, n: float) -> float:
    """The radius whose optimum has residual std s, dual norm n and this multiplier (formula 4)."""
    a = C * (s * s - multiplier * n)
    root = np.hypot(a, 2 * s * np.sqrt(n * multiplier))
    return 2 * multiplier * s / (a + root) if a >= 0 else (root - a) / (2 * s * n)


def multiplier_of(eps: float, s: float, n: float) -> float:
    """lambda in  cov (t* - t) = lambda g  at the optimum (formula 2): the inverse of `radius_of`."""
    return eps * s * (C * s + eps * n) / (s + C * eps * n)


def solve(problem: LinearProblem, eps: float, norm: str) -> tuple[np.ndarray, float]:
    """The adversarially trained weights at one radius, (d,), and their multiplier.

    eps: > 0. norm: "l1", "l2", "linf". Meant for d up to a few dozen and a covariance of full rank.
    """
    largest = float(attack_norm(problem.correlation_with_label, norm))
    if largest == 0 or eps * C * np.sqrt(problem.label_variance) >= largest:
        return np.zeros(problem.dim), largest
    low, high = np.log(largest) - 60, np.log(largest)
    start, size = problem.theta, float(dual_norm(problem.theta, norm))
    guess = (
        multiplier_of(eps, np.sqrt(problem.standard_risk(start)), size) if problem.noise_std else largest / 2
    )
    for k in range(200):
        middle = (low + high) / 2 if k else min(max(np.log(guess), low), high - 0.05)
        theta = _solve_penalised(problem, np.exp(middle), norm, start)
        exact = None if norm == "l2" else _solve_on_face(problem, theta, eps, norm)
        if exact is not None:
            return exact
        s, n = np.sqrt(problem.standard_risk(theta)), float(dual_norm(theta, norm))
        if n == 0 or radius_of(np.exp(middle), s, n) > eps:
            high = middle
        else:
            low = middle
        if high - low < 1e-15 * max(1.0, abs(high)):
            break
        start = theta if n else start
    return theta, float(np.exp(middle))


def _solve_penalised(problem: LinearProblem, multiplier: float, norm: str, start: np.ndarray) -> np.ndarray:
    if norm == "l2":
        return _ridge(problem, multiplier)
    step = 1 / np.linalg.norm(problem.cov, 2)
    theta, ahead, momentum = start.copy(), start.copy(), 1.0
    for k in range(3000):
        moved = _shrink(
            ahead - step * (problem.cov @ ahead - problem.correlation_with_label), step * multiplier, norm
        )
        grown = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        if (ahead - moved) @ (moved - theta) > 0:  # the momentum points uphill: restart it
            momentum = grown = 1.0
        ahead = moved + (momentum - 1) / grown * (moved - theta)
        theta, momentum = moved, grown
        if k % 25 == 24 and (face := face_of(theta, norm)) is not None:
            exact = face.best(problem, multiplier)
            if face.is_optimal(problem, exact, multiplier):
                return exact
    return theta


def _solve_on_face(problem: LinearProblem, theta: np.ndarray, eps: float, norm: str):
    """The optimum at eps if it lies on the face of theta: (weights, multiplier), else None."""
    face = face_of(theta, norm)
    if face is None:
        return None

    def excess(log_multiplier: float) -> float:
        candidate = face.best(problem, np.exp(log_multiplier))
        s, n = np.sqrt(problem.standard_risk(candidate)), float(face.slope @ face.coordinates(candidate))
        return log_multiplier - np.log(multiplier_of(eps, s, n)) if n > 0 and s > 0 else np.inf

    top = np.log(float(attack_norm(problem.correlation_with_label, norm)))
    ends = np.linspace(top - 60, top, 61)
    values = np.array([excess(end) for end in ends])
    crossing = np.flatnonzero((values[:-1] <= 0) & (values[1:] > 0) & np.isfinite(values[1:]))
    for k in crossing:
        multiplier = float(np.exp(brentq(excess, ends[k], ends[k + 1], xtol=1e-15, rtol=1e-15)))
        exact = face.best(problem, multiplier)
        if face.is_optimal(problem, exact, multiplier):
            return exact, multiplier
    return None


def _ridge(problem: LinearProblem, multiplier: float) -> np.ndarray:
    """multiplier = mu N(t(mu)) with (cov + mu I) t = b: mu by a scalar root in the eigenbasis."""
    values, vectors = np.linalg.eigh(problem.cov)
    beta = vectors.T @ problem.theta
    beta[values <= problem.dim * np.finfo(float).eps * values[-1]] = 0

    def excess(log_mu: float) -> float:
        scaled = np.exp(log_mu) / values[-1]
        size = np.linalg.norm(values / values[-1] * beta / (values / values[-1] + scaled))
        return log_mu + np.log(size) - np.log(multiplier)

    middle = np.log(multiplier / np.linalg.norm(beta))
    high = middle + 1
    while excess(high) < 0:
        high += 2
        if high > middle + 200:
            return np.zeros(problem.dim)
    mu = np.exp(brentq(excess, middle - 1, high, xtol=1e-15, rtol=1e-15))
    return vectors @ (values * beta / (values + mu))


def _shrink(vector: np.ndarray, amount: float, norm: str) -> np.ndarray:
    """The proximal step of amount * N: soft threshold (q = 1), or what is left after an l1 projection (q = inf)."""
    magnitude = np.abs(vector)
    if norm == "linf":
        return np.sign(vector) * np.maximum(magnitude - amount, 0)
    if norm != "l1":
        raise AdvSpurError(f"theory.reference: norm got {norm!r}, takes 'l1' or 'linf' here.")
    if magnitude.sum() <= amount:
        return np.zeros_like(vector)
    ordered = np.sort(magnitude)[::-1]
    levels = (np.cumsum(ordered) - amount) / np.arange(1, len(ordered) + 1)
    cap = levels[np.flatnonzero(ordered > levels)[-1]]
    return np.sign(vector) * np.minimum(magnitude, cap)
