"""Thousands of random integer covariances (ties, duplicates, rank deficiency) against Clarabel: no failure allowed."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "theory"))

from oracle import integer_problem, least_risk

from pyadvspur.theory import LinearProblem
from pyadvspur.theory.norms import NORMS


def solve(seed: int, d_max: int):
    """Yields (norm, fraction of the critical radius, relative difference to the peer, relative gap)."""
    rng = np.random.default_rng(seed)
    factor, theta, noise_std, core = integer_problem(rng, d_max)
    problem = LinearProblem(factor.T @ factor, theta, noise_std, core)
    for norm in NORMS:
        path = problem.path(norm)
        if path.critical_eps == 0:
            continue
        fraction = float(rng.choice([0.01, 0.1, 0.3, 0.5, 0.64, 0.8, 0.95]))
        eps = fraction * path.critical_eps
        got = path.at(eps)
        peer = least_risk(factor, theta, noise_std, eps, norm)
        yield norm, fraction, got.risk / peer - 1, got.gap / got.risk


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--solves", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--d-max", type=int, default=12)
    parser.add_argument("--quick", action="store_true", help="200 solves")
    options = parser.parse_args()
    wanted = 200 if options.quick else options.solves
    done, failures, worst, gap = 0, 0, 0.0, 0.0
    seed = options.seed
    while done < wanted:
        for norm, fraction, difference, relative_gap in solve(seed, options.d_max):
            done += 1
            worst, gap = max(worst, abs(difference)), max(gap, relative_gap)
            # the certificate proves optimality; the peer is good to about 1e-8, some hard problems less
            if relative_gap > 1e-9 or abs(difference) > 1e-5:
                failures += 1
                print(
                    f"seed {seed} {norm} at {fraction}: difference {difference:.2e}, gap {relative_gap:.2e}"
                )
        seed += 1
    print(
        f"{done} solves, {failures} failures; largest difference to Clarabel {worst:.1e}, largest gap {gap:.1e}"
    )
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
