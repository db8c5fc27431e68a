"""Draws of accuracies under resampling of images: the intervals of everything that has no closed form.

One image contributes one row: its mean outcome in each of M conditions (1 or 0, or a fraction where a
condition has trials or noise levels; NaN where the image is not in the condition). Images are the only
thing resampled, so conditions that share images are compared in pairs, and trials of one image never count
as new images.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from itertools import product

import numpy as np

from pyadvspur.metrics.intervals import LEVEL, Estimate

DRAWS = 2000
_ABSENT = -1.0


def generator(key: object) -> np.random.Generator:
    """A generator that depends on the key alone (its repr), not on order, process or machine."""
    digest = hashlib.sha256(repr(key).encode()).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest[:16], "little")))


def accuracies(values: np.ndarray, strata: np.ndarray | None = None) -> np.ndarray:
    """Mean of each column, (N, M) -> (M,); with strata (N,), the mean over strata of the means within."""
    strata = np.zeros(len(values), int) if strata is None else strata
    means = np.stack([_column_means(values[strata == s]) for s in np.unique(strata)])
    return _column_means(means)


def draw_accuracies(
    values: np.ndarray, strata: np.ndarray | None = None, *, key: object = (), draws: int = DRAWS
) -> np.ndarray:
    """Resampled `accuracies`, (draws, M).

    Rows with equal outcomes form one cell; cell weights are Dirichlet(count + prior) within each stratum
    (the Bayesian bootstrap; for two binary conditions, a smoothed multinomial over their four joint
    outcomes). The corners, where every condition is all wrong or all right, always take part with one
    pseudo-image in all, which for one condition is Jeffreys' Beta(k + 1/2, n - k + 1/2): so the interval
    keeps a width when every image agrees.

    Source: Rubin 1981 (Bayesian bootstrap); Brown, Cai & DasGupta 2001 (Jeffreys' prior for proportions).
    """
    rng = generator(key)
    strata = np.zeros(len(values), int) if strata is None else strata
    names = np.unique(strata)
    total, seen = np.zeros((draws, values.shape[1])), np.zeros((draws, values.shape[1]))
    for name in names:
        cells, alpha = _cells(values[strata == name], 1 / len(names))
        weight = rng.standard_gamma(alpha, size=(draws, len(alpha)))
        present = (cells != _ABSENT).astype(float)
        mass = weight @ present
        hits = weight @ (cells * present)
        total += np.divide(hits, mass, out=np.zeros_like(hits), where=mass > 0)
        seen += mass > 0
    return np.divide(total, seen, out=np.full_like(total, np.nan), where=seen > 0)


def estimate(
    formula: Callable[..., np.ndarray],
    values: np.ndarray,
    strata: np.ndarray | None = None,
    *,
    key: object = (),
    level: float = LEVEL,
) -> Estimate:
    """formula(accuracy of column 0, of column 1, ...) with the interval of its resampled values."""
    if not len(values):
        return Estimate(float("nan"), float("nan"), float("nan"), 0)
    value = float(formula(*accuracies(values, strata)))
    drawn = formula(*draw_accuracies(values, strata, key=key).T)
    low, high = np.quantile(drawn, [0.5 - level / 2, 0.5 + level / 2])
    return Estimate(value, min(float(low), value), max(float(high), value), len(values))


def _column_means(values: np.ndarray) -> np.ndarray:
    there = ~np.isnan(values)
    count = there.sum(axis=0)
    total = np.where(there, values, 0.0).sum(axis=0)
    return np.divide(total, count, out=np.full(values.shape[1], np.nan), where=count > 0)


def _cells(values: np.ndarray, prior: float) -> tuple[np.ndarray, np.ndarray]:
    rows = np.where(np.isnan(values), _ABSENT, values)
    cells, counts = np.unique(rows, axis=0, return_counts=True)
    corners = []
    masks = np.unique(rows != _ABSENT, axis=0)
    for mask in masks:
        ends = [(0.0, 1.0) if there else (_ABSENT,) for there in mask]
        each = list(product(*ends))
        corners += [(corner, prior / len(each)) for corner in each]
    cells = np.concatenate([cells, np.array([corner for corner, _ in corners])])
    return cells, np.concatenate([counts, [mass for _, mass in corners]])
