"""Two classifiers on the same images: McNemar's test, and the difference with its paired interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pyadvspur.errors import bad
from pyadvspur.metrics.intervals import LEVEL, Estimate
from pyadvspur.metrics.resample import estimate


@dataclass(frozen=True)
class McNemar:
    """b: images only A gets right. c: only B. n: images. p: two-sided. difference: accuracy of A minus that of B."""

    b: int
    c: int
    n: int
    p: float
    difference: Estimate

    def __str__(self) -> str:
        return f"A - B = {self.difference}; only A right: {self.b}, only B right: {self.c}, p = {self.p:.3g}"


def mcnemar(correct_a, correct_b, *, mid_p: bool = False, level: float = LEVEL) -> McNemar:
    """McNemar's test that two classifiers have the same accuracy on the same images.

    correct_a, correct_b: (N,) of 0/1 or bool, image by image. Only the b + c images on which they differ speak: given
    b + c, b is Binomial(b + c, 1/2). p is exact, twice the smaller tail, at most 1; 1 where they never differ.
    mid_p: half the probability of the observed split is taken off each tail; nearer to its nominal size where few
    images differ, and no longer exact. The difference's interval is a paired Bayesian bootstrap (see `resample`).

    Source: McNemar 1947; Fagerland, Lydersen & Laake 2013 (mid-p).
    """
    a, b = np.asarray(correct_a, dtype=np.float64), np.asarray(correct_b, dtype=np.float64)
    if a.shape != b.shape or a.ndim != 1:
        raise bad("metrics.mcnemar", "correct_a, correct_b", f"{a.shape}, {b.shape}", "two columns (N,)")
    for name, column in (("correct_a", a), ("correct_b", b)):
        if not ((column == 0) | (column == 1)).all():
            raise bad("metrics.mcnemar", name, "other values", "0 or 1 for each image (one trial)")
    only_a, only_b = int((a > b).sum()), int((b > a).sum())
    difference = estimate(lambda x, y: x - y, np.stack([a, b], axis=1), key="mcnemar", level=level)
    return McNemar(only_a, only_b, len(a), mcnemar_p(only_a, only_b, mid_p), difference)


def mcnemar_p(b: int, c: int, mid_p: bool = False) -> float:
    """Two-sided p-value from the counts of images that only one of the two gets right."""
    from scipy.special import bdtr, gammaln

    n, k = b + c, min(b, c)
    if n == 0:
        return 1.0
    tail = float(bdtr(k, n, 0.5))
    if mid_p:
        tail -= 0.5 * float(np.exp(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1) - n * np.log(2)))
    return min(1.0, 2 * tail)


def holm(p) -> np.ndarray:
    """P-values of several tests, corrected so that any false rejection among them has the stated probability.

    p (K,) in [0, 1] or NaN (stays NaN and does not count). Source: Holm 1979.
    """
    p = np.asarray(p, dtype=np.float64)
    found = np.full(p.shape, np.nan)
    order = np.argsort(p, kind="stable")[: int((~np.isnan(p)).sum())]
    k = len(order)
    found[order] = np.maximum.accumulate(p[order] * np.arange(k, 0, -1)).clip(max=1.0) if k else []
    return found


def benjamini_hochberg(p) -> np.ndarray:
    """P-values of several tests, corrected so that at most the stated share of the rejections is false on average.

    p (K,) in [0, 1] or NaN (stays NaN and does not count). Source: Benjamini & Hochberg 1995.
    """
    p = np.asarray(p, dtype=np.float64)
    found = np.full(p.shape, np.nan)
    order = np.argsort(p, kind="stable")[: int((~np.isnan(p)).sum())]
    k = len(order)
    if k:
        scaled = p[order] * k / np.arange(1, k + 1)
        found[order] = np.minimum.accumulate(scaled[::-1])[::-1].clip(max=1.0)
    return found
