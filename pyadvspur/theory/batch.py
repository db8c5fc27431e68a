"""Many problems at once, for Monte Carlo over random covariances."""

from __future__ import annotations

import numpy as np

from pyadvspur.errors import bad
from pyadvspur.native import theory as native
from pyadvspur.theory.checks import check_array, check_core, check_eps
from pyadvspur.theory.norms import check_norm
from pyadvspur.theory.solution import Solution

_WHERE = "theory.solve_many"


def solve_many(
    covs,
    thetas,
    noise_stds,
    norm: str,
    eps,
    core=None,
    *,
    with_theta: bool = True,
    threads: int | None = None,
) -> Solution:
    """Solutions of m problems with d features at k radii each.

    covs: (m, d, d), symmetric (their definiteness is not checked here; LinearProblem does). thetas: (m, d), or (d,) for
    all. noise_stds: a number or (m,), >= 0. norm: "l1", "l2" or "linf". eps: (k,) for all or (m, k), finite and >= 0.
    core: bool (d,) or indices of the core features, the same in every problem; None: all are core.
    with_theta: whether to return weights. threads: None: all that this process may use.

    Returns a Solution whose fields have shape (m, k), theta (m, k, d) or, without weights, (m, 0, d). Problems are
    shared out over threads; no answer depends on their number, or on the other problems.
    """
    check_norm(_WHERE, norm)
    covs = check_array(_WHERE, "covs", covs, (None, None, None))
    m, d = covs.shape[:2]
    if covs.shape[2] != d:
        raise bad(_WHERE, "covs", f"shape {covs.shape}", "shape (m, d, d)")
    transposed = covs.transpose(0, 2, 1)
    if not np.array_equal(covs, transposed):
        limit = 1e-10 * np.abs(covs).max(axis=(1, 2), initial=0.0)
        if (np.abs(covs - transposed).max(axis=(1, 2)) > limit).any():
            raise bad(_WHERE, "covs", "matrices that differ from their transposes", "symmetric matrices")
        covs = covs / 2 + transposed / 2
    thetas = np.asarray(thetas)
    thetas = check_array(_WHERE, "thetas", thetas, (m, d) if thetas.ndim == 2 else (d,))
    noise_stds = np.asarray(noise_stds)
    noise_stds = check_array(_WHERE, "noise_stds", noise_stds, (m,) if noise_stds.ndim else ())
    if (noise_stds < 0).any():
        raise bad(_WHERE, "noise_stds", float(noise_stds.min()), "numbers >= 0")
    eps = check_eps(_WHERE, eps)
    if eps.shape[:-1] not in ((), (m,)) or eps.ndim == 0:
        raise bad(_WHERE, "eps", f"shape {eps.shape}", f"shape (k,) or ({m}, k)")
    core_mask = np.ones(d, dtype=bool) if core is None else check_core(_WHERE, core, d)
    if threads is not None and threads < 1:
        raise bad(_WHERE, "threads", threads, "an integer >= 1, or None")
    eps = np.ascontiguousarray(np.broadcast_to(eps, (m, eps.shape[-1])))
    theta, risk, standard, weight, share, multiplier, gap, unique = native.solve_many(
        covs,
        np.ascontiguousarray(np.broadcast_to(thetas, (m, d))),
        np.ascontiguousarray(np.broadcast_to(noise_stds, (m,))),
        core_mask,
        eps,
        norm,
        with_theta,
        native.default_threads() if threads is None else int(threads),
    )
    return Solution(theta, risk, standard, weight, share, eps, multiplier, gap, unique)
