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

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import product
from statistics import NormalDist

import numpy as np

from pyadvspur.errors import bad, unknown
from pyadvspur.metrics.cells import Cells, collect
from pyadvspur.metrics.intervals import LEVEL, Estimate

DRAWS = 2000
INTERVALS = ("bayes", "percentile", "bca")
# above either, a normal distribution with the draws' own moments stands for them
_MANY_CELLS, _MANY_IMAGES = 128, 5000
_CLEAR = 8.0  # standard deviations that it must keep from the ends
_AT_ONCE = 2**21  # weights held in memory
_CORNERS = 6  # columns above which the corners are taken one column at a time
#: the key of draws that every metric of a set of images shares; up to so many images they are kept
IMAGES, _KEPT = "images", 2000

Formula = Callable[..., np.ndarray]


def generator(key: object) -> np.random.Generator:
    """A generator that depends on the key alone (its repr), not on order, process or machine."""
    digest = hashlib.sha256(repr(key).encode()).digest()
    return np.random.Generator(np.random.SFC64(int.from_bytes(digest[:16], "little")))


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


def quantiles(drawn: np.ndarray, tails: Sequence[float]) -> list[float]:
    """`np.quantile` of one column of draws, without sorting all of it."""
    places = [tail * (len(drawn) - 1) for tail in tails]
    at = sorted({int(p) + k for p in places for k in (0, 1) if int(p) + k < len(drawn)})
    ordered = np.partition(drawn, at)
    ends = [(ordered[int(p)], ordered[min(int(p) + 1, len(drawn) - 1)], p - int(p)) for p in places]
    return [float(low + (high - low) * part) for low, high, part in ends]


def bayesian(cells: Cells, key: object, draws: int, bounds: tuple[float, float] = (0.0, 1.0)) -> np.ndarray:
    """Means of the Bayesian bootstrap, (draws, M). key: what the random numbers depend on.

    With several strata the Dirichlet weights of a stratum sum to its images less two, so that the variance of its
    mean is unbiased (p(1-p)/n on average) also for small classes.

    Source: Rubin 1981; Brown, Cai & DasGupta 2001 (Jeffreys' prior for proportions).
    """
    found = _normal(cells, key, draws, bounds)
    held = np.broadcast_to(cells.effective, (draws, len(cells.effective)))
    if found is None:
        alone = len(cells.share) == 1
        alpha = np.ones(len(cells.count)) if alone else np.maximum((cells.alike - 2) / cells.alike, 1 / 3)
        images = int(cells.count.sum())
        if key == IMAGES and images <= _KEPT:
            path = _image_weights(np.repeat(alpha, cells.count).tobytes(), draws)
            ends = np.cumsum(cells.count)
            weights = [path[ends] - path[ends - cells.count]]
        else:
            rng, alpha = generator(key), (alpha * cells.count)[:, None]
            weights = (
                rng.standard_gamma(alpha, size=(len(alpha), p.stop - p.start))
                for p in _parts(draws, len(alpha))
            )
        found, total = np.empty((draws, cells.value.shape[1])), np.array(held)
        done = 0
        for weight in weights:
            part = slice(done, done := done + weight.shape[1])
            found[part] = cells.weighted_means(weight)
            if alone:
                total[part] = weight.T @ cells.mass
        held = total
    below, above = _corners(cells.patterns.tobytes(), cells.patterns.shape, draws)
    return (held * found + below * bounds[0] + above * bounds[1]) / (held + below + above)


def multinomial(cells: Cells, rng: np.random.Generator, draws: int) -> np.ndarray:
    """Means of the plain bootstrap, (draws, M): as many images again from each stratum, with replacement.

    Source: Efron 1979.
    """
    found = np.empty((draws, cells.value.shape[1]))
    ends = np.r_[cells.start[1:], len(cells.count)]
    for part in _parts(draws, len(cells.count)):
        weight = np.empty((len(cells.count), part.stop - part.start))
        for start, end in zip(cells.start, ends):
            count = cells.count[start:end]
            n = int(count.sum())
            weight[start:end] = rng.multinomial(n, count / n, size=weight.shape[1]).T
        found[part] = cells.weighted_means(weight)
    return found


def bca_tails(
    value: float, drawn: np.ndarray, cells: Cells, formula: Formula, tails: tuple[float, float]
) -> tuple[float, float] | None:
    """The quantiles of the draws that BCa takes instead of `tails`; None where the draws or the jackknife agree.

    Source: Efron 1987; for several samples Davison & Hinkley 1997, section 5.3.
    """
    normal = NormalDist()
    share = (np.mean(drawn < value) + np.mean(drawn <= value)) / 2
    if not 0 < share < 1:
        return None
    bias = normal.inv_cdf(share)
    cubes, squares = _jackknife(cells, formula)
    if squares == 0:
        return None
    skew = cubes / (6 * squares**1.5)
    found = []
    for tail in tails:
        z = bias + normal.inv_cdf(tail)
        found.append(normal.cdf(bias + z / (1 - skew * z)))
    return found[0], found[1]


