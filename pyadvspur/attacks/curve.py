"""Shares with intervals: how a robust-accuracy curve is written down."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pyadvspur.wilson import wilson


def curve_frame(eps: Sequence[float], held: Sequence[int], n: int):
    """One row a radius: eps, accuracy, low, high, n; held: how many of the n samples stand at each."""
    import pandas as pd

    rows = []
    for radius, k in zip(eps, held):
        low, high = wilson(k, n)
        rows.append({"eps": radius, "accuracy": k / n if n else math.nan, "low": low, "high": high, "n": n})
    return pd.DataFrame(rows, columns=["eps", "accuracy", "low", "high", "n"])
