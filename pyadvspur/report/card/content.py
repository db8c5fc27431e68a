"""What a card says, as plain data: facts, numbers with their place in a reference series, curves, caveats."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import isnan
from typing import TYPE_CHECKING

from pyadvspur import attacks
from pyadvspur.errors import AdvSpurError, unknown
from pyadvspur.report import selection, tables
from pyadvspur.report.card.reference import Reference, Standing, embedded, standing

if TYPE_CHECKING:
    import pandas as pd

    from pyadvspur.evaluation import Run
    from pyadvspur.metrics import Measure


@dataclass(frozen=True)
class Row:
    """One number. leans: "up", "down" or "", which direction is more reliance. place: among `others`, the reference's
    values; None where there are none that compare."""

    title: str
    meaning: str
    kind: str
    leans: str
    value: float
    low: float
    high: float
    n: int
    note: str
    place: Standing | None
    others: tuple[float, ...]

    @property
    def text(self) -> str:
        """The value with its interval."""
        return tables.number(self.kind, self.value, self.low, self.high)


@dataclass(frozen=True)
class Curve:
    """Robust accuracy against the radius; begins at radius 0 with the clean accuracy where that was measured (on more
    images). others: (lowest, median, highest) of the reference at each radius, None where it has none."""

    measure: str
    norm: str
    attack: str
    radii: tuple[float, ...]
    values: tuple[float, ...]
    lows: tuple[float, ...]
    highs: tuple[float, ...]
    n: int
    others: tuple[tuple[float, float, float] | None, ...]


@dataclass(frozen=True)
class Section:
    """One benchmark."""

    name: str
    facts: tuple[tuple[str, str], ...]
    accuracies: tuple[Row, ...]
    reliance: tuple[Row, ...]
    robust: tuple[Row, ...]
    curves: tuple[Curve, ...]
    others: int


@dataclass(frozen=True)
class Card:
    """One model. reference: what percentiles are among, in words."""

    model: str
    facts: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]
    reference: str
    caveats: tuple[str, ...]


def make(run: Run, model: str, reference: Reference | None = None) -> Card:
    """The card of one model of a run. reference: the 22 embedded networks unless another is given; the model itself is
    left out of it. Raises AdvSpurError for a model that the run has not, or has not measured yet."""
    names = [name for name, _ in run.plan.models]
    if model not in names:
        raise unknown("card", "model", model, names)
    metrics = run.metrics()
    metrics = metrics[metrics["model"].astype(str) == model]
    if not len(metrics):
        raise AdvSpurError(f"card: {str(run.out)!r} holds no finished outcomes of {model!r} yet")
    series = (reference or embedded()).without(model)
    sections = tuple(
        _section(run, name, measures, metrics[metrics["benchmark"] == name], series)
        for name, measures in run.measures().items()
    )
    comparable = any(row.place for s in sections for row in (*s.accuracies, *s.reliance, *s.robust))
    own = " (without this model)" if series.n < (reference or embedded()).n else ""
    text = f"{series.title}{own}" if comparable else ""
    return Card(model, _facts(run, model), sections, text, _caveats(run, model, sections, series))


def _facts(run: Run, model: str) -> tuple[tuple[str, str], ...]:
    training = run.record["training"].get(model, {})
    norm, eps = training.get("norm"), training.get("eps")
    if norm:
        trained = (
            f"adversarially, {norm} radius {selection.radius(eps, norm)}" if eps else f"adversarially, {norm}"
        )
    else:
        trained = "without attacks" if norm == "" else "not known"
    more = [
        (key, str(value))
        for key, value in training.items()
        if key not in ("norm", "eps") and value is not None
    ]
    versions = ", ".join(f"{name} {version}" for name, version in run.record["versions"].items())
    return (
        ("trained", trained), *more, ("checksum of the network (SHA-256)", dict(run.plan.models)[model]),
        ("run", f"{run.record['key']}, seed {run.plan.seed}"), ("software", versions),
    )  # fmt: skip


def _section(
    run: Run, name: str, measures: list[Measure], metrics: pd.DataFrame, series: Reference
) -> Section:
    planned = next(b for b in run.plan.benchmarks if b.name == name)
    same_data = series.data.get(name) == planned.fingerprint
    series = series if same_data else replace(series, metrics=series.metrics[:0])
    by_name = {m.name: m for m in measures}
    clean = {str(r.measure): r for r in metrics[metrics["attack"] == "none"].itertuples()}
    main = selection.main(measures, run.record.get("shown", {}).get(name, []))
    shown = [_row(by_name[m.name], clean[m.name], m.name, series) for m in main if m.name in clean]
    kept = replace(series, metrics=series.metrics[series.metrics["attack"].isin(_same_attacks(run, series))])
    robust = [
        _row(
            by_name[str(r.measure)],
            r,
            f"{r.measure}, {_norm(r.attack)} {selection.radius(r.eps, _norm(r.attack))}",
            kept,
        )
        for r in metrics[(metrics["kind"] == "robust_accuracy") & (metrics["attack"] != "none")].itertuples()
    ]
    facts = [
        ("data", planned.fingerprint),
        ("preprocessing", run.record.get("preprocessing", {}).get(name, "none")),
    ]
    if readout := run.record.get("readouts", {}).get(name):
        facts.append(("readout", readout))
    leaning = [row for row in shown if row.leans]
    others = int(series.metrics.loc[series.metrics["benchmark"] == name, "model"].nunique())
    return Section(
        name, tuple(facts), tuple(row for row in shown if not row.leans), tuple(leaning), tuple(robust),
        tuple(_curves(metrics, by_name, clean, kept)), others,
    )  # fmt: skip


def _row(measure: Measure, found, title: str, series: Reference) -> Row:
    values = series.values(found.benchmark, str(found.measure), found.attack, found.eps).dropna()
    about = measure.about
    return Row(
        title, about.meaning, measure.kind, about.leans, found.value, found.low, found.high, int(found.n), found.note,
        standing(found.value, values, series.digits), tuple(float(v) for v in values),
    )  # fmt: skip


def _curves(
    metrics: pd.DataFrame, measures: dict[str, Measure], clean: dict, series: Reference
) -> Iterable[Curve]:
    import numpy as np

    robust = metrics[(metrics["kind"] == "robust_accuracy") & (metrics["attack"] != "none")]
    for (name, attack), rows in robust.groupby(["measure", "attack"], sort=False, observed=True):
        rows = rows.sort_values("eps")
        points = [(r.eps, r.value, r.low, r.high) for r in rows.itertuples()]
        condition = measures[name].params["condition"]
        at_zero = [
            clean[m.name]
            for m in measures.values()
            if m.kind == "accuracy" and m.params["condition"] == condition and m.name in clean
        ]
        others = []
        for eps, *_ in points:
            values = series.values(rows["benchmark"].iloc[0], name, attack, eps).dropna()
            others.append((values.min(), float(np.median(values)), values.max()) if len(values) else None)
        if at_zero and points[0][0] > 0:
            r = at_zero[0]
            points.insert(0, (0.0, r.value, r.low, r.high))
            values = series.values(r.benchmark, str(r.measure), "none", 0.0).dropna()
            others.insert(0, (values.min(), float(np.median(values)), values.max()) if len(values) else None)
        columns = [tuple(float(v) for v in column) for column in zip(*points)]
        yield Curve(name, _norm(attack), attack, *columns, int(rows["n"].max()), tuple(others))


def _norm(attack: str) -> str:
    return attack.rpartition("-")[2]


def _same_attacks(run: Run, series: Reference) -> set[str]:
    """Kinds of attack that both were made with, to the last option; radii may differ. Clean rows always compare."""

    def options(names):
        return {spec.kind: replace(spec, eps=(0.0,)) for spec in map(attacks.parse, names)}

    mine, theirs = options(run.plan.attacks), options(series.attacks)
    return {"none", *(kind for kind in mine if mine[kind] == theirs.get(kind))}


def _caveats(run: Run, model: str, sections: tuple[Section, ...], series: Reference) -> tuple[str, ...]:
    rows = [row for s in sections for row in (*s.accuracies, *s.reliance)]
    robust = [row for s in sections for row in s.robust]
    found = [
        "Intervals (95 %) are of the test images alone: another training run of the same recipe may differ by more."
    ]
    if robust:
        names = "; ".join(run.plan.attacks)
        found.append(
            f"Robust accuracy is an upper bound, from the attacks {names}: a stronger one may find more."
        )
    if not any(row.leans for row in rows):
        found.append("No benchmark of this run measures reliance on spurious features.")
    if not robust:
        found.append("This run attacked nothing: the card says nothing of adversarial robustness.")
    for section in sections:
        if not section.others:
            found.append(
                f"{section.name}: the reference series was not shown these very images, so no percentiles."
            )
        elif section.robust and not any(row.place for row in section.robust):
            found.append(
                f"{section.name}: no percentiles of robust accuracy, for the reference series was attacked otherwise "
                f"({'; '.join(series.attacks) or 'not at all'})."
            )
        if section.name == "embedded":
            found.append(
                "embedded: 32x32 digits on photographs, a demonstration; sizes do not carry over to ImageNet."
            )
    if any(row.place for row in (*rows, *robust)):
        found.append(
            "A percentile says where the value stands among these models, nothing of models in general, and knows no "
            "interval: neighbours may well change places on other images."
        )
    if few := sorted({row.n for row in (*rows, *robust) if row.n < 100}):
        found.append(f"Some numbers rest on few images (n = {few[0]} at the least): read their intervals.")
    if undefined := [row.title for row in (*rows, *robust) if isnan(row.value)]:
        found.append(f"Undefined here: {', '.join(undefined)}.")
    doubtful = run.gradients()
    for row in doubtful[(doubtful["model"] == model) & (doubtful["warning"] != "")].itertuples():
        found.append(f"{row.benchmark}/{row.condition}, {row.attack}: {row.warning}")
    progress = run.progress()
    mine = progress[progress["model"] == model]
    if left := int(mine["samples"].sum() - mine["done"].sum()):
        found.append(f"The run is not complete: {left} samples of this model have no outcome yet.")
    if skipped := len(run.errors()):
        found.append(f"{skipped} image{'s' * (skipped > 1)} could not be used and count nowhere.")
    return tuple(found)
