"""From outcome rows to a table of metrics with intervals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
        conditions = {
            str(name): frame for name, frame in cell.groupby("condition", observed=True, sort=False)
        }
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
    conditions = {
        str(name): frame for name, frame in outcomes.groupby("condition", observed=True, sort=False)
    }
    found = _estimate(measure, conditions, level)
    if found is None:
        needed = sorted({name for key in measure.condition_keys() for name in measure.conditions(key)})
        raise bad(
            "metrics.measure_estimate", "outcomes", f"conditions {sorted(conditions)}", f"rows of {needed}"
        )
    return found


def _estimate(measure: Measure, conditions: dict[str, pd.DataFrame], level: float) -> Estimate | None:
    import pandas as pd

    columns, labels, group = [], [], []
    for key in measure.condition_keys():
        names = measure.conditions(key)
        if any(name not in conditions for name in names):
            return None
        frame = pd.concat([conditions[name] for name in names]) if len(names) > 1 else conditions[names[0]]
        means = frame.groupby("sample", sort=True).agg(
            correct=("correct", "mean"), label=("label", "first"), group=("group", "first")
        )
        columns.append(means["correct"].rename(key))
        labels.append(means["label"])
        group.append(means["group"])
    if measure.kind in ("accuracy", "robust_accuracy"):
        return groups.image_mean(columns[0].to_numpy(), level)
    if measure.kind == "worst_group":
        return groups.worst_group(columns[0].to_numpy(), group[0].to_numpy(), level)
    if measure.kind == "group_mean":
        return groups.group_mean(columns[0].to_numpy(), group[0].to_numpy(), measure.params["weights"], level)
    table = pd.concat(columns, axis=1)
    strata = None
    if measure.params["average"] == "classes":
        strata = labels[0].combine_first(labels[1]).reindex(table.index).to_numpy().astype(np.int64)
    return estimate(_FORMULAS[measure.kind], table.to_numpy(), strata, key=repr(measure), level=level)
