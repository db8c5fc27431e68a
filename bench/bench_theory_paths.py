"""Population solution paths against CVXPY + Clarabel: 50 radii, geometric from 1e-3 to 0.98 of the critical one.

Ours: the whole call `problem.path(norm).at(radii)`, weights and certificates included, on a fresh path, one thread.
The peer: one parametrised problem, compiled once, its solve time summed over the radii. At d = 100 it solves 10 of them
and at d = 1000 `--peer-solves`, spread over the grid, and the sum is scaled to 50: see the column `peer_solves`.
The problem: a Wishart covariance of 2 d draws (condition number about 34), N(0, 1) weights on the first quarter of the
features, which are core, label noise 0.5, seed 0.
"""
# ruff: noqa: E402, I001 - the libraries read these variables when they load

from __future__ import annotations

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import time
from functools import partial
from statistics import median

import cvxpy as cp
import numpy as np
import common

from pyadvspur.theory import LinearProblem
from pyadvspur.theory.norms import C, DUAL_ORDER

TARGET = {
    ("l2", 10): 700, ("l2", 100): 1000, ("l2", 1000): 4000,
    ("linf", 10): 3000, ("linf", 100): 30000, ("linf", 1000): 50000,
    ("l1", 10): 1500, ("l1", 100): 3000, ("l1", 1000): 2500,
}  # fmt: skip


def random_problem(d: int, seed: int = 0) -> LinearProblem:
    """A Wishart covariance of 2 d draws; a quarter of the features are core."""
    rng = np.random.default_rng(seed)
    factor = rng.standard_normal((2 * d, d)) / np.sqrt(2 * d)
    core = np.arange(d) < max(1, d // 4)
    return LinearProblem(factor.T @ factor, np.where(core, rng.standard_normal(d), 0), 0.5, core)


class Peer:
    """min ||(s + c eps N, sqrt(1 - c^2) eps N)||, eps a parameter."""

    def __init__(self, problem: LinearProblem, norm: str):
        root = np.linalg.cholesky(problem.cov).T
        self.theta, s, n = cp.Variable(problem.dim), cp.Variable(), cp.Variable()
        self.eps = cp.Parameter(nonneg=True)
        residual = cp.hstack([root @ self.theta - root @ problem.theta, problem.noise_std])
        goal = cp.norm(cp.hstack([s + C * (self.eps * n), np.sqrt(1 - C * C) * (self.eps * n)]), 2)
        self.problem = cp.Problem(
            cp.Minimize(goal), [cp.norm(residual, 2) <= s, cp.norm(self.theta, DUAL_ORDER[norm]) <= n]
        )
        self.solve(0.1)

    def solve(self, eps: float) -> float:
        self.eps.value = eps
        self.problem.solve(solver=cp.CLARABEL, max_threads=1)
        return self.problem.value**2


def whole_call(problem: LinearProblem, norm: str, radii: np.ndarray):
    return problem.path(norm).at(radii)


def main() -> None:
    run = common.start(
        __doc__,
        "theory_paths",
        lambda parser: parser.add_argument(
            "--peer-solves", type=int, default=2, help="radii of the peer at d = 1000"
        ),
    )
    for d in (10, 100) if run.quick else (10, 100, 1000):
        problem = random_problem(d)
        for norm in ("l2", "linf", "l1"):
            peer = Peer(problem, norm)
            critical = problem.path(norm).critical_eps
            radii = np.geomspace(1e-3, 0.98, 50) * critical
            solves = 50 if d == 10 else (10 if d == 100 else run.options.peer_solves)
            asked = np.unique(
                np.linspace(0, 49, solves + 2).round().astype(int)[1:-1] if solves < 50 else np.arange(50)
            )
            answer = problem.path(norm).at(radii)
            values, seconds = [], []
            for i in asked:
                start = time.perf_counter()
                values.append(peer.solve(radii[i]))
                seconds.append(time.perf_counter() - start)
            # Ours is certified below; Clarabel stops within its own tolerance of the optimum, about 1e-6 at d = 1000.
            excess = answer.risk[asked] / values - 1
            run.check(f"{norm} d={d} above Clarabel's value", max(float(excess.max()), 0.0), 1e-7)
            run.check(f"{norm} d={d} equals Clarabel", float(np.abs(excess).max()), 1e-5)
            run.check(f"{norm} d={d} certificate", float((answer.gap / answer.risk).max()), 1e-9)
            times = run.measure(
                {"ours": partial(whole_call, problem, norm, radii)},
                repeats=7 if d == 1000 else (50 if d == 100 else 300),
            )
            ours, theirs = times["ours"].median, sum(seconds) * 50 / len(asked)
            run.row(
                d=d, norm=norm, ours_ms=ours * 1e3, best_ms=min(times["ours"].seconds) * 1e3, peer_s=theirs,
                peer_solves=len(asked), peer_ms_each=median(seconds) * 1e3, ratio=theirs / ours,
                target=TARGET[norm, d], largest_gap=float((answer.gap / answer.risk).max()),
            )  # fmt: skip
    run.finish()


if __name__ == "__main__":
    main()
