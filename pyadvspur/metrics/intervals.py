"""Intervals in closed form, and the `Estimate` that every metric returns."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan, nan, sqrt

from pyadvspur.errors import bad
from pyadvspur.wilson import wilson

LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """A number with its interval [low, high] and its denominator n (the images it rests on).

    note: why the value is NaN, or how many images were left out and why; "" = nothing to say.
    """

    value: float
    low: float
    high: float
    n: int
    note: str = ""

    def __str__(self) -> str:
        note = f" ({self.note})" if self.note else ""
        if isnan(self.value):
            return f"undefined, n = {self.n}{note}"
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}], n = {self.n}{note}"


def proportion_interval(successes: float, n: int, level: float = LEVEL) -> tuple[float, float]:
    """Wilson's score interval of a proportion.

    successes: in [0, n]; may be fractional where each image's outcome is a mean over trials. n: images.
    Returns (low, high) in [0, 1]; (0, 1) for n = 0. The interval keeps its width at 0 and at 1, unlike the
    normal one.

    Source: Wilson 1927; recommended by Brown, Cai & DasGupta 2001.
    """
    if not 0 < level < 1:
        raise bad("metrics.proportion_interval", "level", level, "a number in (0, 1)")
    if not 0 <= successes <= n:
        raise bad("metrics.proportion_interval", "successes", successes, f"a number in [0, n = {n}]")
    return wilson(successes, n, level)


def proportion(successes: float, n: int, level: float = LEVEL) -> Estimate:
    """successes / n with Wilson's interval; NaN in [0, 1] for n = 0."""
    low, high = proportion_interval(successes, n, level)
    return Estimate(successes / n if n else nan, low, high, int(n))


def weighted_sum(parts: list[Estimate], weights: list[float]) -> Estimate:
    """sum_g w_g value_g of independent estimates, with the interval that their own intervals imply.

    The distance from the sum to each end is the root of the weighted squared distances of the parts
    (MOVER), so the interval inherits the good behaviour of Wilson's at 0 and 1.

    Source: Zou & Donner 2008.
    """
    value = sum(w * e.value for w, e in zip(weights, parts))
    below = sqrt(sum((w * (e.value - (e.low if w >= 0 else e.high))) ** 2 for w, e in zip(weights, parts)))
    above = sqrt(sum((w * ((e.high if w >= 0 else e.low) - e.value)) ** 2 for w, e in zip(weights, parts)))
    return Estimate(value, value - below, value + above, sum(e.n for e in parts))
