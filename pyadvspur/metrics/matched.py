"""A metric against what standard models of the same clean accuracy have.

Gaps, drops and worst-group accuracy move with accuracy alone: adversarial training lowers clean accuracy, and with it
the points there are to lose. `accuracy_matched` asks what a standard model of the same accuracy would show, by the
trend of standard models (the third baseline of the paper's kind of comparison); `metrics.compare(both_right=...)` is
the other way, on the images that both models get right. Effective robustness is the same idea with a fitted line in
logits, and a published trend.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pyadvspur.errors import bad, unknown
from pyadvspur.metrics.intervals import Estimate, weighted_sum

if TYPE_CHECKING:
    import pandas as pd

METHODS = ("interpolate", "line")
COLUMNS = (
    "benchmark", "model", "accuracy", "measure", "value", "expected", "excess", "low", "high", "n", "standard", "note",
)  # fmt: skip


def accuracy_matched(
    metrics: pd.DataFrame,
    standard: Sequence[str],
    *,
    accuracy: str,
    measure: str,
    method: str = "interpolate",
) -> pd.DataFrame:
    """Each model's metric minus that of standard models at its clean accuracy.

    metrics: from `summarise` (clean rows are used). standard: names of the standard models, of differing accuracy
    (other architectures, widths, early-stopped ones). accuracy, measure: names of measures.
    method: "interpolate" = straight lines between neighbouring standard models, and NaN outside their range (nothing is
    extrapolated); "line" = least squares through all of them, at least three, NaN outside too. A standard model is
    compared with the others, without itself.

    Returns columns benchmark, model, accuracy, measure, value, expected, excess = value - expected, low, high, n
    (images of the metric), standard (how many models the expectation rests on), note. The interval combines the
    sampling intervals of the model and of the standard models it is held against as if they were independent (MOVER);
    on shared images they usually go together, and then it is too wide rather than too narrow. It treats the clean
    accuracies as known, and says nothing of how much standard models differ at one accuracy: for that, use more of
    them.

    Source: Taori et al., NeurIPS 2020 (robustness beyond what accuracy predicts), for any metric.
    """
    import pandas as pd

    if method not in METHODS:
        raise unknown("metrics.accuracy_matched", "method", method, METHODS)
    clean = metrics[metrics["attack"] == "none"]
    for name, argument in ((accuracy, "accuracy"), (measure, "measure")):
        if name not in set(clean["measure"]):
            raise unknown("metrics.accuracy_matched", argument, name, sorted(set(clean["measure"])))
    if missing := [name for name in standard if name not in set(clean["model"].astype(str))]:
        raise bad("metrics.accuracy_matched", "standard", missing, "models of the table")
    rows = []
    for benchmark, mine in clean.groupby("benchmark", observed=True, sort=False):
        points = _points(mine[mine["measure"] == accuracy], mine[mine["measure"] == measure])
        for model, (x, found) in points.items():
            base = [points[name] for name in dict.fromkeys(standard) if name in points and name != model]
            expected, used, note = _expected(x, base, method)
            excess = weighted_sum([found, expected], [1.0, -1.0])
            if np.isnan(found.value):
                note = found.note
            numbers = (
                found.value,
                expected.value,
                excess.value,
                excess.low,
                excess.high,
                found.n,
                used,
                note,
            )
            rows.append((benchmark, model, x, measure, *numbers))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _points(accuracy: pd.DataFrame, measure: pd.DataFrame) -> dict[str, tuple[float, Estimate]]:
    level = {str(r.model): float(r.value) for r in accuracy.itertuples()}
    return {
        str(r.model): (level[str(r.model)], Estimate(r.value, r.low, r.high, int(r.n), r.note))
        for r in measure.itertuples()
        if str(r.model) in level
    }


def _expected(x: float, base: list[tuple[float, Estimate]], method: str) -> tuple[Estimate, int, str]:
    """The standard models' metric at accuracy x, how many models it rests on, and why it is NaN."""
    nothing = Estimate(np.nan, np.nan, np.nan, 0)
    base = sorted((p for p in base if not np.isnan(p[0]) and not np.isnan(p[1].value)), key=lambda p: p[0])
    least = 2 if method == "interpolate" else 3
    levels = np.array([p[0] for p in base])
    if len(base) < least or np.ptp(levels) == 0:
        return nothing, len(base), f"undefined: {len(base)} standard models to compare with, {least} needed"
    if not levels[0] <= x <= levels[-1]:
        return (
            nothing, len(base),
            f"undefined: accuracy {x:.3f} lies outside the standard models' {levels[0]:.3f} to {levels[-1]:.3f}",
        )  # fmt: skip
    if method == "interpolate":
        # models of one accuracy count as their mean
        steps, place = np.unique(levels, return_inverse=True)
        share = np.array([np.interp(x, steps, row) for row in np.eye(len(steps))])
        weights = share[place] / np.bincount(place)[place]
    else:
        centred = levels - levels.mean()
        weights = 1 / len(levels) + (x - levels.mean()) * centred / (centred**2).sum()
    used = int((np.abs(weights) > 1e-12).sum())
    return weighted_sum([p[1] for p in base], [float(w) for w in weights]), used, ""
