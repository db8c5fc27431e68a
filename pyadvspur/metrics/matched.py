"""A metric against what standard models of the same clean accuracy have.

Gaps, drops and worst-group accuracy move with accuracy alone: adversarial training lowers clean accuracy, and with it
the points there are to lose. `accuracy_matched` asks what a standard model of the same accuracy would show, by the
trend of standard models (the third baseline of the paper's kind of comparison); `metrics.compare(both_right=...)` is
the other way, on the images that both models get right. Effective robustness is the same idea with a line in logits:
method="logit" fits it to the standard models that are there, `metrics.effective_robustness` takes a published one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pyadvspur.errors import bad, unknown
from pyadvspur.metrics.intervals import LEVEL, Estimate, weighted_sum
from pyadvspur.metrics.joint import interval, together
from pyadvspur.metrics.rows import cells
from pyadvspur.metrics.summary import Measures, of_benchmark

if TYPE_CHECKING:
    import pandas as pd

METHODS = ("interpolate", "line", "logit")
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
    outcomes: pd.DataFrame | None = None,
    measures: Measures | None = None,
    level: float = LEVEL,
) -> pd.DataFrame:
    """Each model's metric minus that of standard models at its clean accuracy.

    metrics: from `summarise` (clean rows are used). standard: names of the standard models, of differing accuracy
    (other architectures, widths, early-stopped ones). accuracy, measure: names of measures.
    method: "interpolate" = straight lines between neighbouring standard models, and NaN outside their range (nothing is
    extrapolated); "line" = least squares through all of them, at least three, NaN outside too; "logit" = the same with
    accuracy and metric in logits (for metrics that are accuracies: effective robustness against the standard models
    that are there). A standard model is compared with the others, without itself.
    outcomes, measures: the rows and the measures that `metrics` was made from, for intervals in pairs.

    Returns columns benchmark, model, accuracy, measure, value, expected, excess = value - expected, low, high, n
    (images of the metric), standard (how many models the expectation rests on), note. With outcomes and measures the
    interval (at `level`) is a paired bootstrap: the same drawn images give all accuracies and metrics, and the
    expectation is made anew from them. Without, it combines the sampling intervals of the model and of the standard
    models it is held against as if they were independent (MOVER), and treats the clean accuracies as known; on shared
    images the numbers usually go together, and then it is too wide rather than too narrow. Neither says how much
    standard models differ at one accuracy: for that, use more of them.

    Source: Taori et al., NeurIPS 2020 (robustness beyond what accuracy predicts), for any metric.
    """
    import pandas as pd

    if method not in METHODS:
        raise unknown("metrics.accuracy_matched", "method", method, METHODS)
    if (outcomes is None) != (measures is None):
        raise bad("metrics.accuracy_matched", "outcomes, measures", "one of them", "both or neither")
    clean = metrics[metrics["attack"] == "none"]
    for name, argument in ((accuracy, "accuracy"), (measure, "measure")):
        if name not in set(clean["measure"]):
            raise unknown("metrics.accuracy_matched", argument, name, sorted(set(clean["measure"])))
    if missing := [name for name in standard if name not in set(clean["model"].astype(str))]:
        raise bad("metrics.accuracy_matched", "standard", missing, "models of the table")
    rows = []
    for benchmark, mine in clean.groupby("benchmark", observed=True, sort=False):
        points = _points(mine[mine["measure"] == accuracy], mine[mine["measure"] == measure])
        defined = {
            name for name, (x, found) in points.items() if not np.isnan(x) and not np.isnan(found.value)
        }
        drawn = (
            {}
            if outcomes is None
            else _draws(outcomes, str(benchmark), tuple(points), measures, accuracy, measure)
        )
        for model, (x, found) in points.items():
            base = [name for name in dict.fromkeys(standard) if name in defined and name != model]
            expected, used, note = _expected(x, [points[name] for name in base], method)
            excess = weighted_sum([found, expected], [1.0, -1.0])
            if drawn and not np.isnan(excess.value):
                excess = _paired(excess, drawn[model], [drawn[name] for name in base], method, level)
                note = "; ".join(filter(None, (note, excess.note)))
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
    base = sorted(base, key=lambda p: p[0])
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
        return _sum(base, weights), int((np.abs(weights) > 1e-12).sum()), ""
    if method == "line":
        return _sum(base, _least_squares(levels, x)), len(base), ""
    ends = np.array([*levels, *(p[1].value for p in base)])
    if not ((ends > 0) & (ends < 1)).all():
        return nothing, len(base), "undefined: a standard model has 0 or 1, which has no logit"
    inside = [
        (p[0], Estimate(*(float(_logit(v)) for v in (p[1].value, p[1].low, p[1].high)), p[1].n)) for p in base
    ]
    line = _sum(inside, _least_squares(_logit(levels), _logit(x)))
    return Estimate(*(float(_share(v)) for v in (line.value, line.low, line.high)), line.n), len(base), ""


def _sum(base: list[tuple[float, Estimate]], weights: np.ndarray) -> Estimate:
    return weighted_sum([p[1] for p in base], [float(w) for w in weights])


def _least_squares(levels: np.ndarray, x) -> np.ndarray:
    """Weights of the points in the line's value at x."""
    centred = levels - levels.mean()
    return 1 / len(levels) + (x - levels.mean()) * centred / (centred**2).sum()


def _draws(outcomes: pd.DataFrame, benchmark: str, models: Sequence[str], measures: Measures, *names: str):
    """model -> (D, 2), draws of the two measures of all models with the same images."""
    there = {
        m.name: m for m in of_benchmark(measures if hasattr(measures, "get") else tuple(measures), benchmark)
    }
    if missing := [name for name in names if name not in there]:
        raise bad("metrics.accuracy_matched", "measures", sorted(there), f"also {', '.join(missing)}")
    held = cells(outcomes[(outcomes["benchmark"] == benchmark) & (outcomes["attack"] == "none")])
    asked = [
        (there[name], held[benchmark, model, "none", 0.0].lines(there[name]))
        for model in models
        for name in names
    ]
    drawn = together(asked).drawn
    return {model: drawn[:, 2 * k : 2 * k + 2] for k, model in enumerate(models)}


def _paired(
    excess: Estimate, mine: np.ndarray, base: list[np.ndarray], method: str, level: float
) -> Estimate:
    """The excess with the interval of its draws: in each the expectation is made anew."""
    x, levels, values = mine[:, 0], np.stack([b[:, 0] for b in base], 1), np.stack([b[:, 1] for b in base], 1)
    if method == "interpolate":
        order = np.argsort(levels, axis=1, kind="stable")
        levels, values = (np.take_along_axis(part, order, axis=1) for part in (levels, values))
        expected = np.array([np.interp(*one, left=np.nan, right=np.nan) for one in zip(x, levels, values)])
    else:
        if method == "logit":
            x, levels, values = _logit(x), _logit(levels), _logit(values)
        centred = levels - levels.mean(axis=1, keepdims=True)
        slope = (centred * values).sum(axis=1) / (centred**2).sum(axis=1)
        expected = values.mean(axis=1) + slope * (x - levels.mean(axis=1))
        expected = _share(expected) if method == "logit" else expected
    return interval(excess.value, mine[:, 1] - expected, excess.n, level)


def _logit(share) -> np.ndarray:
    """Ends of intervals may be 0 or 1: they are taken as very near to it."""
    p = np.clip(np.asarray(share, dtype=np.float64), 1e-9, 1 - 1e-9)
    return np.log(p / (1 - p))


def _share(logit) -> np.ndarray:
    return 1 / (1 + np.exp(-np.asarray(logit, dtype=np.float64)))
