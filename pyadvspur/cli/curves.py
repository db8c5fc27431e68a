"""Robust accuracy against the attack radius, a line a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyadvspur.cli.printing import sparkline

if TYPE_CHECKING:
    import pandas as pd

    from pyadvspur.report import Table


def curves(metrics: pd.DataFrame, models: dict[str, list[str]]) -> dict[str, Table]:
    """A table for each benchmark that was attacked at two radii or more. models: in the order of the rows."""
    rows = dict(iter(metrics.groupby("benchmark", sort=False, observed=True)))
    found = {name: _curves(rows[name], names) for name, names in models.items() if name in rows}
    return {name: table for name, table in found.items() if table is not None}


def _curves(metrics: pd.DataFrame, models: list[str]) -> Table | None:
    from pyadvspur.report.selection import norm_of, radius
    from pyadvspur.report.tables import Column, Table

    columns, cells = [Column("model", True)], []
    robust = metrics[metrics["kind"] == "robust_accuracy"]
    for (measure, attack), rows in robust.groupby(["measure", "attack"], sort=False):
        radii = sorted(rows["eps"].unique())
        if len(radii) < 2:
            continue
        wide = rows.pivot(index="model", columns="eps", values="value")[radii]
        norm = norm_of(attack)
        alike = {a for a in robust["attack"].unique() if norm_of(a) == norm}
        title = (
            f"{measure}\n{norm if len(alike) == 1 else attack} {', '.join(radius(e, norm) for e in radii)}"
        )
        columns.append(Column(title, rank=1))
        cells.append({name: _curve(values) for name, values in zip(wide.index, wide.to_numpy())})
    if not cells:
        return None
    rows = tuple((name, *(column.get(name, "-") for column in cells)) for name in models)
    note = "One bar a radius, full = 100 %; the numbers are those at the smallest and at the largest radius, in %."
    return Table("robust accuracy against radius", tuple(columns), rows, note)


def _curve(values) -> str:
    return f"{sparkline(values)}  {100 * values[0]:5.1f} > {100 * values[-1]:5.1f}"
