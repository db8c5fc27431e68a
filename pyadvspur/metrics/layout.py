"""A measure as a formula of column means: what resampling and paired comparison need to know of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from pyadvspur.errors import bad
from pyadvspur.metrics.groups import group_weights
from pyadvspur.metrics.lines import Lines
from pyadvspur.metrics.measure import Measure


@dataclass(frozen=True)
class Layout:
    """value = formula(mean of column 0, ...), means taken over images or over classes.

    columns (N, M), NaN = not in the column. rows (N,): the lines of the table they come from. strata (N,): classes or
    groups that resampling keeps. bounds: the range of the columns. reason: means -> why there is no value, or "".
    note: what was left out.
    """

    columns: np.ndarray
    rows: np.ndarray
    formula: Callable[..., np.ndarray]
    strata: np.ndarray
    average: str
    bounds: tuple[float, float]
    reason: Callable[[np.ndarray], str]
    note: str = ""


def lay_out(measure: Measure, lines: Lines) -> Layout:
    """How the measure is computed from its table."""
    about, params = measure.about, measure.params
    options = {name: params[name] for name in about.passes}
    if about.grouped:
        return _of_groups(measure, lines, options)
    values, rows, note = lines.values, np.arange(len(lines)), ""
    formula: Callable[..., np.ndarray] = partial(about.formula, **options)
    if about.per_image:
        values = np.asarray(formula(*values.T), dtype=np.float64)[:, None]
        defined = ~np.isnan(values[:, 0])
        if not defined.all():
            note = f"{(~defined).sum()} of {len(defined)} images have no value"
            values, rows = values[defined], rows[defined]
        formula, options = np.asarray, {}
    return Layout(
        values, rows, formula, lines.label[rows], params.get("average", "images"), about.bounds,
        partial(_reason, about.reason, options), note,
    )  # fmt: skip


def _of_groups(measure: Measure, lines: Lines, options: dict) -> Layout:
    """One column a group, each image in its own."""
    params = measure.params
    outcome = lines.values[:, 0]
    names = np.unique(lines.group[lines.group >= 0])
    weights = None
    if "group" in params:
        names = np.array([params["group"]])
    elif measure.kind == "group_mean":
        weights = group_weights(params["weights"], names)
        names = np.array(sorted(weights), dtype=np.int64)
        options = {**options, "weights": [weights[int(g)] for g in names]}
    if not len(names):
        raise bad("metrics", f"measure {measure.name!r}", "no image with a group", "group numbers >= 0")
    rows = np.flatnonzero(np.isin(lines.group, names))
    columns = np.where(lines.group[rows][:, None] == names, outcome[rows][:, None], np.nan)
    formula = partial(measure.about.formula, **options)
    empty = [int(g) for k, g in enumerate(names) if np.isnan(columns[:, k]).all()]

    def reason(means: np.ndarray) -> str:
        return f"undefined: no image in group {', '.join(map(str, empty))}" if empty else ""

    return Layout(columns, rows, formula, lines.group[rows], "images", measure.about.bounds, reason)


def _reason(check: Callable[..., str] | None, options: dict, means: np.ndarray) -> str:
    if np.isnan(means).any():
        return "undefined: a condition has no image"
    return check(*means, **options) if check else ""
