"""Shares with intervals: how a robust-accuracy curve is written down."""

from __future__ import annotations

import math
from collections.abc import Sequence

_Z95 = 1.959963984540054  # normal quantile of a two-sided 95 % interval


def wilson(k: int, n: int, z: float = _Z95) -> tuple[float, float]:
    """Wilson's score interval for k successes in n trials; (0, 1) when n = 0. Source: Wilson 1927."""
    if n == 0:
        return 0.0, 1.0
    p, w = k / n, z * z / n
    centre, half = (p + w / 2) / (1 + w), z * math.sqrt(p * (1 - p) / n + w / (4 * n)) / (1 + w)
    return (0.0 if k == 0 else centre - half), (1.0 if k == n else centre + half)


def curve_frame(eps: Sequence[float], held: Sequence[int], n: int):
    """One row a radius: eps, accuracy, low, high, n; held: how many of the n samples stand at each."""
    import pandas as pd

    rows = []
    for radius, k in zip(eps, held):
        low, high = wilson(k, n)
        rows.append({"eps": radius, "accuracy": k / n if n else math.nan, "low": low, "high": high, "n": n})
    return pd.DataFrame(rows, columns=["eps", "accuracy", "low", "high", "n"])
