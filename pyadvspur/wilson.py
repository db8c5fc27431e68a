"""Wilson's score interval: the one formula behind every interval of a share in the package."""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist


def wilson(successes: float, n: int, level: float = 0.95) -> tuple[float, float]:
    """(low, high) in [0, 1] for successes in [0, n] of n trials; (0, 1) for n = 0. Inputs are trusted.

    Source: Wilson 1927; recommended by Brown, Cai & DasGupta 2001.
    """
    if n == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf(0.5 + level / 2)
    p = successes / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    # the ends are exact where rounding would miss them
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == n else min(1.0, centre + half)
    return low, high
