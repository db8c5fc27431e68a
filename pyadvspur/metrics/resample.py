"""Intervals by resampling images: everything that has no closed form.

Images are the only thing resampled, in pairs (all columns of an image together) and within classes or groups, whose
sizes a benchmark fixes. Trials and noise levels of one image are averaged before, so they never count as new images.

Three ways, `interval=`:

"bayes" (the default) : the Bayesian bootstrap (Rubin 1981), Dirichlet weights, with one pseudo-image spread over the
corners where all columns are all wrong or all right. For one column and one class that is Jeffreys' Beta(k + 1/2,
n - k + 1/2). It is the default because accuracies under noise and attack are often near 0 or 1: there the percentile
interval has no width (every image agrees) or holds the truth in as little as 41 % of data sets, BCa is undefined where
resamples agree, and this one keeps a width and holds it in 90 to 99 % (bench/check_coverage.py, docs/metrics.md).
"percentile" : quantiles of the plain bootstrap (multinomial counts within each class).
"bca" : the same with bias correction and acceleration (Efron 1987), as reviewers often ask for.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pyadvspur.errors import bad, unknown
from pyadvspur.metrics.bca import Formula, bca_tails
from pyadvspur.metrics.cells import Cells, collect
from pyadvspur.metrics.draws import DRAWS, bayesian, generator, multinomial, quantiles
from pyadvspur.metrics.intervals import LEVEL, Estimate

INTERVALS = ("bayes", "percentile", "bca")


def accuracies(values: np.ndarray, strata: np.ndarray | None = None, average: str = "classes") -> np.ndarray:
    """Mean of each column, (N, M) -> (M,); with strata (N,) and average="classes", the mean over strata of the means
    within."""
    return collect(values, strata, average).means()


def estimate(
    formula: Formula,
    values: np.ndarray,
    strata: np.ndarray | None = None,
    *,
    average: str = "classes",
    key: object = (),
    level: float = LEVEL,
    interval: str = "bayes",
    draws: int = DRAWS,
    bounds: tuple[float, float] = (0.0, 1.0),
) -> Estimate:
    """formula(mean of column 0, of column 1, ...) with the interval of its resampled values.

    values (N, M), NaN = not in the column; strata (N,) classes or groups; bounds: the range of the values. The draws
    depend on `key` and the set of lines, not on their order. Returns low <= value <= high.
    """
    if interval not in INTERVALS:
        raise unknown("metrics", "interval", interval, INTERVALS)
    if not len(values):
        return Estimate(np.nan, np.nan, np.nan, 0, "undefined: no image")
    return of_cells(
        formula, collect(values, strata, average), key=key, level=level, interval=interval, draws=draws, bounds=bounds
    )  # fmt: skip


def of_cells(
    formula: Formula,
    cells: Cells,
    *,
    key: object,
    level: float,
    interval: str,
    draws: int = DRAWS,
    bounds=(0.0, 1.0),
) -> Estimate:
    """`estimate`, from cells that are counted already."""
    n = int(cells.count.sum())
    value = float(formula(*cells.means()))
    if np.isnan(value):
        return Estimate(np.nan, np.nan, np.nan, n, "undefined: the formula has no value here")
    if interval == "bayes":
        drawn, note = formula(*bayesian(cells, key, draws, bounds).T), ""
        low, high = quantiles(drawn, (0.5 - level / 2, 0.5 + level / 2))
    else:
        drawn = formula(*multinomial(cells, generator(key), draws).T)
        defined = drawn[~np.isnan(drawn)]
        note = f"{draws - len(defined)} of {draws} resamples undefined" if len(defined) < draws else ""
        if not len(defined):
            return Estimate(value, np.nan, np.nan, n, note)
        tails = (0.5 - level / 2, 0.5 + level / 2)
        if interval == "bca":
            found = bca_tails(value, defined, cells, formula, tails)
            if found is None:
                safe = of_cells(formula, cells, key=key, level=level, interval="bayes", bounds=bounds)
                return replace(safe, note="BCa undefined (resamples agree): Bayesian bootstrap")
            tails = found
        low, high = np.quantile(defined, tails)
    return Estimate(value, min(float(low), value), max(float(high), value), n, note)


def class_mean(correct, label, level: float = LEVEL, interval: str = "bayes") -> Estimate:
    """Mean over classes of class accuracies: correct (N,) in [0, 1], label (N,) integers; n = N.

    Every class weighs the same, however many images it has. Interval: class-stratified bootstrap.
    """
    correct, label = np.asarray(correct, dtype=np.float64), np.asarray(label)
    if correct.shape != label.shape or correct.ndim != 1:
        raise bad(
            "metrics.class_mean", "correct, label", f"{correct.shape}, {label.shape}", "two columns (N,)"
        )
    return estimate(np.asarray, correct[:, None], label, key="class_mean", level=level, interval=interval)
