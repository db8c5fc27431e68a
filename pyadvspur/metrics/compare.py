"""Two models on the same images, measure by measure, in pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pyadvspur.errors import bad, unknown
from pyadvspur.metrics import resample
from pyadvspur.metrics.draws import IMAGES
from pyadvspur.metrics.intervals import LEVEL, Estimate
from pyadvspur.metrics.layout import Layout, lay_out
from pyadvspur.metrics.lines import Cell, Lines
from pyadvspur.metrics.measure import Measure
from pyadvspur.metrics.paired import mcnemar_p
from pyadvspur.metrics.rows import cells
from pyadvspur.metrics.summary import Measures, applies, check_interval, of_benchmark

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "benchmark", "measure", "kind", "attack", "eps", "a", "b", "difference", "low", "high", "n", "only_a", "only_b",
    "p", "note",
)  # fmt: skip


def compare(
    outcomes: pd.DataFrame,
    a: str,
    b: str,
    measures: Measures,
    *,
    both_right: str | None = None,
    level: float = LEVEL,
    interval: str = "bayes",
    mid_p: bool = False,
) -> pd.DataFrame:
    """Every measure of model `a` minus that of model `b`, on the images that both were shown.

    outcomes, measures: as for `metrics.summarise`. Returns columns benchmark, measure, kind, attack, eps, a, b (the
    two values), difference = a - b, low, high (paired bootstrap: one draw of images serves both models), n (images),
    only_a, only_b, p (for shares of images with one trial: McNemar's exact test; else NaN), note.

    both_right: a condition; only images that both models get right there (in every trial) are compared. The two then
    have the same accuracy, 1, in that condition, and what they lose elsewhere compares without the difference in
    accuracy. It chooses images by outcome: say so beside the number, and do not read it as a population's.

    Swapping `a` and `b` changes signs and nothing else. p-values of several measures: see `metrics.holm`.
    """
    import pandas as pd

    check_interval("metrics.compare", interval)
    measures = measures if hasattr(measures, "get") else tuple(measures)
    known = sorted(map(str, outcomes["model"].unique())) if "model" in outcomes.columns else []
    for name, model in (("a", a), ("b", b)):
        if known and model not in known:
            raise unknown("metrics.compare", name, model, known)
    found = cells(outcomes[outcomes["model"].isin([a, b])])
    rows, seen = [], False
    for (benchmark, model, attack, eps), mine in found.items():
        other = found.get((benchmark, b, attack, eps))
        if model != a or other is None:
            continue
        kept = None
        if both_right is not None:
            clean = [found.get((benchmark, m, "none", 0.0)) for m in (a, b)]
            kept = _both_right(clean, both_right)
            seen = seen or kept is not None
            if kept is None:
                continue
        for measure in of_benchmark(measures, benchmark):
            if applies(measure, attack) and mine.has(measure) and other.has(measure):
                numbers = _difference(measure, (a, b), (mine, other), kept, level, interval, mid_p)
                rows.append((benchmark, measure.name, measure.kind, attack, eps, *numbers))
    if both_right is not None and not seen:
        raise bad(
            "metrics.compare",
            "both_right",
            repr(both_right),
            "a condition that both models were run on, clean",
        )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _difference(measure: Measure, names, pair: tuple[Cell, Cell], kept, level, interval, mid_p) -> tuple:
    first, second, note = _shared(pair[0].lines(measure), pair[1].lines(measure), kept)
    nothing = (np.nan,) * 5
    if not len(first):
        return (*nothing, 0, -1, -1, np.nan, "; ".join(filter(None, ("undefined: no shared image", note))))
    swap = names[0] > names[1]  # computed in one order, so that swapping the models changes signs alone
    if swap:
        first, second = second, first
    found, means = _paired(measure, first, second, level, interval)
    only, p = (-1, -1), np.nan
    x, y = first.values[:, 0], second.values[:, 0]
    if measure.about.counts and (((x == 0) | (x == 1)) & ((y == 0) | (y == 1))).all():
        if measure.kind == "group_accuracy":
            mine = first.group == measure.params["group"]
            x, y = x[mine], y[mine]
        only = (int((x > y).sum()), int((y > x).sum()))
        p = mcnemar_p(*only, mid_p)
    numbers = [found.value, found.low, found.high]
    if swap:
        means, only, numbers = means[::-1], only[::-1], [-found.value, -found.high, -found.low]
        numbers = [0.0 if number == 0 else number for number in numbers]
    return (*means, *numbers, found.n, *only, p, "; ".join(filter(None, (found.note, note))))


def _paired(measure: Measure, first: Lines, second: Lines, level, interval) -> tuple[Estimate, tuple]:
    """The difference, first minus second, and the two values."""
    layouts = [lay_out(measure, lines) for lines in (first, second)]
    rows = np.intersect1d(layouts[0].rows, layouts[1].rows)
    if not len(rows):
        return Estimate(np.nan, np.nan, np.nan, 0, layouts[0].note or "undefined: no image"), (np.nan, np.nan)
    columns = [layout.columns[np.searchsorted(layout.rows, rows)] for layout in layouts]
    one, two = layouts
    strata = one.strata[np.searchsorted(one.rows, rows)]
    means = [resample.accuracies(c, strata, one.average) for c in columns]
    reasons = [layout.reason(m) for layout, m in zip(layouts, means)]
    values = tuple(
        np.nan if why else float(layout.formula(*m)) for layout, m, why in zip(layouts, means, reasons)
    )
    if any(reasons):
        return Estimate(
            np.nan, np.nan, np.nan, len(rows), "; ".join(dict.fromkeys(filter(None, reasons)))
        ), values
    found = resample.estimate(
        _minus(one, two), np.concatenate(columns, axis=1), strata, average=one.average,
        key=IMAGES if interval == "bayes" else ("compare", repr(measure)), level=level, interval=interval,
        bounds=one.bounds,
    )  # fmt: skip
    return found, values


def _minus(one: Layout, two: Layout):
    width = one.columns.shape[1]
    return lambda *means: one.formula(*means[:width]) - two.formula(*means[width:])


def _shared(first: Lines, second: Lines, kept: np.ndarray | None) -> tuple[Lines, Lines, str]:
    """The lines of the images that both tables hold, and what was left out."""
    if not (first.sample is second.sample or np.array_equal(first.sample, second.sample)):
        sample = np.intersect1d(first.sample, second.sample)
        alone = len(np.union1d(first.sample, second.sample)) - len(sample)
        reasons = {lines.note: None for lines in (first, second) if lines.note}
        first, second = (lines.take(np.searchsorted(lines.sample, sample)) for lines in (first, second))
        note = "; ".join((*reasons, *([f"{alone} images of one model only left out"] if alone else [])))
    else:
        note = first.note
    if kept is not None:
        there = np.isin(first.sample, kept)
        first, second = first.take(there), second.take(there)
    return first, second, note


def _both_right(clean: list[Cell | None], condition: str) -> np.ndarray | None:
    """Samples that both models get right in a condition, in every trial; None where it was not run."""
    measure = Measure("accuracy", "both right", condition=condition)
    if any(cell is None or not cell.has(measure) for cell in clean):
        return None
    lines = [cell.lines(measure) for cell in clean]
    right = [table.sample[table.values[:, 0] == 1] for table in lines]
    return np.intersect1d(*right)
