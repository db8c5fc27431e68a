"""From outcome rows to a table of metrics with intervals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pyadvspur.errors import bad
from pyadvspur.metrics import groups, reliance
from pyadvspur.metrics.intervals import LEVEL, Estimate
from pyadvspur.metrics.measure import Measure
from pyadvspur.metrics.resample import estimate

if TYPE_CHECKING:
    import pandas as pd

_FORMULAS = {
    "rfs": reliance.rfs,
    "rcs": reliance.rcs,
    "bg_gap": reliance.bg_gap,
    "relative_gap": reliance.relative_gap,
}
_NEEDED = ("model", "benchmark", "condition", "attack", "eps", "sample", "label", "group", "correct")
COLUMNS = ("benchmark", "model", "measure", "kind", "attack", "eps", "value", "low", "high", "n")


def summarise(
    outcomes: pd.DataFrame,
    measures: Iterable[Measure] | Mapping[str, Iterable[Measure]],
    level: float = LEVEL,
) -> pd.DataFrame:
    """Every measure of every model, clean and under each attack and radius.

    outcomes: rows with the columns model, benchmark, condition, attack, eps, sample, label, group, correct
    (others are ignored), one row a sample, condition, trial, attack and radius. measures: for all
    benchmarks, or by benchmark. Returns columns benchmark, model, measure, kind, attack, eps, value, low,
    high, n. A measure whose conditions were not run at some (attack, eps) has no row there: nothing is
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
                attack != "none" and measure.kind == "accuracy"
            ):
                continue
            found = _estimate(measure, conditions, level)
            if found is not None:
                numbers = (found.value, found.low, found.high, found.n)
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
    correct: np.ndarray
    label: np.ndarray
    group: np.ndarray

    def by_sample(self) -> _Rows:
        """One row a sample, in the order of samples: mean outcome over trials and levels, label and group."""
        order = np.argsort(self.sample, kind="stable")
        sample = self.sample[order]
        first = np.flatnonzero(np.r_[True, sample[1:] != sample[:-1]]) if len(sample) else np.empty(0, int)
        count = np.diff(np.r_[first, len(sample)])
        total = np.add.reduceat(self.correct[order], first) if len(first) else np.empty(0)
        return _Rows(sample[first], total / count, self.label[order][first], self.group[order][first])


def _conditions(cell: pd.DataFrame) -> dict[str, _Rows]:
    """The rows of each condition."""
    names = cell["condition"].astype("category")
    codes = names.cat.codes.to_numpy()
    columns = [cell[name].to_numpy() for name in ("sample", "correct", "label", "group")]
    columns[1] = columns[1].astype(np.float64)
    found = {}
    for code, name in enumerate(names.cat.categories):
        rows = codes == code
        if rows.any():
            found[str(name)] = _Rows(*(column[rows] for column in columns))
    return found


def _estimate(measure: Measure, conditions: dict[str, _Rows], level: float) -> Estimate | None:
    columns = []
    for key in measure.condition_keys():
        names = measure.conditions(key)
        if any(name not in conditions for name in names):
            return None
        parts = [vars(conditions[name]) for name in names]
        columns.append(
            _Rows(**{field: np.concatenate([p[field] for p in parts]) for field in parts[0]}).by_sample()
        )
    first = columns[0]
    if measure.kind in ("accuracy", "robust_accuracy"):
        return groups.image_mean(first.correct, level)
    if measure.kind == "worst_group":
        return groups.worst_group(first.correct, first.group, level)
    if measure.kind == "group_mean":
        return groups.group_mean(first.correct, first.group, measure.params["weights"], level)
    samples = np.unique(np.concatenate([column.sample for column in columns]))
    table = np.full((len(samples), len(columns)), np.nan)
    labels = np.zeros(len(samples), dtype=np.int64)
    for k, column in enumerate(columns):
        rows = np.searchsorted(samples, column.sample)
        table[rows, k] = column.correct
        labels[rows] = column.label
    strata = labels if measure.params["average"] == "classes" else None
    return estimate(_FORMULAS[measure.kind], table, strata, key=repr(measure), level=level)
