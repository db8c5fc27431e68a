"""Drawing images: means of the Bayesian and of the plain bootstrap, for all columns of a table at once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from itertools import product

import numpy as np

from pyadvspur.metrics.cells import Cells

DRAWS = 2000
#: the key of draws that every metric of a set of images shares; up to so many images they are kept
IMAGES, _KEPT = "images", 2000
# above either, a normal distribution with the draws' own moments stands for them
_MANY_CELLS, _MANY_IMAGES = 128, 5000
_CLEAR = 8.0  # standard deviations that it must keep from the ends
_AT_ONCE = 2**21  # weights held in memory
_CORNERS = 6  # columns above which the corners are taken one column at a time


def generator(key: object) -> np.random.Generator:
    """A generator that depends on the key alone (its repr), not on order, process or machine."""
    digest = hashlib.sha256(repr(key).encode()).digest()
    return np.random.Generator(np.random.SFC64(int.from_bytes(digest[:16], "little")))


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
            ends = path[np.r_[0, np.cumsum(cells.count)]]
            weights = [ends[1:] - ends[:-1]]
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


def quantiles(drawn: np.ndarray, tails: Sequence[float]) -> list[float]:
    """`np.quantile` of one column of draws, without sorting all of it."""
    places = [tail * (len(drawn) - 1) for tail in tails]
    at = sorted({int(p) + k for p in places for k in (0, 1) if int(p) + k < len(drawn)})
    ordered = np.partition(drawn, at)
    ends = [(ordered[int(p)], ordered[min(int(p) + 1, len(drawn) - 1)], p - int(p)) for p in places]
    return [float(low + (high - low) * part) for low, high, part in ends]


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
