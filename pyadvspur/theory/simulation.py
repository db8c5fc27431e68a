"""Samples of a Gaussian linear problem, from the package's own generator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pyadvspur.errors import bad
from pyadvspur.streams import SIMULATE, stream

if TYPE_CHECKING:
    from pyadvspur.theory.problem import LinearProblem


def simulate(problem: LinearProblem, n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """X (n, d) and y (n,), float64: n draws of x ~ N(0, cov), y = <x, theta> + noise.

    Row i comes from the random numbers of (seed, i) alone, so the first rows of a longer simulation are the rows of a
    shorter one (to rounding). The standard normals are float32 Box-Muller draws. n >= 1; seed: any integer.
    """
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1:
        raise bad("theory.simulate", "n", repr(n), "an integer >= 1")
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)):
        raise bad("theory.simulate", "seed", repr(seed), "an integer")
    from pyadvspur.native.arrays import draw

    normals = draw(np.arange(n), problem.dim + 1, "normal", int(seed), stream(SIMULATE)).astype(np.float64)
    x = normals[:, :-1] @ _root(problem.cov).T
    return x, x @ problem.theta + problem.noise_std * normals[:, -1]


def _root(cov: np.ndarray) -> np.ndarray:
    """A matrix whose product with its transpose is cov, singular or not."""
    unit = np.sqrt(np.where(np.diagonal(cov) > 0, np.diagonal(cov), 1.0))
    scaled = cov / unit / unit[:, None]  # correlations: features of very different scales keep their digits
    try:
        root = np.linalg.cholesky(scaled)
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(scaled)
        root = vectors * np.sqrt(np.maximum(values, 0.0))
    return root * unit[:, None]
