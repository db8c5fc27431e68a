"""How often the intervals and p-values of trends are right, by simulation: networks, images and noise of known truth.

    python bench/check_trends.py [--runs 500]

Each data set holds K series of six networks (radii 0 to 1) with slope 0 on average; a series has an intercept and a
slope of its own (standard deviations .05 and `slope sd`), a network an error of its own (.02), and all share 300
images, on which each is right with the probability that its place gives. Counted: how often the intervals of the
pooled slope hold 0 (other images; other networks too), and how often p <= .05. An honest interval says .95, an honest
test at most .05.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd

from pyadvspur import metrics

RADII = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)
IMAGES = 300
MEASURE = metrics.Measure("accuracy", "accuracy", condition="c")


def networks(series: int) -> pd.DataFrame:
    rows = [(f"{s}-{eps}", "l2" if eps else "", eps, "net", s) for s in range(series) for eps in RADII]
    return pd.DataFrame(rows, columns=["model", "norm", "eps", "arch", "seed"])


def outcomes(models: pd.DataFrame, slope_sd: float, rng: np.random.Generator) -> pd.DataFrame:
    x = np.linspace(0, 1, len(RADII)) - 0.5
    series = len(models) // len(RADII)
    level = 0.6 + rng.normal(0, 0.05, (series, 1)) + rng.normal(0, slope_sd, (series, 1)) * x
    level = np.clip(level + rng.normal(0, 0.02, level.shape), 0.02, 0.98).ravel()
    hard = rng.random(IMAGES)
    own = (
        rng.random((len(models), IMAGES)) < 0.5
    )  # half of the images are as hard for all, half for each alone
    right = np.where(own, rng.random((len(models), IMAGES)), hard) < level[:, None]
    n = len(models)
    return pd.DataFrame(
        {
            "model": pd.Categorical(np.repeat(models["model"], IMAGES)), "benchmark": "b", "condition": "c",
            "attack": "none", "eps": 0.0, "trial": 0, "sample": np.tile(np.arange(IMAGES), n), "group": -1,
            "label": np.tile(np.arange(IMAGES) % 10, n), "correct": right.ravel(),
        }
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=500)
    given = parser.parse_args()
    print("| series | slope sd | other images | other networks too | p <= .05 |\n|---|---|---|---|---|")
    for count in (2, 4, 8):
        for slope_sd in (0.0, 0.1):
            models, held = networks(count), np.zeros(3)
            for k in range(given.runs):
                frame = outcomes(models, slope_sd, np.random.default_rng([k, count]))
                [row] = metrics.trends(frame, models, [MEASURE], draws=400).pooled.itertuples()
                held += [
                    row.slope_low <= 0 <= row.slope_high,
                    row.mixed_low <= 0 <= row.mixed_high,
                    row.p <= 0.05,
                ]
            rates = " | ".join(f"{rate:.3f}" for rate in held / given.runs)
            print(f"| {count} | {slope_sd} | {rates} |", flush=True)
    print(f"standard error of a rate of .95: {np.sqrt(0.95 * 0.05 / given.runs):.3f}")


if __name__ == "__main__":
    main()
