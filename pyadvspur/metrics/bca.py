"""Bias correction and acceleration of bootstrap intervals, with the jackknife inside classes."""

from __future__ import annotations

from collections.abc import Callable
from statistics import NormalDist

import numpy as np

from pyadvspur.metrics.cells import Cells

Formula = Callable[..., np.ndarray]


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
