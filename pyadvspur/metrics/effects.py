"""A mean over networks, and what its spread is made of: the images shown, and the networks trained."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import exp, inf, lgamma, nan, pi, sqrt, tan
from statistics import NormalDist

import numpy as np

from pyadvspur.metrics.intervals import LEVEL


@dataclass(frozen=True)
class Mean:
    """The mean of one number over K units (networks of several seeds; slopes of several series).

    value. low, high: other images, these very units. mixed_low, mixed_high: other images and other units of the kind;
    NaN for one unit. unit_sd: standard deviation from unit to unit, images' share taken off; NaN for one unit.
    image_sd: standard deviation of one unit's number from images to images. units: K.
    """

    value: float
    low: float
    high: float
    mixed_low: float
    mixed_high: float
    unit_sd: float
    image_sd: float
    units: int


def random_mean(values, drawn, level: float = LEVEL) -> Mean:
    """Mean over units that share their images.

    values (K,): one number a unit. drawn (D, K): its draws, all units with the same images (`joint.together`).

    Model: value_k = mean + unit_k + image error_k; errors of different units go together, since the images are the
    same. With s^2 the variance between the values, v the mean variance of the draws and c their mean covariance,

        unit variance        s^2 - (v - c), at least 0
        variance of the mean s^2 / K + c,   degrees of freedom (s^2/K + c)^2 / ((s^2/K)^2 / (K - 1))

    both unbiased, also where units' errors have different sizes: the random-effects analysis of variance, which for
    slopes of equal designs is the REML estimate of a mixed model with random intercept and slope. low and high are the
    quantiles of the mean's draws. mixed_low and mixed_high are Student's interval with these degrees of freedom
    (Satterthwaite), and never inside [low, high]: where units agree better than their images allow, that is luck. With
    two units it is wide, as it should be; it knows of no bounds, so a share may leave [0, 1].

    Source: Searle, Casella & McCulloch 1992 (variance components); Satterthwaite 1946.
    """
    values, drawn = np.asarray(values, dtype=np.float64), np.asarray(drawn, dtype=np.float64)
    kept = ~np.isnan(values)
    values, drawn = values[kept], drawn[:, kept]
    count = len(values)
    if not count:
        return Mean(nan, nan, nan, nan, nan, nan, nan, 0)
    drawn = drawn[~np.isnan(drawn).any(axis=1)]
    if len(drawn) < 2:
        return Mean(float(values.mean()), nan, nan, nan, nan, nan, nan, count)
    mean, means = float(values.mean()), drawn.mean(axis=1)
    low, high = np.quantile(means, [0.5 - level / 2, 0.5 + level / 2])
    ends = (min(float(low), mean), max(float(high), mean))
    covariance = np.atleast_2d(np.cov(drawn.T))
    image = float(np.diag(covariance).mean())
    if count < 2:
        return Mean(mean, *ends, nan, nan, nan, sqrt(image), count)
    shared = float((covariance.sum() - np.trace(covariance)) / (count * (count - 1)))
    between = float(values.var(ddof=1))
    unit = max(0.0, between - (image - shared))
    half = _half(between / count, max(0.0, shared), count, level)
    mixed = (min(ends[0], mean - half), max(ends[1], mean + half))
    return Mean(mean, *ends, *mixed, sqrt(unit), sqrt(image), count)


def student(tail: float, free: float) -> float:
    """The quantile of Student's distribution at 1/2 <= tail < 1, for free >= 1 degrees of freedom, whole or not.

    With x = sqrt(free) tan(a), P(0 < X < x) = integral of cos^(free - 1) from 0 to a, over its value at pi/2 times two.
    (scipy.special has it as well, but takes a second to import.)
    """
    if free > 1e5:
        return NormalDist().inv_cdf(tail)
    total = sqrt(pi) / 2 * exp(lgamma(free / 2) - lgamma((free + 1) / 2))
    nodes, weights = _gauss()
    low, high = 0.0, pi / 2
    for _ in range(60):
        angle = (low + high) / 2
        part = angle / 2 * float(weights @ np.cos(angle / 2 * (nodes + 1)) ** (free - 1))
        low, high = (angle, high) if part < (2 * tail - 1) * total else (low, angle)
    return sqrt(free) * tan((low + high) / 2)


@cache
def _gauss() -> tuple[np.ndarray, np.ndarray]:
    return np.polynomial.legendre.leggauss(80)


def _half(between: float, shared: float, count: int, level: float) -> float:
    """Half the width of Student's interval of the mean."""
    total = between + shared
    free = total**2 / (between**2 / (count - 1)) if between > 0 else inf
    return student(0.5 + level / 2, free) * sqrt(total)
