"""Numbers of several models, or several measures of one, from one draw of images.

What is said of several numbers together (a trend over radii, a spread over seeds, a distance from a line through other
models) needs to know how they move together when other images are shown. So the images are drawn once for all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from pyadvspur.errors import bad
from pyadvspur.metrics.cells import collect
from pyadvspur.metrics.draws import DRAWS, IMAGES, bayesian
from pyadvspur.metrics.intervals import Estimate
from pyadvspur.metrics.layout import lay_out
from pyadvspur.metrics.lines import Lines
from pyadvspur.metrics.measure import Measure


@dataclass(frozen=True)
class Joint:
    """K numbers and D draws of all of them at once.

    value (K,): NaN where undefined. drawn (D, K). n: images that all of them rest on. notes (K,): why a value is NaN.
    note: what was left out.
    """

    value: np.ndarray
    drawn: np.ndarray
    n: int
    notes: tuple[str, ...]
    note: str = ""

    def take(self, places: Sequence[int] | np.ndarray) -> Joint:
        """Some of the numbers."""
        places = np.asarray(places, dtype=np.int64)
        notes = tuple(self.notes[k] for k in places)
        return Joint(self.value[places], self.drawn[:, places], self.n, notes, self.note)


def together(asked: Sequence[tuple[Measure, Lines]], key: object = IMAGES, draws: int = DRAWS) -> Joint:
    """Measures of tables, with `draws` draws of the Bayesian bootstrap of the images of all.

    Tables of one measure are cut to the images that all of them hold; tables of different measures may rest on
    different images. Images are drawn within classes; within groups where a measure is one of groups. key: what the
    random numbers depend on, beside the set of lines.
    """
    asked, left_out = _shared(asked)
    count = len(asked)
    nothing = Joint(
        np.full(count, np.nan), np.full((draws, count), np.nan), 0, ("undefined: no image",) * count
    )
    if not all(len(lines) for _, lines in asked) or not count:
        return nothing
    sample, label, group, places = _union([lines for _, lines in asked])
    grouped = any(measure.about.grouped for measure, _ in asked)
    layouts = [lay_out(measure, lines) for measure, lines in asked]
    widths = [layout.columns.shape[1] for layout in layouts]
    values = np.full((len(sample), sum(widths)), np.nan)
    ends = np.cumsum(widths)
    for layout, place, end, width in zip(layouts, places, ends, widths):
        values[place[layout.rows], end - width : end] = layout.columns
    averages = [layout.average for layout, width in zip(layouts, widths) for _ in range(width)]
    if grouped and "classes" in averages:
        named = ", ".join(repr(measure.name) for measure, _ in asked[:3])
        raise bad("metrics", "measures", named, "measures of groups, or means over classes, not both")
    strata = group if grouped else label
    used = ~np.isnan(values).all(axis=1)
    if not used.any():
        return nothing
    cells = collect(values[used], strata[used], averages)
    bounds = np.repeat(np.array([layout.bounds for layout in layouts]), widths, axis=0).T
    drawn = bayesian(cells, key, draws, (bounds[0], bounds[1]))
    means = cells.means()
    value, found, notes = np.full(count, np.nan), np.full((draws, count), np.nan), []
    for k, (layout, end, width) in enumerate(zip(layouts, ends, widths)):
        mine = slice(end - width, end)
        notes.append(layout.reason(means[mine]))
        if not notes[-1]:
            value[k] = float(layout.formula(*means[mine]))
            found[:, k] = layout.formula(*drawn[:, mine].T)
    return Joint(value, found, int(used.sum()), tuple(notes), left_out)


def interval(value: float, drawn: np.ndarray, n: int, level: float, note: str = "") -> Estimate:
    """A number with the quantiles of its draws; undefined draws are left out and counted."""
    defined = drawn[~np.isnan(drawn)]
    if np.isnan(value) or not len(defined):
        return Estimate(value, np.nan, np.nan, n, note)
    if len(defined) < len(drawn):
        note = "; ".join(
            filter(None, (note, f"{len(drawn) - len(defined)} of {len(drawn)} resamples undefined"))
        )
    low, high = np.quantile(defined, [0.5 - level / 2, 0.5 + level / 2])
    return Estimate(float(value), min(float(low), float(value)), max(float(high), float(value)), n, note)


def _shared(asked: Sequence[tuple[Measure, Lines]]) -> tuple[list[tuple[Measure, Lines]], str]:
    """The tables cut to the images that all of their measure hold, and what that left out."""
    notes = dict.fromkeys(lines.note for _, lines in asked if lines.note)
    found = list(asked)
    for measure in dict.fromkeys(measure for measure, _ in asked):
        mine = [k for k, (other, _) in enumerate(asked) if other == measure]
        samples = [asked[k][1].sample for k in mine]
        if all(s is samples[0] or np.array_equal(s, samples[0]) for s in samples):
            continue
        sample = reduce(np.intersect1d, samples)
        alone = len(reduce(np.union1d, samples)) - len(sample)
        notes[f"{alone} images that not all were shown left out"] = None
        for k in mine:
            found[k] = (measure, asked[k][1].take(np.searchsorted(samples[mine.index(k)], sample)))
    return found, "; ".join(notes)


def _union(tables: list[Lines]) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[np.ndarray]]:
    """sample, label and group of every image, and where each table's lines are among them."""
    first = tables[0]
    if all(t.sample is first.sample or np.array_equal(t.sample, first.sample) for t in tables):
        return first.sample, first.label, first.group, [np.arange(len(first))] * len(tables)
    sample = np.unique(np.concatenate([t.sample for t in tables]))
    label, group = np.zeros(len(sample), np.int64), np.full(len(sample), -1, np.int64)
    places = [np.searchsorted(sample, t.sample) for t in tables]
    for table, place in zip(tables, places):
        label[place] = table.label
        group[place] = np.maximum(group[place], table.group)
    return sample, label, group, places
