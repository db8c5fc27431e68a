"""What a metric does as the training radius grows: rank correlation and slope of every series, and of all together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pyadvspur.errors import unknown
from pyadvspur.metrics.draws import DRAWS
from pyadvspur.metrics.effects import random_mean
from pyadvspur.metrics.intervals import LEVEL
from pyadvspur.metrics.joint import Joint, interval, together
from pyadvspur.metrics.lines import Cell
from pyadvspur.metrics.paired import benjamini_hochberg, holm
from pyadvspur.metrics.ranks import ALTERNATIVES, Block, rank, spearman, trend_p
from pyadvspur.metrics.rows import cells
from pyadvspur.metrics.series import Series, clusters, find_series
from pyadvspur.metrics.summary import Measures, applies, of_benchmark

if TYPE_CHECKING:
    import pandas as pd

SCALES = ("rank", "radius")
_PLACE = ("benchmark", "measure", "kind", "attack", "eps")
_TREND = ("rho", "rho_low", "rho_high", "p", "p_holm", "p_bh", "slope", "slope_low", "slope_high")
SERIES = (*_PLACE, "norm", "arch", "seed", "networks", "first", "last", *_TREND, "n", "note")
POOLED = (
    *_PLACE, "norm", "series", "networks", *_TREND, "mixed_low", "mixed_high", "slope_sd", "units", "n", "note",
)  # fmt: skip
#: `norm` of the rows over the series of all norms
ALL = "all"


@dataclass(frozen=True)
class Trends:
    """What `trends` returns: one row a series, and one a norm (and one over all norms, "all", where there are several).

    Both: benchmark, measure, kind, attack, eps (of the attack on the measure), networks, rho with rho_low, rho_high,
    p with p_holm and p_bh, slope with slope_low, slope_high, n (images), note.
    series: also norm, arch, seed, and the measure at the smallest and the largest radius (first, last).
    pooled: also series (how many), mixed_low, mixed_high, slope_sd (from unit to unit, images' share taken off) and
    units (series that share no network).
    """

    series: pd.DataFrame
    pooled: pd.DataFrame


def trends(
    outcomes: pd.DataFrame,
    models: pd.DataFrame,
    measures: Measures,
    *,
    scale: str = "rank",
    alternative: str = "two-sided",
    level: float = LEVEL,
    attacked: bool = True,
    draws: int = DRAWS,
) -> Trends:
    """The trend of every measure over the training radius.

    outcomes, measures: as for `metrics.summarise`; several training seeds come as models of their own. models: one row
    a model with norm, eps, arch, seed (`Run.models()`), from which `find_series` makes the series: one norm,
    architecture and seed, from the standard network on. attacked=False: without attack alone.

    rho: Spearman's rank correlation with the radius; pooled, the mean over series. Its interval comes from the paired,
    class-stratified bootstrap: all networks are shown the same drawn images. It is about these networks and other
    images; ranks can only be lost by resampling, so it reaches towards 0 further than away from it.
    p: from all orders in which the values of a series could have come (exact up to eight networks), pooled by Page's L
    (`trend_p`). It is about training: could networks whose radius does not matter have come in this order? Networks
    that are in several of the pooled series keep their place. p_holm and p_bh correct for all rows of the same table
    and benchmark. alternative: "two-sided", "greater" (rises with the radius), "less".
    slope: least squares through the series, pooled as the mean over units. scale="rank": over the place in the order of
    radii, 0 at the first and 1 at the last network; "radius": over the radius as a share of the series' largest. So
    it is in the measure's units, from one end of the series to the other. slope_low, slope_high: other images, these
    networks. mixed_low, mixed_high: also other networks: units (series, or several that share a standard network) are
    taken as drawn from many, with intercept and slope of their own (`random_mean`); NaN for one unit.

    A network whose measure is undefined is left out, and the note says so; under three networks nothing is computed.

    Source: Spearman 1904; Page 1963; Laird & Ware 1982 (random intercept and slope).
    """
    import pandas as pd

    if scale not in SCALES:
        raise unknown("metrics.trends", "scale", scale, SCALES)
    if alternative not in ALTERNATIVES:
        raise unknown("metrics.trends", "alternative", alternative, ALTERNATIVES)
    listed = find_series(models)
    measures = measures if hasattr(measures, "get") else tuple(measures)
    by_spot: dict[tuple[str, str, float], dict[str, Cell]] = {}
    for (benchmark, model, attack, eps), cell in cells(outcomes).items():
        by_spot.setdefault((benchmark, attack, eps), {})[model] = cell
    rows: list[tuple] = []
    pooled: list[tuple] = []
    for (benchmark, attack, eps), there in sorted(by_spot.items()) if listed else ():
        for measure in of_benchmark(measures, benchmark):
            if not applies(measure, attack) or (attack != "none" and not attacked):
                continue
            names = [m for m in dict.fromkeys(m for s in listed for m in s.models) if m in there]
            names = [name for name in names if there[name].has(measure)]
            asked = [(measure, there[name].lines(measure)) for name in names]
            joint = together(asked, draws=draws)
            found = [one for s in listed if (one := _series(s, names, joint, scale, alternative, level))]
            place = (benchmark, measure.name, measure.kind, attack, eps)
            rows += [(*place, *one.row) for one in found]
            pooled += [(*place, *row) for row in _pools(found, joint, alternative, level)]
    return Trends(_frame(pd, rows, SERIES), _frame(pd, pooled, POOLED))


@dataclass(frozen=True)
class _Line:
    """One series of one measure: what pooling needs, and its row."""

    series: Series
    radii: np.ndarray
    value: np.ndarray
    names: tuple[str, ...]
    rho: np.ndarray  # (D + 1,): of the values, then of the draws
    slope: np.ndarray
    row: tuple


def _series(
    series: Series, names: list[str], joint: Joint, scale: str, alternative: str, level: float
) -> _Line | None:
    held = {name: k for k, name in enumerate(names)}
    there = [(name, eps) for name, eps in zip(series.models, series.radii) if name in held]
    defined = [(name, eps) for name, eps in there if not np.isnan(joint.value[held[name]])]
    if len({eps for _, eps in defined}) < 3:
        return None
    mine = joint.take([held[name] for name, _ in defined])
    radii = np.array([eps for _, eps in defined])
    x = (rank(radii) - 1) / max(1, len(radii) - 1) if scale == "rank" else radii / radii.max()
    every = np.concatenate([mine.value[None], mine.drawn])
    rho = spearman(radii, every)
    # values that all agree have no order; they speak neither for a trend nor against it
    rho = np.where(np.isnan(rho) & ~np.isnan(every).any(axis=1), 0.0, rho)
    centred = x - x.mean()
    slope = (every * centred).sum(axis=1) / (centred**2).sum()
    p = trend_p([Block(radii, mine.value)], alternative, series)
    note = mine.note
    if len(defined) < len(there):
        note = "; ".join(
            filter(None, (note, f"undefined for {len(there) - len(defined)} networks, left out"))
        )
    numbers = (*_interval(rho, mine.n, level), p, np.nan, np.nan, *_interval(slope, mine.n, level))
    row = (
        series.norm, series.arch, series.seed, len(radii), float(mine.value[0]), float(mine.value[-1]), *numbers,
        mine.n, note,
    )  # fmt: skip
    return _Line(series, radii, mine.value, tuple(name for name, _ in defined), rho, slope, row)


def _pools(found: list[_Line], joint: Joint, alternative: str, level: float) -> list[tuple]:
    """One row a norm, and one over all norms."""
    norms = list(dict.fromkeys(one.series.norm for one in found))
    asked = [(norm, [one for one in found if one.series.norm == norm]) for norm in norms]
    return [
        _pool(norm, lines, joint, alternative, level)
        for norm, lines in [*asked, *([(ALL, found)] if len(norms) > 1 else [])]
    ]


def _pool(norm: str, lines: list[_Line], joint: Joint, alternative: str, level: float) -> tuple:
    times: dict[str, int] = {}
    for name in (name for one in lines for name in one.names):
        times[name] = times.get(name, 0) + 1
    blocks = [Block(o.radii, o.value, np.array([times[n] > 1 for n in o.names])) for o in lines]
    p = trend_p(blocks, alternative, tuple(one.series for one in lines))
    rho = np.mean([one.rho for one in lines], axis=0)
    units = clusters([one.series for one in lines])
    slopes = np.stack([np.mean([lines[k].slope for k in places], axis=0) for places in units], axis=1)
    mean = random_mean(slopes[0], slopes[1:], level)
    notes = dict.fromkeys(one.row[-1] for one in lines if one.row[-1])
    return (
        norm, len(lines), len(times), *_interval(rho, joint.n, level), p, np.nan, np.nan, mean.value, mean.low,
        mean.high, mean.mixed_low, mean.mixed_high, mean.unit_sd, mean.units, joint.n, "; ".join(notes),
    )  # fmt: skip


def _interval(found: np.ndarray, n: int, level: float) -> tuple[float, float, float]:
    ends = interval(found[0], found[1:], n, level)
    return float(found[0]), ends.low, ends.high


def _frame(pd, rows: Sequence[tuple], columns: tuple[str, ...]) -> pd.DataFrame:
    return corrected(pd.DataFrame(rows, columns=list(columns)))


def corrected(frame: pd.DataFrame) -> pd.DataFrame:
    """A table of trends with p_holm and p_bh over all rows of each of its benchmarks."""
    frame = frame.copy()
    for _, places in frame.groupby("benchmark", sort=False).indices.items():
        p = frame["p"].to_numpy()[places]
        frame.loc[places, "p_holm"], frame.loc[places, "p_bh"] = holm(p), benjamini_hochberg(p)
    return frame
