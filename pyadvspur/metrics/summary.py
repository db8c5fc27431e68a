"""From outcome rows to a table of metrics with intervals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from pyadvspur.errors import bad
from pyadvspur.metrics import groups
from pyadvspur.metrics.intervals import LEVEL, Estimate
from pyadvspur.metrics.measure import Measure
from pyadvspur.metrics.resample import accuracies, estimate

if TYPE_CHECKING:
    import pandas as pd

_NEEDED = ("model", "benchmark", "condition", "attack", "eps", "sample", "label", "group", "correct")
COLUMNS = ("benchmark", "model", "measure", "kind", "attack", "eps", "value", "low", "high", "n", "note")


def summarise(
    outcomes: pd.DataFrame,
    measures: Iterable[Measure] | Mapping[str, Iterable[Measure]],
    level: float = LEVEL,
) -> pd.DataFrame:
    """Every measure of every model, clean and under each attack and radius.

    outcomes: rows with the columns model, benchmark, condition, attack, eps, sample, label, group, correct
    (others are ignored, but for `probability`, which iRFS needs, and `error`), one row a sample, condition,
    trial, attack and radius. measures: for all benchmarks, or by benchmark. Returns columns benchmark, model,
    measure, kind, attack, eps, value, low, high, n, note. An image with an error in one of a measure's
    conditions is left out of all of them, so that pairs stay pairs; the note counts such images, and says why
    a value is NaN. A measure whose conditions were not run at some (attack, eps) has no row there: nothing is
    filled in.
    """
    import pandas as pd

    if missing := [name for name in _NEEDED if name not in outcomes.columns]:
        raise bad("metrics.summarise", "outcomes", f"columns without {', '.join(missing)}", "outcome rows")
    rows = []
    cells = outcomes.groupby(["benchmark", "model", "attack", "eps"], observed=True, sort=False)
    by_name = isinstance(measures, Mapping)
    shared = () if by_name else tuple(measures)
    for (benchmark, model, attack, eps), cell in cells:
        conditions = _conditions(cell)
        for measure in measures.get(benchmark, ()) if by_name else shared:
            if (attack == "none") == (measure.kind == "robust_accuracy") or (
                attack != "none" and (measure.kind == "accuracy" or measure.about.column == "probability")
            ):
                continue
            found = _estimate(measure, conditions, level)
            if found is not None:
                numbers = (found.value, found.low, found.high, found.n, found.note)
                rows.append((benchmark, model, measure.name, measure.kind, attack, eps, *numbers))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def measure_estimate(measure: Measure, outcomes: pd.DataFrame, level: float = LEVEL) -> Estimate:
    """One measure from the rows of one model, benchmark, attack and radius."""
    conditions = _conditions(outcomes)
    found = _estimate(measure, conditions, level)
    if found is None:
        needed = sorted({name for key in measure.condition_keys() for name in measure.conditions(key)})
        raise bad(
            "metrics.measure_estimate", "outcomes", f"conditions {sorted(conditions)}", f"rows of {needed}"
        )
    return found


@dataclass(frozen=True)
class _Rows:
    """Columns of some conditions, (N,) each."""

    sample: np.ndarray
    value: np.ndarray
    label: np.ndarray
    group: np.ndarray
    failed: np.ndarray

    def by_sample(self) -> _Rows:
        """One row a sample, in the order of samples: mean outcome over trials and levels, label and group."""
        order = np.argsort(self.sample, kind="stable")
        sample = self.sample[order]
        first = np.flatnonzero(np.r_[True, sample[1:] != sample[:-1]]) if len(sample) else np.empty(0, int)
        count = np.diff(np.r_[first, len(sample)])
        total = np.add.reduceat(self.value[order], first) if len(first) else np.empty(0)
        failed = np.logical_or.reduceat(self.failed[order], first) if len(first) else np.empty(0, bool)
        return _Rows(sample[first], total / count, self.label[order][first], self.group[order][first], failed)


def _conditions(cell: pd.DataFrame) -> dict[str, dict[str, np.ndarray]]:
    """The columns of each condition."""
    names = cell["condition"].astype("category")
    codes = names.cat.codes.to_numpy()
    columns = {name: cell[name].to_numpy() for name in ("sample", "label", "group")}
    columns["correct"] = cell["correct"].to_numpy().astype(np.float64)
    if "probability" in cell:
        columns["probability"] = cell["probability"].to_numpy().astype(np.float64)
    columns["failed"] = np.zeros(len(cell), bool)
    if "error" in cell:
        columns["failed"] = (cell["error"].astype("object").fillna("") != "").to_numpy()
    found = {}
    for code, name in enumerate(names.cat.categories):
        rows = codes == code
        if rows.any():
            found[str(name)] = {key: column[rows] for key, column in columns.items()}
    return found


def _estimate(measure: Measure, conditions: dict, level: float) -> Estimate | None:
    columns = []
    for key in measure.condition_keys():
        names = measure.conditions(key)
        if any(name not in conditions for name in names):
            return None
        parts = [conditions[name] for name in names]
        if measure.about.column not in parts[0]:
            raise bad(
                "metrics", "outcomes", f"no column {measure.about.column!r}", f"one, for {measure.name!r}"
            )
        fields = {
            field: np.concatenate([p[field] for p in parts])
            for field in ("sample", "label", "group", "failed")
        }
        value = np.concatenate([p[measure.about.column] for p in parts])
        columns.append(_Rows(value=value, **fields).by_sample())
    samples = np.unique(np.concatenate([column.sample for column in columns]))
    table = np.full((len(samples), len(columns)), np.nan)
    labels, group = np.zeros(len(samples), np.int64), np.zeros(len(samples), np.int64)
    failed = np.zeros(len(samples), bool)
    for k, column in enumerate(columns):
        rows = np.searchsorted(samples, column.sample)
        table[rows, k] = column.value
        labels[rows], group[rows] = column.label, column.group
        failed[rows] |= column.failed
    why = {"with errors": failed}
    for number, name in measure.params.get("leave_out", ()):
        why[f"with {name}"] = (group == number) & ~failed
    kept = ~np.logical_or.reduce(list(why.values()))
    found = _of_table(measure, table[kept], labels[kept], group[kept], level)
    if kept.all():
        return found
    counts = ", ".join(f"{rows.sum()} {name}" for name, rows in why.items() if rows.any())
    left_out = f"{(~kept).sum()} of {len(samples)} images left out ({counts})"
    return replace(found, note="; ".join(part for part in (found.note, left_out) if part))


def _of_table(measure: Measure, table, labels, group, level: float) -> Estimate:
    """A measure from one row an image: its outcome in each of the measure's conditions, label and group."""
    params, kind = measure.params, measure.kind
    first = table[:, 0]
    if not len(table):
        return Estimate(np.nan, np.nan, np.nan, 0, "undefined: no image")
    if kind in ("accuracy", "robust_accuracy"):
        return groups.image_mean(first, level)
    if kind == "group_accuracy":
        return groups.image_mean(first[group == params["group"]], level)
    if kind == "worst_group":
        return groups.worst_group(first, group, level)
    if kind == "group_mean":
        weights = params["weights"]
        if weights is None:
            weights = {g: 1.0 for g in np.unique(group) if g >= 0}
        return groups.group_mean(first, group, weights, level)
    options = {name: params[name] for name in measure.about.passes}
    if kind == "irfs":
        table, formula = measure.about.formula(*table.T, **options)[:, None], np.asarray
        table = table[~np.isnan(table[:, 0])]
    else:
        formula = partial(measure.about.formula, **options)
    strata = labels if params["average"] == "classes" else None
    means = accuracies(table, strata)
    if reason := undefined(kind, means, params.get("undefined")):
        return Estimate(np.nan, np.nan, np.nan, len(table), reason)
    return estimate(formula, table, strata, key=repr(measure), level=level)


def undefined(kind: str, means: np.ndarray, rule: str | None) -> str:
    """Why a formula has no value at these means; "" where it has one."""
    if kind in ("rfs", "rcs") and rule == "nan":
        middle = means.mean()
        if min(middle, 1 - middle) < 1e-12:
            return f"undefined: mean accuracy is {round(middle)}, no gap is possible"
    if kind in ("relative_gap", "relative_drop") and means[0] == 0:
        return "undefined: reference accuracy is 0"
    if kind == "effective_robustness" and not 0 < means[0] < 1:
        return f"undefined: reference accuracy is {means[0]:g}, the trend is in logits"
    return ""
