"""Images that agree in everything a metric sees, counted: what resampling works on instead of images.

One image is one line: its outcome in each of M columns (1 or 0, or a mean over trials and noise levels; NaN where the
image is not in the column). A table of millions of lines has few distinct ones, so draws cost cells, not images.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

#: classes with fewer images do not show their own spread: they are resampled together
LEAST = 5


@dataclass(frozen=True)
class Cells:
    """C cells in R resampling strata, in the order of strata; the mean of column j is

        sum_r share[r, j] * (sum_c count * mass * value) / (sum_c count * mass), c over the cells of r.

    count (C,): images. value (C, M): outcomes, 0 where absent. mass (C, M): weight of one image inside its stratum, 0
    where absent. stratum (C,). share (R, M): columns sum to 1. pattern (C,): which of `patterns` (P, M), bool, says
    where the cell's images are present. alike (C,): images of the same stratum and pattern.
    """

    count: np.ndarray
    value: np.ndarray
    mass: np.ndarray
    stratum: np.ndarray
    share: np.ndarray
    pattern: np.ndarray
    patterns: np.ndarray
    alike: np.ndarray

    @cached_property
    def start(self) -> np.ndarray:
        """The first cell of each stratum."""
        return np.flatnonzero(np.r_[True, self.stratum[1:] != self.stratum[:-1]])

    def means(self) -> np.ndarray:
        """The columns' means, (M,), by counts divided: no rounding where a fraction is exact.

        A stratum that weighs nothing in a column is left out there; NaN where all are.
        """
        mass, hits = self.sum(self.count * self.mass.T), self.sum(self.count * (self.mass * self.value).T)
        wanted = self.share.T > 0
        there = wanted & (mass > 0)
        share = np.where(there, self.share.T, 0.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            total = (np.where(there, hits / mass, 0.0) * share).sum(axis=1)
            return np.where(
                (there == wanted).all(axis=1) & wanted.any(axis=1), total, total / share.sum(axis=1)
            )

    def weighted_means(self, weights: np.ndarray) -> np.ndarray:
        """`means` with weights in place of the counts: (C, D), draws side by side -> (D, M)."""
        found = np.empty((weights.shape[1], self.value.shape[1]))
        for columns in self._alike_columns:
            mass, share = self.mass[:, columns[0]], self.share[:, columns[0]]
            used = np.flatnonzero(mass > 0)
            weight = weights[used] if len(used) < len(mass) else weights
            if not (mass[used] == 1).all():
                weight = weight * mass[used][:, None]
            begins = np.r_[True, self.stratum[used][1:] != self.stratum[used][:-1]]
            total = _row_sums(weight, np.flatnonzero(begins))
            share = share[self.stratum[used][begins]]
            there = total > 0
            if there.all() and (share > 0).all():
                factor = share[:, None] / total / _everywhere(share.tobytes(), total.shape[1])
            else:
                there &= (share > 0)[:, None]
                with np.errstate(divide="ignore", invalid="ignore"):
                    factor = np.where(there, share[:, None] / total, 0.0) / (share @ there)
            each = factor[np.cumsum(begins) - 1]
            each *= weight
            found[:, columns] = (self.value[np.ix_(used, columns)].T @ each).T
        whole = np.round(found)  # means of outcomes that are all wrong or all right are exactly that
        return np.where(np.abs(found - whole) < 1e-12, whole, found)

    @cached_property
    def _alike_columns(self) -> list[np.ndarray]:
        """Columns in which images are present, weigh and share alike: their means need one set of weights."""
        together: dict[bytes, list[int]] = {}
        for j in range(self.value.shape[1]):
            together.setdefault(self.mass[:, j].tobytes() + self.share[:, j].tobytes(), []).append(j)
        return [np.array(columns) for columns in together.values()]

    def sum(self, terms: np.ndarray) -> np.ndarray:
        """Sums over the cells of each stratum, (..., C) -> (..., R)."""
        return np.add.reduceat(terms, self.start, axis=-1)

    @cached_property
    def effective(self) -> np.ndarray:
        """Images that would weigh as much if all weighed the same, (M,): 1 / sum of squared weights (Kish)."""
        mass = self.sum((self.count[:, None] * self.mass).T).T
        with np.errstate(divide="ignore", invalid="ignore"):
            weight = np.where(self.mass > 0, (self.share / mass)[self.stratum] * self.mass, 0.0)
            return 1 / (self.count[:, None] * weight**2).sum(axis=0)


def collect(values: np.ndarray, strata: np.ndarray | None, average: str | Sequence[str]) -> Cells:
    """Count the lines of a table.

    values (N, M), NaN = absent. strata (N,): classes or groups, or None for one. average: "classes" = a column's mean
    is the mean over strata of the means within; "images" = the mean over images, strata only being kept in resampling;
    or one of the two for each column.
    Strata with fewer than 5 images in a column that they take part in form one resampling stratum, in which each image
    keeps its weight.
    """
    n, columns = values.shape
    there = ~np.isnan(values)
    whole = bool(there.all())
    code = np.zeros(n, np.int64) if strata is None else _codes(np.asarray(strata))
    size = np.stack([np.bincount(code, weights=there[:, j]) for j in range(columns)], axis=1)
    rank, together = _strata(size)
    present = size > 0
    each = [average] * columns if isinstance(average, str) else average
    by_class = np.array([name == "classes" for name in each], bool)
    of_stratum = np.where(by_class, present.astype(float), size)
    share = np.zeros((rank.max() + 1, columns))
    np.add.at(share, rank, of_stratum)
    share /= np.maximum(share.sum(axis=0), 1)

    shape = np.zeros(len(size), np.int64)  # classes that weigh their images alike
    if by_class.any() and together.any():
        shape[together] = np.unique(size[together], axis=0, return_inverse=True)[1].reshape(-1) + 1
    key, width = rank[code] * (shape.max() + 1) + shape[code], (rank.max() + 1) * (shape.max() + 1)
    pattern = np.zeros(n, np.int64)
    if not whole:
        pattern = _patterns(there)
    key, width = key * (pattern.max() + 1) + pattern, width * (pattern.max() + 1)
    for j in range(columns):
        digits, base = _digits(values[:, j])
        if width > 2**62 // base:
            key, width = _codes(key), len(np.unique(key))
        key, width = key * base + digits, width * base
    first, count = _distinct(key, width)

    mass = there[first].astype(float)
    if by_class.any() and together.any():
        mine = code[first]
        own = by_class & together[mine][:, None] & (mass > 0)
        mass = np.where(own, 1 / np.maximum(size[mine], 1), mass)
    stratum, pattern = rank[code[first]], pattern[first]
    group = _codes(stratum * (pattern.max() + 1) + pattern)
    patterns = np.zeros((pattern.max() + 1, columns), bool)
    patterns[pattern] = there[first]
    return Cells(
        count=count, value=np.where(there[first], values[first], 0.0), mass=mass, stratum=stratum, share=share,
        pattern=pattern, patterns=patterns, alike=np.bincount(group, weights=count)[group],
    )  # fmt: skip


def _row_sums(rows: np.ndarray, start: np.ndarray) -> np.ndarray:
    """`np.add.reduceat(rows, start, axis=0)`, for few rows a sum eight times as fast and in the same order: the first
    row and the sum of the others."""
    ends = np.r_[start[1:], len(rows)]
    if (ends - start).max() > 8:  # numpy adds longer ones in another order
        return np.add.reduceat(rows, start, axis=0)
    found = np.empty((len(start), rows.shape[1]))
    for total, begin, end in zip(found, start.tolist(), ends.tolist()):
        if end - begin < 3:
            np.add.reduce(rows[begin:end], axis=0, out=total)
        else:
            np.add.reduce(rows[begin + 1 : end], axis=0, out=total)
            total += rows[begin]
    return found


@lru_cache(maxsize=16)
def _everywhere(share: bytes, draws: int) -> np.ndarray:
    """`share @ there` where every stratum is there in every draw."""
    weights = np.frombuffer(share)
    return weights @ np.ones((len(weights), draws))


def _strata(size: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The resampling stratum of each class from its images in each column, and which classes are taken together."""
    least = np.where(size > 0, size, np.inf).min(axis=1)
    together = least < LEAST if len(size) > 1 else np.zeros(1, bool)
    if together.sum() < 2:
        together[:] = False
    rank = np.cumsum(~together) - 1
    rank[together] = (~together).sum()
    return rank, together


