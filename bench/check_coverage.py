"""How often the 95 % intervals of paired metrics hold the truth, by simulation: why "bayes" is the default.

    python bench/check_coverage.py [--runs 1000] [--draws 600] [--truth NAME ...]

Each row draws many data sets of n images from known probabilities of the four joint outcomes (right in both conditions,
in the second only, in the first only, in neither) and counts how often each interval covers the metric's true value;
in brackets the mean width. An honest interval says .95; the standard error of the rates is printed below.
"""

from __future__ import annotations

import argparse

import numpy as np

from pyadvspur import metrics
from pyadvspur.metrics.resample import INTERVALS, estimate

OUTCOMES = np.array([(1, 1), (0, 1), (1, 0), (0, 0)], dtype=float)
TRUTHS = {
    "near 1": (0.965, 0.025, 0.005, 0.005),
    "high": (0.93, 0.05, 0.01, 0.01),
    "one-sided": (0.98, 0.0, 0.01, 0.01),
    "middle": (0.30, 0.25, 0.30, 0.15),
    "near 0": (0.02, 0.06, 0.01, 0.91),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--draws", type=int, default=600)
    parser.add_argument("--truth", choices=list(TRUTHS), nargs="*", default=list(TRUTHS))
    given = parser.parse_args()
    print(f"{'truth':10s} {'n':>4s} {'metric':7s}" + "".join(f"{name:>18s}" for name in INTERVALS))
    for name, p in ((name, TRUTHS[name]) for name in given.truth):
        for n in (50, 100, 400):
            for formula in (metrics.bg_gap, metrics.rfs):
                cells = []
                for interval in INTERVALS:
                    covered, width = simulate(formula, p, n, interval, given.runs, given.draws)
                    cells.append(f"{covered:.3f} ({width:.3f})")
                print(
                    f"{name:10s} {n:4d} {formula.__name__:7s}" + "".join(f"{c:>18s}" for c in cells),
                    flush=True,
                )
    print(f"standard error of a rate of .95 over {given.runs} runs: {np.sqrt(0.05 * 0.95 / given.runs):.3f}")


def simulate(formula, p, n: int, interval: str, runs: int, draws: int) -> tuple[float, float]:
    """(share of data sets whose interval holds the truth, mean width)."""
    truth = formula(p[0] + p[2], p[0] + p[1])
    covered = width = 0.0
    for run in range(runs):
        values = OUTCOMES[np.random.default_rng(run).choice(4, n, p=p)]
        found = estimate(formula, values, key=run, interval=interval, draws=draws)
        covered += found.low <= truth <= found.high
        width += found.high - found.low
    return covered / runs, width / runs


if __name__ == "__main__":
    main()