def _jackknife(cells: Cells, formula: Formula) -> tuple[float, float]:
    """Sums over images of cubed and squared influences, from leaving out one image at a time."""
    total = (cells.count[:, None] * cells.mass).T
    mass, hits = cells.sum(total), cells.sum(total * cells.value.T)
    left_mass = mass[:, cells.stratum] - cells.mass.T
    left_hits = hits[:, cells.stratum] - (cells.mass * cells.value).T
    with np.errstate(divide="ignore", invalid="ignore"):
        there, left = mass > 0, left_mass > 1e-12
        means = np.where(there, hits / mass, 0.0)
        old = np.where(there, cells.share.T, 0.0)[:, cells.stratum]
        base = (means * np.where(there, cells.share.T, 0.0)).sum(axis=1)[:, None]
        moved = base - old * means[:, cells.stratum] + np.where(left, old * left_hits / left_mass, 0.0)
        moved = moved / np.where(left, 1.0, 1.0 - old)
        values = np.asarray(formula(*moved), dtype=float)
    n = cells.sum(cells.count.astype(float))[cells.stratum]
    usable = ~np.isnan(values) & (n > 1)
    values, count = np.where(usable, values, 0.0), np.where(usable, cells.count, 0)
    each = cells.sum(count.astype(float))
    centre = cells.sum(count * values) / np.maximum(each, 1)
    influence = np.where(usable, (n - 1) * (centre[cells.stratum] - values) / n, 0.0)
    # influences of rounding alone are none
    influence[np.abs(influence) < 1e-14] = 0.0
    return float((count * influence**3).sum()), float((count * influence**2).sum())


def _normal(cells: Cells, key: object, draws: int, bounds: tuple[float, float]) -> np.ndarray | None:
    """Draws of a normal distribution with the moments of the Dirichlet ones, where these are many and it fits."""
    if len(cells.count) <= _MANY_CELLS and cells.count.sum() <= _MANY_IMAGES:
        return None
    mean = cells.means()
    mass = cells.sum((cells.count[:, None] * cells.mass).T).T
    with np.errstate(divide="ignore", invalid="ignore"):
        weight = np.where(cells.mass > 0, (cells.share / mass)[cells.stratum] * cells.mass, 0.0)
        within = np.where(
            mass > 0, cells.sum((cells.count[:, None] * cells.mass * cells.value).T).T / mass, 0.0
        )
    terms = weight * (cells.value - within[cells.stratum])
    unbiased = cells.count * cells.alike / np.maximum(cells.alike - 1, 1)
    cov = np.einsum("c,cj,ck->jk", unbiased, terms, terms)
    spread = _CLEAR * np.sqrt(np.diag(cov))
    if not ((mean - spread > bounds[0]) & (mean + spread < bounds[1])).all():
        return None
    values, axes = np.linalg.eigh(cov)
    root = axes * np.sqrt(values.clip(0))
    z = generator(key).standard_normal((draws, len(mean)))
    return np.clip(mean + np.einsum("dk,jk->dj", z, root), *bounds)


@lru_cache(maxsize=6)
def _image_weights(alpha: bytes, draws: int) -> np.ndarray:
    """Sums of the first k images' weights, (N + 1, draws): what lies between two of them is the weight of a cell whose
    images stand side by side. alpha: (N,) shapes of the gamma distributions, in the order of the cells."""
    shapes = np.frombuffer(alpha, np.float64)
    rng, path = generator((IMAGES, len(shapes), draws)), np.zeros((len(shapes) + 1, draws))
    path[1:] = rng.standard_gamma(shapes[:, None], size=(len(shapes), draws))
    return np.cumsum(path, axis=0, out=path)


@lru_cache(maxsize=64)
def _corners(patterns: bytes, shape: tuple[int, int], draws: int) -> tuple[np.ndarray, np.ndarray]:
    """Weight of the pseudo-images at the lower and at the upper end of each column, (draws, M) each; patterns: bool of
    that shape. They know nothing of the data, so all metrics of a shape share them."""
    rng = generator(("corners", patterns, shape, draws))
    below, above = np.zeros((2, draws, shape[1]))
    for pattern in np.frombuffer(patterns, bool).reshape(shape):
        columns = np.flatnonzero(pattern)
        groups = [columns] if len(columns) <= _CORNERS else [columns[[k]] for k in range(len(columns))]
        for group in groups:
            ends = np.array(list(product((False, True), repeat=len(group))))
            weight = rng.standard_gamma(1 / len(ends), size=(draws, len(ends)))
            for k, j in enumerate(group):
                above[:, j] += weight[:, ends[:, k]].sum(axis=1)
                below[:, j] += weight[:, ~ends[:, k]].sum(axis=1)
    return below, above


def _parts(draws: int, cells: int) -> list[slice]:
    step = max(1, _AT_ONCE // max(cells, 1))
    return [slice(k, min(k + step, draws)) for k in range(0, draws, step)]