def _patterns(there: np.ndarray) -> np.ndarray:
    """Numbers of the rows' presence patterns, 0..P-1."""
    pattern = np.zeros(len(there), np.int64)
    for j in range(there.shape[1]):
        pattern = _codes(2 * pattern + there[:, j])
    return pattern


def _digits(column: np.ndarray) -> tuple[np.ndarray, int]:
    """A column's outcomes as numbers 0..base-1 in the order of the outcomes; absent ones are 0."""
    if ((column == 0) | (column == 1)).all():
        return column.astype(np.int64), 2
    filled = np.where(np.isnan(column), 0.0, column)
    if ((filled == 0) | (filled == 1)).all():
        return filled.astype(np.int64), 2
    distinct = np.unique(filled)
    return np.searchsorted(distinct, filled), len(distinct)


def _codes(values: np.ndarray) -> np.ndarray:
    """0..K-1 in the order of the values."""
    if (
        values.dtype.kind in "iu"
        and len(values)
        and values.min() >= 0
        and values.max() < 4 * len(values) + 1024
    ):
        seen = np.zeros(int(values.max()) + 1, np.int64)
        seen[values] = 1
        return (np.cumsum(seen) - 1)[values]
    return np.unique(values, return_inverse=True)[1].reshape(-1)


def _distinct(key: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """A line of each distinct key, in their order, and how many lines have it."""
    if width <= 4 * len(key) + 1024:
        count = np.bincount(key, minlength=width)
        line = np.empty(width, np.int64)
        line[key] = np.arange(len(key))
        found = np.flatnonzero(count)
        return line[found], count[found]
    _, first, count = np.unique(key, return_index=True, return_counts=True)
    return first, count
