"""The attack's norm, its dual, and the one constant of the theory."""

from __future__ import annotations

import math

import numpy as np

from pyadvspur.errors import unknown

C = math.sqrt(2 / math.pi)  # E|z| of a standard normal z
ONE_MINUS_C2 = 1 - 2 / math.pi

# norm of the attack -> order q of its dual norm, in which the weights are measured
DUAL_ORDER: dict[str, float] = {"l1": np.inf, "l2": 2.0, "linf": 1.0}
ATTACK_ORDER: dict[str, float] = {"l1": 1.0, "l2": 2.0, "linf": np.inf}
NORMS = tuple(DUAL_ORDER)


def check_norm(where: str, norm: str) -> str:
    """The name of an attack norm, or AdvSpurError with the known ones."""
    if not isinstance(norm, str) or norm not in DUAL_ORDER:
        raise unknown(where, "norm", norm, NORMS)
    return norm


def dual_norm(theta: np.ndarray, norm: str) -> np.ndarray:
    """||theta||_q over the last axis: how much a perturbation of size 1 in `norm` can move <theta, x>.

    theta: float64 (..., d). norm: the attack's, "l1", "l2" or "linf" (q = inf, 2, 1). Returns (...).
    """
    return _length(theta, DUAL_ORDER[check_norm("theory.dual_norm", norm)])


def attack_norm(vector: np.ndarray, norm: str) -> np.ndarray:
    """||vector||_p over the last axis, p the attack's own norm. vector: float64 (..., d). Returns (...)."""
    return _length(vector, ATTACK_ORDER[check_norm("theory.attack_norm", norm)])


def _length(vector: np.ndarray, order: float) -> np.ndarray:
    magnitude = np.abs(vector)
    if order == 1.0:
        return magnitude.sum(axis=-1)
    largest = magnitude.max(axis=-1, initial=0.0)
    if order == np.inf:
        return largest
    unit = np.where(largest > 0, largest, 1.0)  # scaled first, so that 1e-200 does not vanish when squared
    return largest * np.sqrt(np.square(magnitude / unit[..., None]).sum(axis=-1))
