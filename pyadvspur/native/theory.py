"""Population solution paths: the compiled solver, and when it may use scipy's LAPACK."""

from __future__ import annotations

import os

import numpy as np

from pyadvspur.native import blas
from pyadvspur.native.core import core

ATTACKS = {"l2": 0, "linf": 1, "l1": 2}  # the attack's norm -> csrc/include/advspur/theory.h
LAPACK_FROM = 64  # features; below, the compiled code's own rotations are faster and more accurate


def path(cov: np.ndarray, theta: np.ndarray, noise_std: float, core_mask: np.ndarray, norm: str):
    """The compiled path of one problem. Arrays as LinearProblem keeps them: checked, float64, C-ordered."""
    if norm == "l2" and len(theta) > LAPACK_FROM:
        blas.load()
    return core.TheoryPath(cov, theta, noise_std, core_mask, ATTACKS[norm])


def solve_many(
    covs: np.ndarray,
    thetas: np.ndarray,
    noise_stds: np.ndarray,
    core_mask: np.ndarray,
    eps: np.ndarray,
    norm: str,
    with_theta: bool,
    threads: int,
) -> tuple[np.ndarray, ...]:
    """covs (m, d, d), thetas (m, d), noise_stds (m,), core_mask bool (d,), eps (m, k), all C-ordered."""
    if norm == "l2" and covs.shape[1] > LAPACK_FROM:
        blas.load()
    return core.theory_solve_many(
        covs=covs,
        thetas=thetas,
        noise_stds=noise_stds,
        core=core_mask,
        eps=eps,
        attack=ATTACKS[norm],
        with_theta=with_theta,
        threads=threads,
    )


def default_threads() -> int:
    """As many threads as this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    wanted = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
    return int(wanted) if wanted.isdigit() and int(wanted) > 0 else cores
