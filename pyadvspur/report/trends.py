"""Tables of trends over the training radius, and of the spread between training seeds."""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING

from pyadvspur.metrics.kinds import find
from pyadvspur.metrics.trends import ALL
from pyadvspur.report import selection
from pyadvspur.report.tables import Column, Number, Table, number

if TYPE_CHECKING:
    import pandas as pd

    from pyadvspur.metrics import Trends

_NOTE = (
    "Series: one norm, architecture and training seed, from the standard network on. rho: Spearman's rank correlation "
    "with the training radius, over series their mean. p: from all orders in which the networks of a series could have "
    "come (over series Page's test); Holm: corrected for all rows of this table. Change: least squares over the order "
    "of radii, from one end of a series to the other, in the metric's units. Brackets hold 95 % intervals: other "
    "images, these networks (paired bootstrap)"
)
_WIDE = "; in the last column also other networks of the kind (mixed model: every series has its own level and slope)."
_SEEDS = (
    "Means over networks that differ in their training seed alone. Brackets hold 95 % intervals for other seeds and "
    "other images; sd seeds: standard deviation from seed to seed, sampling taken off; sd images: of one network, from "
    "images to images."
)


def trend_tables(found: Trends | None) -> dict[str, list[Table]]:
    """By benchmark: the trends over all series of a norm, and those of each series."""
    tables: dict[str, list[Table]] = {}
    if found is None:
        return tables
    for benchmark, rows in found.pooled.groupby("benchmark", sort=False):
        tables.setdefault(str(benchmark), []).append(_pooled(rows))
    for benchmark, rows in found.series.groupby("benchmark", sort=False):
        tables[str(benchmark)].append(_each(rows))
    return tables


def seed_tables(found: pd.DataFrame) -> dict[str, Table]:
    """By benchmark: one row a kind of network, the metrics side by side."""
    tables = {}
    for benchmark, rows in found.groupby("benchmark", sort=False):
        names = list(dict.fromkeys(rows["measure"]))
        columns, lines = [Column("networks", True), Column("seeds")], {}
        for name in names:
            unit = ", %" if find(rows.loc[rows["measure"] == name, "kind"].iloc[0]).percent else ""
            columns += [Column(f"{name}{unit}"), Column(f"{name}{unit}\nsd seeds / images", rank=1)]
        for r in rows.itertuples():
            radius = selection.radius(r.radius, r.norm) if r.radius else "standard"
            line = lines.setdefault(
                " ".join(part for part in (r.arch, r.norm, radius) if part),
                [str(r.seeds)] + ["-"] * 2 * len(names),
            )
            place = 1 + 2 * names.index(r.measure)
            line[place] = _number(r.kind, r.value, r.mixed_low, r.mixed_high, r.n)
            line[place + 1] = " / ".join(_size(r.kind, value) for value in (r.seed_sd, r.image_sd))
        body = tuple((name, *cells) for name, cells in lines.items())
        tables[str(benchmark)] = Table("spread between training seeds", tuple(columns), body, _SEEDS)
    return tables


def _pooled(rows: pd.DataFrame) -> Table:
    several = bool(rows["mixed_low"].notna().any())
    columns = [
        Column("metric", True), Column("norm", True), Column("series"), Column("rho"), Column("p"), Column("p Holm"),
        Column("change"), *([Column("change\nother networks too")] if several else []), Column("n", rank=1),
    ]  # fmt: skip
    body = []
    for r in rows.itertuples():
        wide = [_number(r.kind, r.slope, r.mixed_low, r.mixed_high, r.n)] if several else []
        norm = "all norms" if r.norm == ALL else r.norm
        body.append((_title(r), norm, str(r.series), *_trend(r), *wide, str(r.n)))
    note = f"{_NOTE}{_WIDE if several else '.'}"
    return Table("trends over the training radius", tuple(columns), tuple(body), note, _notes(rows))


def _each(rows: pd.DataFrame) -> Table:
    columns = (
        Column("metric", True), Column("series", True), Column("networks"), Column("first"), Column("last"),
        Column("rho"), Column("p"), Column("p Holm"), Column("change"), Column("n", rank=1),
    )  # fmt: skip
    body = []
    for r in rows.itertuples():
        series = " ".join(part for part in (r.norm, r.arch, f"seed {r.seed}" if r.seed else "") if part)
        ends = [_size(r.kind, value) for value in (r.first, r.last)]
        body.append((_title(r), series, str(r.networks), *ends, *_trend(r), str(r.n)))
    return Table("trends of every series", columns, tuple(body), f"{_NOTE}.", _notes(rows))


def _title(row) -> str:
    if row.attack == "none":
        title = row.measure
    else:
        title = f"{row.measure}, {row.attack} {selection.radius(row.eps, selection.norm_of(row.attack))}"
    return f"{title}, %" if find(row.kind).percent else title


def _trend(row) -> tuple[str, str, str, str]:
    rho = Number(
        f"{row.rho:+.2f} [{row.rho_low:+.2f}, {row.rho_high:+.2f}]", row.rho, row.rho_low, row.rho_high, row.n
    )
    slope = _number(row.kind, row.slope, row.slope_low, row.slope_high, row.n)
    return rho, _p(row.p), _p(row.p_holm), slope


def _number(kind: str, value: float, low: float, high: float, n: int) -> str:
    if isnan(low):
        return "-"
    return Number(number(kind, value, low, high), value, low, high, n)


def _size(kind: str, value: float) -> str:
    scale, digits = (100, 1) if find(kind).percent else (1, 2)
    return "-" if isnan(value) else f"{scale * value + 0.0:.{digits}f}"


def _p(p: float) -> str:
    return Number("-" if isnan(p) else f"{p:.2g}" if p >= 1e-4 else "<0.0001", p)


def _notes(rows: pd.DataFrame) -> tuple[str, ...]:
    said: dict[str, list[str]] = {}
    for r in rows[rows["note"] != ""].itertuples():
        said.setdefault(r.note, []).append(_title(r))
    return tuple(f"{', '.join(dict.fromkeys(titles))}: {note}" for note, titles in said.items())
