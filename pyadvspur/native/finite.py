"""Adversarially trained linear regression on a sample: the compiled solver."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pyadvspur.native import blas
from pyadvspur.native.core import core

ATTACKS = {"linf": 0, "l2": 1, "l1": 2}


@dataclass(frozen=True)
class FiniteFits:
    """One row per radius. weights (E, d), intercept (E,), objective, bound and gap (E,), iterations and rounds (E,)."""

    weights: np.ndarray
    intercept: np.ndarray
    objective: np.ndarray
    bound: np.ndarray
    gap: np.ndarray
    iterations: np.ndarray
    rounds: np.ndarray
    critical_eps: float


def fit(
    x: np.ndarray, y: np.ndarray, attack: str, eps: np.ndarray, *, intercept: bool, tol: float = 1e-9,
    max_iter: int = 100, screen: bool = True,
) -> FiniteFits:  # fmt: skip
    """Minimise (1/n) sum (|x_i't + b - y_i| + eps ||t||_q)^2 for each eps.

    x: float64 (n, d), y: float64 (n,), both finite and C-contiguous. eps = 0 yields zero weights and a gap
    of 1. Trusts its arguments.
    """
    blas.load()
    n, d = x.shape
    eps = np.ascontiguousarray(eps, dtype=np.float64)
    weights, offset = np.empty((len(eps), d)), np.empty(len(eps))
    summary, counts = np.empty((len(eps), 3)), np.empty((len(eps), 2), dtype=np.int64)
    critical = core.finite_fit(
        attack=ATTACKS[attack], x=x.ctypes.data, y=y.ctypes.data, n=n, d=d, intercept=intercept, eps=eps.ctypes.data,
        n_eps=len(eps), tol=tol, max_iter=max_iter, screen=screen, weights=weights.ctypes.data,
        offset=offset.ctypes.data, summary=summary.ctypes.data, counts=counts.ctypes.data,
    )  # fmt: skip
    return FiniteFits(weights, offset, *summary.T, *counts.T, critical)
