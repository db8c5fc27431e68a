"""From outcome rows to a table of metrics with intervals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from pyadvspur.errors import bad, unknown
from pyadvspur.metrics import groups, resample
from pyadvspur.metrics.cells import collect
from pyadvspur.metrics.draws import IMAGES
from pyadvspur.metrics.intervals import LEVEL, Estimate
from pyadvspur.metrics.layout import lay_out
from pyadvspur.metrics.lines import Lines
from pyadvspur.metrics.measure import Measure
from pyadvspur.metrics.rows import cells

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("benchmark", "model", "measure", "kind", "attack", "eps", "value", "low", "high", "n", "note")
Measures = Iterable[Measure] | Mapping[str, Iterable[Measure]]


def summarise(
    outcomes: pd.DataFrame, measures: Measures, level: float = LEVEL, interval: str | None = None
) -> pd.DataFrame:
    """Every measure of every model, clean and under each attack and radius.

    outcomes: rows with the columns model, benchmark, condition, attack, eps, sample, label, group, correct (others
    are ignored, but for `probability`, which iRFS needs, and `error`), one row a sample, condition, trial, attack and
    radius. measures: for all benchmarks, or by benchmark. interval: None = the one each kind has (Wilson's for shares
    of images, its simultaneous and weighted forms for groups, the Bayesian bootstrap for the rest); "bayes",
    "percentile" or "bca" = that bootstrap for everything but plain shares of images. See `metrics.resample`.

    Returns columns benchmark, model, measure, kind, attack, eps, value, low, high, n, note. An image with an error in
    one of a measure's conditions is left out of all of them, so that pairs stay pairs; the note counts such images,
    and says why a value is NaN. A measure whose conditions were not run at some (attack, eps) has no row there:
    nothing is filled in.
    """
    import pandas as pd

    check_interval("metrics.summarise", interval)
    measures = measures if isinstance(measures, Mapping) else tuple(measures)
    rows = []
    for (benchmark, model, attack, eps), cell in cells(outcomes).items():
        for measure in of_benchmark(measures, benchmark):
            if applies(measure, attack) and cell.has(measure):
                found = estimate_lines(measure, cell.lines(measure), level, interval)
                numbers = (found.value, found.low, found.high, found.n, found.note)
                rows.append((benchmark, model, measure.name, measure.kind, attack, eps, *numbers))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def measure_estimate(
    measure: Measure, outcomes: pd.DataFrame, level: float = LEVEL, interval: str | None = None
) -> Estimate:
    """One measure from the rows of one model, benchmark, attack and radius. interval: see `summarise`."""
    check_interval("metrics.measure_estimate", interval)
    found = list(cells(outcomes).values())
    if len(found) != 1:
        raise bad(
            "metrics.measure_estimate", "outcomes", f"rows of {len(found)} (model, benchmark, attack, radius)", "one"
        )  # fmt: skip
    if not found[0].has(measure):
        needed = sorted({name for key in measure.condition_keys() for name in measure.conditions(key)})
        raise bad(
            "metrics.measure_estimate", "outcomes", f"conditions {found[0].conditions}", f"rows of {needed}"
        )
    return estimate_lines(measure, found[0].lines(measure), level, interval)


def estimate_lines(measure: Measure, lines: Lines, level: float, interval: str | None) -> Estimate:
    """A measure from its table, one line an image."""
    found = _estimate(measure, lines, level, interval)
    return replace(found, note="; ".join(part for part in (found.note, lines.note) if part))


def _estimate(measure: Measure, lines: Lines, level: float, interval: str | None) -> Estimate:
    if not len(lines):
        return Estimate(np.nan, np.nan, np.nan, 0, "undefined: no image")
    kind, outcome = measure.kind, lines.values[:, 0]
    if kind in ("accuracy", "robust_accuracy"):
        return groups.image_mean(outcome, level)
    if kind == "group_accuracy":
        mine = lines.group == measure.params["group"]
        found = groups.image_mean(outcome[mine], level)
        return (
            found
            if found.n
            else replace(found, note=f"undefined: no image in group {measure.params['group']}")
        )
    layout = lay_out(measure, lines)
    if not len(layout.columns):
        return Estimate(np.nan, np.nan, np.nan, 0, f"undefined: {layout.note or 'no image'}")
    counted = collect(layout.columns, layout.strata, layout.average)
    if reason := layout.reason(counted.means()):
        return Estimate(np.nan, np.nan, np.nan, len(layout.columns), reason)
    if interval is None and kind == "worst_group":
        return groups.worst_group(outcome, lines.group, level)
    if interval is None and kind == "group_mean":
        weights = measure.params["weights"]
        return groups.group_mean(outcome, lines.group, weights, level)
    found = resample.of_cells(
        layout.formula,
        counted,
        key=IMAGES if interval in (None, "bayes") else repr(measure),
        level=level,
        interval=interval or "bayes",
        bounds=layout.bounds,
    )
    if kind == "worst_group":  # n counts the images of the group that is worst
        found = replace(found, n=groups.worst_group(outcome, lines.group, level).n)
    return replace(found, note="; ".join(part for part in (found.note, layout.note) if part))


def of_benchmark(measures: Measures, benchmark: str) -> tuple[Measure, ...]:
    """The measures of one benchmark."""
    return tuple(measures.get(benchmark, ()) if isinstance(measures, Mapping) else measures)


def applies(measure: Measure, attack: str) -> bool:
    """Robust accuracy is measured under attack, accuracy without; probabilities are recorded without."""
    if attack == "none":
        return measure.kind != "robust_accuracy"
    return measure.kind != "accuracy" and measure.about.column != "probability"


def check_interval(function: str, interval: str | None) -> None:
    """Refuse an unknown kind of interval."""
    if interval is not None and interval not in resample.INTERVALS:
        raise unknown(function, "interval", interval, resample.INTERVALS)
