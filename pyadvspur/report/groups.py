"""Accuracy of every group that a benchmark tells apart, and the clean accuracy of the images that were attacked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyadvspur.metrics import Measure, summarise
from pyadvspur.report import tables

if TYPE_CHECKING:
    import pandas as pd

    from pyadvspur.report.several import Runs

_GROUPED = ("worst_group", "group_mean", "group_accuracy")
_NOTE = "Brackets hold 95 % intervals; that of the worst group allows for its being chosen. n counts images."


def group_tables(runs: Runs) -> dict[str, list[tables.Table]]:
    """By benchmark: one table for each condition (or several pooled) whose groups its measures speak of."""
    outcomes, models = runs.outcomes(), runs.models()
    found: dict[str, list[tables.Table]] = {}
    for benchmark, measures in runs.measures().items():
        names = runs.record["groups"].get(benchmark, [])
        asked = dict.fromkeys(m.conditions("condition") for m in measures if m.kind in _GROUPED)
        for conditions in asked if names else ():
            rows = _clean(outcomes, benchmark, conditions)
            present = sorted(int(g) for g in rows["group"].unique() if g >= 0)
            if not present:
                continue
            condition = list(conditions) if len(conditions) > 1 else conditions[0]
            called = {g: names[g] if g < len(names) else f"group {g}" for g in present}
            wanted = [
                Measure("worst_group", "worst group", condition=condition),
                *(Measure("group_accuracy", called[g], condition=condition, group=g) for g in present),
            ]
            caption = f"accuracy by group, {', '.join(conditions[:3])}{', ...' * (len(conditions) > 3)}"
            found.setdefault(benchmark, []).append(
                tables.of_measures(caption, wanted, summarise(rows, wanted), models, _NOTE)
            )
    return found


def attacked_clean(runs: Runs) -> pd.DataFrame:
    """Accuracy without attack on those images that attacks ran on, as `metrics.summarise` gives it: where the curves
    of robust accuracy begin. Measures bear the names of the robust accuracies."""
    import pandas as pd

    outcomes, found = runs.outcomes(), []
    for benchmark, measures in runs.measures().items():
        for measure in measures:
            if measure.kind != "robust_accuracy":
                continue
            conditions = measure.conditions("condition")
            at = (outcomes["benchmark"] == benchmark) & outcomes["condition"].isin(conditions)
            there = outcomes[at]
            plain = there["attack"] == "none"
            rows = there[plain & there["sample"].isin(there.loc[~plain, "sample"].unique())]
            if len(rows):
                params = {k: v for k, v in measure.params.items() if k in ("condition", "leave_out")}
                found.append(summarise(rows, [Measure("accuracy", measure.name, **params)]))
    columns = ["benchmark", "model", "measure", "value", "low", "high", "n"]
    return pd.concat(found, ignore_index=True)[columns] if found else pd.DataFrame(columns=columns)


def _clean(outcomes: pd.DataFrame, benchmark: str, conditions: tuple[str, ...]) -> pd.DataFrame:
    at = (outcomes["benchmark"] == benchmark) & (outcomes["attack"] == "none")
    return outcomes[at & outcomes["condition"].isin(conditions)]
