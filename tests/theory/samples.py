"""The developers' sample problems with their 60-digit answers, and random problems."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from pyadvspur.theory import LinearProblem

_NORM = {1: "l1", 2: "l2", "inf": "linf"}


def read_samples(data_dir: Path) -> list[tuple[LinearProblem, dict]]:
    """Pairs (problem, answer): answer is the dict of the file, its attack norm under "norm"."""
    table = json.loads((data_dir / "facts" / "theory_sample.json").read_text())
    problems = {
        row["name"]: LinearProblem(row["Sigma"], row["theta_opt"], row["sigma"], row["core"])
        for row in table["instances"]
    }
    return [(problems[row["name"]], row | {"norm": _NORM[row["p"]]}) for row in table["problems"]]


def random_problem(rng, d=5, n_core=2, noise_std=0.5) -> LinearProblem:
    """A well-conditioned random covariance with features of random scales in [1/2, 2]."""
    factor = rng.normal(size=(d, 2 * d)) / np.sqrt(2 * d)
    scale = 2.0 ** rng.uniform(-1, 1, size=d)
    cov = factor @ factor.T * scale * scale[:, None]
    theta = np.r_[rng.normal(size=n_core), np.zeros(d - n_core)]
    return LinearProblem((cov + cov.T) / 2, theta, noise_std, np.arange(n_core))
