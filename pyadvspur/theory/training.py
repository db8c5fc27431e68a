"""Adversarial training as practised: descent on attacked samples. It knows none of the closed forms.

An independent check that the population solution is what training finds; for fitting data use
`theory.AdversarialLinearRegression`, which is exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pyadvspur.errors import bad
from pyadvspur.theory.checks import check_array, check_nonnegative
from pyadvspur.theory.norms import check_norm


@dataclass(frozen=True)
class Training:
    """theta: (d,), the average of the second half of the iterates. loss: (steps,), mean attacked squared error."""

    theta: np.ndarray
    loss: np.ndarray


def attack(theta: np.ndarray, x: np.ndarray, y: np.ndarray, norm: str, eps: float) -> np.ndarray:
    """The worst perturbation of every sample against a linear model: x + delta, ||delta|| <= eps.

    theta: (d,). x: (n, d). y: (n,). The squared error grows fastest along the sign of the residual times the
    direction in which <theta, .> grows fastest within the unit ball of `norm` (for l1 its largest weights, shared).
    """
    side = np.where(x @ theta - y >= 0, 1.0, -1.0)
    if norm == "linf":
        direction = np.sign(theta)
    elif norm == "l2":
        direction = theta / (np.linalg.norm(theta) or 1.0)
    else:
        magnitude = np.abs(theta)
        top = (magnitude >= magnitude.max() * (1 - 1e-12)) & (magnitude > 0)
        direction = np.sign(theta) * top / max(top.sum(), 1)
    return x + eps * side[:, None] * direction


def train(x, y, norm: str, eps: float, steps: int = 2000, step_size: float | None = None) -> Training:
    """Full-batch adversarial training of a linear regressor by subgradient descent from zero.

    x: (n, d). y: (n,). norm: of the attack. eps: >= 0. Each step attacks every sample, then moves along the gradient
    of their squared error (Danskin) by step_size / sqrt(1 + k / 10). step_size: default half the inverse curvature
    of the natural loss. Deterministic.
    """
    where = "theory.train"
    check_norm(where, norm)
    eps = check_nonnegative(where, "eps", eps)
    x = check_array(where, "x", x, (None, None))
    y = check_array(where, "y", y, (len(x),))
    if not isinstance(steps, (int, np.integer)) or steps < 2:
        raise bad(where, "steps", repr(steps), "an integer >= 2")
    if step_size is None:
        curvature = 2 * float(np.linalg.eigvalsh(x.T @ x / len(x))[-1])
        step_size = 0.5 / (curvature or 1.0)
    theta, mean, loss = np.zeros(x.shape[1]), np.zeros(x.shape[1]), np.empty(steps)
    for k in range(steps):
        attacked = attack(theta, x, y, norm, eps)
        residual = attacked @ theta - y
        loss[k] = residual @ residual / len(x)
        theta = theta - step_size / np.sqrt(1 + k / 10) * 2 * (residual @ attacked) / len(x)
        if k >= steps // 2:
            mean += theta / (steps - steps // 2)
    return Training(mean, loss)
