"""The trade-off as a table: every number with its interval and its denominator."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan
from typing import TYPE_CHECKING

from pyadvspur.metrics import KINDS
from pyadvspur.report import selection

if TYPE_CHECKING:
    import pandas as pd

    from pyadvspur.evaluation import Run
    from pyadvspur.metrics import Measure


@dataclass(frozen=True)
class Column:
    title: str
    text: bool = False


@dataclass(frozen=True)
class Table:
    """A table of ready text. note: what holds for all of it."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str


def trade_off(run: Run, metrics: pd.DataFrame | None = None) -> dict[str, Table]:
    """The main table of each benchmark: clean accuracy, robust accuracy, and every reliance metric."""
    metrics = run.metrics() if metrics is None else metrics
    models = run.models()
    return {
        name: _table(
            metrics[metrics["benchmark"] == name], models, measures, _more(run, name), _how(run, name)
        )
        for name, measures in run.measures().items()
    }


def _more(run: Run, benchmark: str) -> list[str]:
    """Names of measures that the benchmark wants in its main table beside those that every table has."""
    return run.record.get("shown", {}).get(benchmark, [])


def _how(run: Run, benchmark: str) -> str:
    """What a caption adds: how pixels were made from files, and how a head was fitted."""
    preprocessing = run.record.get("preprocessing", {}).get(benchmark, "none")
    readout = run.record.get("readouts", {}).get(benchmark)
    parts = [f"preprocessing {preprocessing}"] if preprocessing != "none" else []
    return "".join(f"; {part}" for part in parts + ([f"readout: {readout}"] if readout else []))


def number(kind: str, value: float, low: float, high: float) -> str:
    """A value with its interval: per cent (points for gaps) for shares of images, plain for ratios."""
    if isnan(value):
        return "-"
    if KINDS[kind].percent:
        return f"{100 * value:.1f} [{100 * low:.1f}, {100 * high:.1f}]"
    return f"{value:.2f} [{low:.2f}, {high:.2f}]"


def all_metrics(metrics: pd.DataFrame) -> Table:
    """Every metric of a benchmark, one row each."""
    columns = (
        Column("model", True), Column("metric", True), Column("attack", True), Column("radius"),
        Column("value [95 % interval]"), Column("n"),
    )  # fmt: skip
    rows = tuple(
        (
            str(r.model), str(r.measure), "" if r.attack == "none" else str(r.attack),
            "" if r.attack == "none" else selection.radius(r.eps), number(r.kind, r.value, r.low, r.high), str(r.n),
        )
        for r in metrics.itertuples()
    )  # fmt: skip
    return Table("all metrics", columns, rows, "")


def _table(
    metrics: pd.DataFrame, models: pd.DataFrame, measures: list[Measure], more: list[str], how: str
) -> Table:
    shown: list[tuple[str, pd.DataFrame]] = []
    clean = metrics[metrics["attack"] == "none"]
    accuracies = [m for m in measures if m.kind == "accuracy"]
    accuracies += [m for m in measures if m.kind == "class_accuracy" and m.name in more]
    first = next(iter(accuracies), None)
    for measure in measures:
        if measure is first or (measure.kind == "accuracy" and measure.name in more):
            shown.append((f"{measure.name}\nclean, %", clean[clean["measure"] == measure.name]))
    for name, choices in selection.attacked(metrics, measures).items():
        for choice in choices:
            here = (
                (metrics["attack"] == choice.attack)
                & (metrics["eps"] == choice.eps)
                & (metrics["measure"] == name)
            )
            shown.append((f"{name}\n{choice.norm} {selection.radius(choice.eps)}, %", metrics[here]))
    chosen = [*selection.reliance(measures), *selection.by_group(measures)]
    more_of_them = [m for m in measures if m.name in more and m.kind != "accuracy" and m not in (first, *chosen)]
    for measure in [*chosen, *more_of_them]:
        unit = ", %" if measure.about.percent else ""
        shown.append((f"{measure.name}{unit}", clean[clean["measure"] == measure.name]))
    columns, cells = [Column("model", True)], []
    for title, frame in shown:
        counts = set(frame["n"])
        columns.append(Column(f"{title}\nn = {counts.pop()}" if len(counts) == 1 else title))
        cells.append({r.model: _cell(r, len(counts) > 1) for r in frame.itertuples()})
    rows = tuple((name, *(column.get(name, "-") for column in cells)) for name in _ordered(models))
    note = (
        "Brackets hold 95 % intervals. n counts images. Robust accuracy is an upper bound: a point counts as broken "
        "only if the float32 model gets it wrong inside the ball."
    )
    return Table(f"robustness and reliance on spurious features{how}", tuple(columns), rows, note)


def _cell(row, with_n: bool) -> str:
    text = number(row.kind, row.value, row.low, row.high)
    return f"{text} n={row.n}" if with_n else text


def _ordered(models: pd.DataFrame) -> list[str]:
    """By line (norm, architecture) and training radius; a standard model once, first."""
    names = [name for _, _, line in selection.lines(models) for name in line["model"]]
    standard = [n for n in names if names.count(n) > 1 or n.endswith("standard")]
    return list(dict.fromkeys([*standard, *names]))
