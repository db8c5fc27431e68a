"""Rank correlation with few points: Spearman's coefficient, and its permutation p-value, exact where it can be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from pyadvspur.errors import bad, unknown
from pyadvspur.metrics.draws import generator

ALTERNATIVES = ("two-sided", "greater", "less")
_EXACT = 8  # numbers that may change places in a block; 8! = 40,320 orders
_DRAWS = 20_000


def rank(values: np.ndarray) -> np.ndarray:
    """Ranks 1..n along the last axis, ties as their mean; (..., n) -> (..., n)."""
    values = np.asarray(values, dtype=np.float64)
    less = (values[..., None, :] < values[..., :, None]).sum(axis=-1)
    same = (values[..., None, :] == values[..., :, None]).sum(axis=-1)
    return less + (same + 1) / 2


def spearman(x, y) -> np.ndarray:
    """Spearman's rank correlation along the last axis: x (n,), y (..., n) -> (...); NaN where one of them is constant.

    rho = sum_i (R_i - m)(S_i - m) / sqrt(sum_i (R_i - m)^2 sum_i (S_i - m)^2), R and S the ranks (ties as their mean)
    and m = (n + 1)/2.

    Source: Spearman 1904; ties as in Kendall & Gibbons 1990.
    """
    one, two = rank(x), rank(y)
    one, two = one - one.mean(axis=-1, keepdims=True), two - two.mean(axis=-1, keepdims=True)
    size = np.sqrt((one**2).sum(axis=-1) * (two**2).sum(axis=-1))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.clip((one * two).sum(axis=-1) / size, -1, 1)


@dataclass(frozen=True)
class Block:
    """One series: x, y (n,). fixed (n,): entries that keep their place when orders are compared, None = none."""

    x: np.ndarray
    y: np.ndarray
    fixed: np.ndarray | None = None


def trend_p(blocks: Sequence[Block], alternative: str = "two-sided", key: object = "trend") -> float:
    """P-value of a trend of y over x inside blocks, from all orders in which y could have come inside each block.

    The statistic is T = sum over blocks of sum_i R_i S_i, R and S the ranks inside the block: Spearman's coefficient
    for one block, Page's L for several. Under the null hypothesis the values of a block that are not `fixed` could
    have come in any order. Exact where no block has more than 8 such values, by listing their orders and adding the
    blocks' distributions up; else (1 + orders as extreme) / (1 + 20,000) over orders drawn with `key`. Two-sided: as
    far from T's mean. 1 where nothing can change.

    Source: Page 1963; permutation p-values as in Phipson & Smyth 2010.
    """
    if alternative not in ALTERNATIVES:
        raise unknown("metrics.trend_p", "alternative", alternative, ALTERNATIVES)
    ranked = [_doubled(block) for block in blocks]
    seen = sum(int((x * y).sum()) for x, y, _ in ranked)
    if all((~fixed).sum() <= _EXACT for _, _, fixed in ranked):
        low, chance = 0, np.ones(1)
        for x, y, fixed in ranked:
            totals, share = _orders(x, y, fixed)
            least = int(totals.min())
            spread = np.zeros(int(totals.max()) - least + 1)
            spread[totals - least] = share
            low, chance = low + least, np.convolve(chance, spread)
        totals = low + np.arange(len(chance))
        return float(min(1.0, chance[_extreme(totals, seen, (totals * chance).sum(), alternative)].sum()))
    rng = generator((key, "orders"))
    totals = np.zeros(_DRAWS)
    for x, y, fixed in ranked:
        free = np.flatnonzero(~fixed)
        drawn = rng.permuted(np.broadcast_to(y[free], (_DRAWS, len(free))), axis=1)
        totals += (drawn * x[free]).sum(axis=1) + int((x * y)[fixed].sum())
    mean = sum(_mean(x, y, fixed) for x, y, fixed in ranked)
    return float((1 + _extreme(totals, seen, mean, alternative).sum()) / (1 + _DRAWS))


def _doubled(block: Block) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ranks times two, which are whole numbers."""
    x, y = np.asarray(block.x, dtype=np.float64), np.asarray(block.y, dtype=np.float64)
    if x.shape != y.shape or x.ndim != 1 or np.isnan(x).any() or np.isnan(y).any():
        raise bad("metrics.trend_p", "blocks", f"x {x.shape}, y {y.shape}", "two columns (n,) without NaN")
    fixed = np.zeros(len(x), bool) if block.fixed is None else np.asarray(block.fixed, bool)
    return (2 * rank(x)).astype(np.int64), (2 * rank(y)).astype(np.int64), fixed


def _orders(x: np.ndarray, y: np.ndarray, fixed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every value of sum_i x_i y_i over the orders of the entries that may move, and the share of orders with it."""
    free = np.flatnonzero(~fixed)
    held = int((x * y)[fixed].sum())
    if not len(free):
        return np.array([held]), np.ones(1)
    listed = np.array(list(permutations(y[free].tolist())), dtype=np.int64)
    totals, count = np.unique(listed @ x[free] + held, return_counts=True)
    return totals, count / count.sum()


def _mean(x: np.ndarray, y: np.ndarray, fixed: np.ndarray) -> float:
    free = ~fixed
    moved = x[free].sum() * y[free].sum() / max(1, int(free.sum()))
    return float((x * y)[fixed].sum() + moved)


def _extreme(totals: np.ndarray, seen: int, mean: float, alternative: str) -> np.ndarray:
    if alternative == "greater":
        return totals >= seen
    if alternative == "less":
        return totals <= seen
    return np.abs(totals - mean) >= abs(seen - mean) - 1e-9
