"""The trade-off as a table: every number with its interval and its denominator."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import isnan, nan
from typing import TYPE_CHECKING

from pyadvspur.metrics.kinds import find
from pyadvspur.report import selection

if TYPE_CHECKING:
    import pandas as pd

    from pyadvspur.evaluation import Run
    from pyadvspur.metrics import Measure
    from pyadvspur.report.several import Runs


@dataclass(frozen=True)
class Column:
    """rank: how early it gives way where a table is too wide; 0 = never."""

    title: str
    text: bool = False
    rank: int = 0


class Number(str):
    """A cell's text that knows its numbers: value, low, high (NaN where undefined) and n."""

    value: float
    low: float
    high: float
    n: int

    def __new__(cls, text: str, value: float, low: float = nan, high: float = nan, n: int = 0) -> Number:
        found = super().__new__(cls, text)
        found.value, found.low, found.high, found.n = float(value), float(low), float(high), int(n)
        return found


@dataclass(frozen=True)
class Table:
    """A table of ready text; cells with an interval are `Number`s. note: what holds for all of it. notes: what holds
    for some numbers, line by line."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str
    notes: tuple[str, ...] = ()


_NOTE = (
    "Brackets hold 95 % intervals. n counts images. Robust accuracy is an upper bound: a point counts as broken only "
    "if the float32 model gets it wrong inside the ball."
)
_KIND_TITLES = {
    "class_accuracy": "accuracy",
    "group_accuracy": "accuracy of groups",
    "group_mean": "means over groups",
}


def trade_off(run: Run | Runs, metrics: pd.DataFrame | None = None) -> dict[str, Table]:
    """The main table of each benchmark: clean accuracy, robust accuracy, its metrics, and the accuracies that these are
    made of. `selection.main` chooses."""
    metrics = run.metrics() if metrics is None else metrics
    models = run.models()
    found = {}
    for name, measures in run.measures().items():
        mine = metrics[metrics["benchmark"] == name]
        clean = mine[mine["attack"] == "none"]
        chosen = selection.main(measures, _named(run, name))
        shown = []
        for k, measure in enumerate(chosen):
            accuracy = measure.kind in selection.ACCURACIES
            title = f"{measure.name}\nclean" if accuracy and k == 0 else measure.name
            rank = 0 if k == 0 else 3 if accuracy else 1
            shown.append((title, measure, clean[clean["measure"] == measure.name], rank))
        shown[1:1] = _robust(mine, measures)
        caption = f"robustness and reliance on spurious features{_how(run, name)}"
        found[name] = _table(caption, shown, models, _NOTE)
    return found


def details(run: Run | Runs, metrics: pd.DataFrame | None = None) -> dict[str, list[Table]]:
    """What the main table of each benchmark pools or leaves out, clean: one table a kind, say RFS by level.

    The longer side goes down: a row a measure where there are more of them than models, else a row a model.
    """
    metrics = run.metrics() if metrics is None else metrics
    models, found = run.models(), {}
    for name, measures in run.measures().items():
        clean = metrics[(metrics["benchmark"] == name) & (metrics["attack"] == "none")]
        found[name] = []
        for kind, chosen in selection.details(measures, _named(run, name)).items():
            shown = [(m.name, m, clean[clean["measure"] == m.name], 0) for m in chosen]
            title = _KIND_TITLES.get(kind, kind.replace("_", " "))
            make = _turned if len(shown) > len(models) else _table
            found[name].append(make(f"{title} in detail", shown, models, "Brackets hold 95 % intervals."))
    return found


def of_measures(
    caption: str, measures: list[Measure], metrics: pd.DataFrame, models: pd.DataFrame, note: str
) -> Table:
    """One row a model, one column a measure. metrics: rows of these measures at one attack and radius."""
    shown = [(m.name, m, metrics[metrics["measure"] == m.name], 0) for m in measures]
    return _table(caption, shown, models, note)


def number(kind: str, value: float, low: float, high: float) -> str:
    """A value with its interval: per cent (points for gaps) for shares of images, plain for ratios."""
    if isnan(value):
        return "undefined"
    scale, digits = (100, 1) if find(kind).percent else (1, 2)
    # + 0.0: no "-0.0"
    shown, below, above = (f"{round(scale * x, digits) + 0.0:.{digits}f}" for x in (value, low, high))
    return f"{shown} [{below}, {above}]"


def all_metrics(metrics: pd.DataFrame) -> Table:
    """Every metric of a benchmark, one row each."""
    columns = (
        Column("model", True), Column("metric", True), Column("attack", True), Column("radius"),
        Column("value [95 % interval]"), Column("n"), Column("note", True),
    )  # fmt: skip
    rows = tuple(
        (
            str(r.model), str(r.measure), "" if r.attack == "none" else str(r.attack),
            "" if r.attack == "none" else selection.radius(r.eps, selection.norm_of(r.attack)), _cell(r, False),
            str(r.n),
            r.note.removeprefix("undefined: "),
        )
        for r in metrics.itertuples()
    )  # fmt: skip
    return Table("all metrics", columns, rows, "")


def _named(run: Run | Runs, benchmark: str) -> list[str]:
    """Names of measures that the benchmark wants in its main table beside those that every table has."""
    return run.record.get("shown", {}).get(benchmark, [])


def _how(run: Run | Runs, benchmark: str) -> str:
    """What a caption adds: how pixels were made from files, and how a head was fitted."""
    preprocessing = run.record.get("preprocessing", {}).get(benchmark, "none")
    readout = run.record.get("readouts", {}).get(benchmark)
    parts = [f"preprocessing {preprocessing}"] if preprocessing != "none" else []
    return "".join(f"; {part}" for part in parts + ([f"readout: {readout}"] if readout else []))


def _robust(metrics: pd.DataFrame, measures: list[Measure]) -> list[tuple[str, Measure, pd.DataFrame, int]]:
    """Columns of robust accuracies, each attack at the radius where the models differ most."""
    by_name, found = {m.name: m for m in measures}, []
    for name, choices in selection.attacked(metrics, measures).items():
        for choice in choices:
            at = (metrics["attack"] == choice.attack) & (metrics["eps"] == choice.eps)
            rows = metrics[at & (metrics["measure"] == name)]
            title = f"{name}\n{choice.title(choices)}"
            found.append((title, by_name[name], rows, 2 if found else 1))
    return found


def _table(caption: str, shown: list, models: pd.DataFrame, note: str) -> Table:
    columns, cells = [Column("model", True)], []
    for title, measure, frame, rank in shown:
        counts = set(frame["n"])
        unit = ", %" if measure.about.percent else ""
        head = f"{title}{unit}" + (f"\nn = {next(iter(counts))}" if len(counts) == 1 else "")
        columns.append(Column(head, rank=rank))
        cells.append({r.model: _cell(r, len(counts) > 1) for r in frame.itertuples()})
    measured = {name for column in cells for name in column}
    names = [name for name in ordered(models) if name in measured] or ordered(models)
    rows = tuple((name, *(column.get(name, "-") for column in cells)) for name in names)
    return Table(
        caption, tuple(columns), rows, note, _notes([(title, frame) for title, _, frame, _ in shown])
    )


def _turned(caption: str, shown: list, models: pd.DataFrame, note: str) -> Table:
    """`_table` with a row a measure and a column a model."""
    names = ordered(models)
    units = {title: ", %" if measure.about.percent else "" for title, measure, _, _ in shown}
    rows = []
    for title, _, frame, _ in shown:
        counts = set(frame["n"])
        cells = {r.model: _cell(r, len(counts) > 1) for r in frame.itertuples()}
        n = str(next(iter(counts))) if len(counts) == 1 else ""
        rows.append((f"{title}{units[title]}", *(cells.get(name, "-") for name in names), n))
    columns = (Column("metric", True), *(Column(name) for name in names), Column("n"))
    return Table(
        caption, columns, tuple(rows), note, _notes([(title, frame) for title, _, frame, _ in shown])
    )


def _cell(row, with_n: bool) -> str:
    text = number(row.kind, row.value, row.low, row.high)
    return Number(f"{text} n={row.n}" if with_n else text, row.value, row.low, row.high, row.n)


def _notes(shown: list[tuple[str, pd.DataFrame]]) -> tuple[str, ...]:
    """What the notes of the columns say, each once: of which columns, and of which models unless of all."""
    by_text: dict[tuple[str, str], list[str]] = {}
    for title, frame in shown:
        notes: dict[str, list[str]] = {}
        for name, note in zip(frame["model"], frame["note"]):
            if note:
                notes.setdefault(note, []).append(str(name))
        for text, names in notes.items():
            about = "" if len(names) == len(frame) else f" ({_few(names, ', ')})"
            by_text.setdefault((text, about), []).append(" ".join(title.split("\n")))
    return tuple(f"{_few(titles, '; ')}{about}: {text}" for (text, about), titles in by_text.items())


def _few(names: list[str], between: str) -> str:
    """At most four names, and how many more."""
    return between.join(names if len(names) <= 4 else [*names[:3], f"{len(names) - 3} more"])


def ordered(models: pd.DataFrame) -> list[str]:
    """By line (norm, architecture) and training radius; a standard model once, first."""
    known = models.reindex(columns=["model", "norm", "eps", "arch", "seed"]).astype(object)
    return list(_ordered(tuple(map(tuple, known.to_numpy()))))


@lru_cache(maxsize=8)
def _ordered(rows: tuple[tuple, ...]) -> tuple[str, ...]:
    """Every table of a page asks for the same order."""
    import pandas as pd

    models = pd.DataFrame(rows, columns=["model", "norm", "eps", "arch", "seed"])
    names = [name for _, _, line in selection.lines(models) for name in line["model"]]
    standard = [n for n in names if names.count(n) > 1 or n.endswith("standard")]
    return tuple(dict.fromkeys([*standard, *names]))
