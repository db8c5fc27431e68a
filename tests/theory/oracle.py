"""An independent answer to one radius: the second-order cone program, by Clarabel. And the nastier problems to ask."""

from __future__ import annotations

import clarabel
import numpy as np
from scipy import sparse

from pyadvspur.theory.norms import C

_FAR = np.sqrt(1 - C * C)


def least_risk(factor: np.ndarray, theta: np.ndarray, noise_std: float, eps: float, norm: str) -> float:
    """min ||(s + c eps N, sqrt(1 - c^2) eps N)||^2 over t, s >= ||(factor (t - theta), noise_std)||, N >= ||t||_q.

    factor: (r, d) with covariance factor' factor. To about 1e-8 of the value for covariances of ordinary scale.
    """
    rank, d = factor.shape
    i_s, i_n, i_value = d, d + 1, d + 2
    n = d + 3 + (d if norm == "linf" else 0)
    rows, bounds, cones = [], [], []

    def add(block, bound, cone):
        rows.append(block), bounds.append(bound), cones.append(cone)

    worst = np.zeros((3, n))
    worst[0, i_value] = worst[1, i_s] = 1
    worst[1, i_n], worst[2, i_n] = C * eps, _FAR * eps
    add(-worst, np.zeros(3), clarabel.SecondOrderConeT(3))
    residual = np.zeros((rank + 2, n))
    residual[0, i_s] = 1
    residual[1:-1, :d] = factor
    offset = np.r_[0, -factor @ theta, noise_std]
    add(-residual, offset, clarabel.SecondOrderConeT(rank + 2))
    eye = np.eye(d)
    if norm == "l2":
        length = np.zeros((d + 1, n))
        length[0, i_n] = 1
        length[1:, :d] = eye
        add(-length, np.zeros(d + 1), clarabel.SecondOrderConeT(d + 1))
    elif norm == "l1":
        sides = np.zeros((2 * d, n))
        sides[:, i_n] = 1
        sides[:d, :d], sides[d:, :d] = eye, -eye
        add(-sides, np.zeros(2 * d), clarabel.NonnegativeConeT(2 * d))
    else:
        sides = np.zeros((2 * d + 1, n))
        sides[:d, :d], sides[d:-1, :d] = eye, -eye
        sides[:d, -d:] = sides[d:-1, -d:] = eye
        sides[-1, i_n], sides[-1, -d:] = 1, -1
        add(-sides, np.zeros(2 * d + 1), clarabel.NonnegativeConeT(2 * d + 1))
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.max_threads = 1
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-10
    goal = np.zeros(n)
    goal[i_value] = 1
    solver = clarabel.DefaultSolver(
        sparse.csc_matrix((n, n)),
        goal,
        sparse.csc_matrix(np.vstack(rows)),
        np.concatenate(bounds),
        cones,
        settings,
    )
    return float(solver.solve().obj_val) ** 2


def integer_problem(rng: np.random.Generator, d_max: int = 9):
    """factor (r, d), theta (d,), noise_std, core (d,): small integers, full of ties, duplicates, dependence."""
    d = int(rng.integers(1, d_max + 1))
    rank = int(rng.integers(1, d + 3))
    factor = rng.integers(-2, 3, (rank, d)).astype(float)
    kind = rng.integers(6)
    if kind == 0:
        factor = np.eye(d)
    elif kind == 1 and d > 1:
        factor[:, rng.integers(1, d)] = factor[:, 0] * rng.choice([-1.0, 1.0])
    elif kind == 2:
        factor[:, rng.integers(d)] = 0
    elif kind == 3:
        factor = np.vstack([np.eye(d), np.ones((1, d))])
    core = np.arange(d) < rng.integers(1, d + 1)
    theta = np.where(core, rng.integers(-2, 3, d), 0).astype(float)
    return factor, theta, float(rng.choice([0.0, 0.0, 0.1, 0.5, 2.0])), core
