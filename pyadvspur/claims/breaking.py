"""At which radius each image breaks, from outcomes under attacks at ascending radii."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


def breaking_radii(outcomes: pd.DataFrame) -> pd.DataFrame:
    """The smallest radius that was found to break each image: columns model, benchmark, condition, attack, sample,
    label, radius. inf where the largest one did not; images that are wrong without an attack, or have an error, are
    left out.

    A radius is that of the grid: the true one lies between it and the next smaller one, or below.
    """
    keys = ["model", "benchmark", "condition", "attack", "sample"]
    frame = outcomes[outcomes["error"].astype(str) == ""]
    right = frame[(frame["attack"] == "none") & frame["correct"]]
    attacked = frame[frame["attack"] != "none"]
    attacked = attacked.merge(right[["model", "benchmark", "condition", "sample"]].drop_duplicates())
    radius = attacked["eps"].where(~attacked["correct"], np.inf)
    found = attacked.assign(radius=radius).groupby(keys, observed=True, sort=False)
    return found.agg(label=("label", "first"), radius=("radius", "min")).reset_index()


def sides(radii: pd.DataFrame, first: str, second: str) -> pd.DataFrame:
    """Two attacks side by side: one row an image that was attacked both ways, with columns first and second."""
    keys = ["model", "benchmark", "condition", "sample", "label"]
    one, two = (
        radii.loc[radii["attack"] == name, [*keys, "radius"]].rename(columns={"radius": title})
        for name, title in ((first, "first"), (second, "second"))
    )
    return one.merge(two, on=keys)


def as_outcomes(pairs: pd.DataFrame, first: str, second: str) -> pd.DataFrame:
    """Outcome rows that say which attack breaks an image at the smaller radius: conditions `first` and `second`,
    correct where that one does; in neither where both break it at the same radius or none does."""
    import pandas as pd

    rows = []
    for name, better in (
        (first, pairs["first"] < pairs["second"]),
        (second, pairs["second"] < pairs["first"]),
    ):
        rows.append(
            pairs[["model", "benchmark", "sample", "label"]].assign(
                condition=pairs["condition"].astype(str) + ": " + name,
                attack="none",
                eps=0.0,
                group=-1,
                correct=better,
            )
        )
    return pd.concat(rows, ignore_index=True)


def median(values: np.ndarray, level: float = 0.95) -> tuple[float, float, float]:
    """The median, with the interval between order statistics that holds it at this level whatever the distribution
    (David & Nagaraja 2003, section 7.1). inf is a value like any other; NaN for no values."""
    from scipy.stats import binom

    values = np.sort(np.asarray(values, float))
    n = len(values)
    if not n:
        return (float("nan"),) * 3
    cut = int(binom.ppf(0.5 - level / 2, n, 0.5))
    middle = (
        values[(n - 1) // 2]
        if n % 2 or not np.isfinite(values[n // 2])
        else values[n // 2 - 1 : n // 2 + 1].mean()
    )
    low = values[max(cut - 1, 0)]
    return float(middle), float(low), float(values[min(n - cut, n - 1)])
