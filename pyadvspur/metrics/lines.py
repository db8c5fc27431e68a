"""From outcome rows to one line an image: the table that every measure is computed from."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pyadvspur.errors import bad
from pyadvspur.metrics.measure import Measure

_ORDERS = 64  # sample orders kept: units of all models come in the same few


@dataclass(frozen=True)
class Lines:
    """One line an image: sample (N,), values (N, M) with NaN where the image is not in a column, label, group (N,).

    left_out: (how many, why) images are not here.
    """

    sample: np.ndarray
    values: np.ndarray
    label: np.ndarray
    group: np.ndarray
    left_out: tuple[tuple[int, str], ...] = ()

    def __len__(self) -> int:
        return len(self.sample)

    def take(self, rows: np.ndarray) -> Lines:
        """Some of the lines, by index or mask."""
        return replace(
            self, sample=self.sample[rows], values=self.values[rows], label=self.label[rows], group=self.group[rows]
        )  # fmt: skip

    @property
    def note(self) -> str:
        """What was left out, in words; "" = nothing."""
        if not self.left_out:
            return ""
        count = sum(n for n, _ in self.left_out)
        why = ", ".join(f"{n} {why}" for n, why in self.left_out)
        return f"{count} of {len(self) + count} images left out ({why})"


@dataclass(frozen=True)
class _Reading:
    """Conditions taken together, one line an image: sum of outcomes and how many there are."""

    sample: np.ndarray
    total: np.ndarray
    count: np.ndarray
    label: np.ndarray
    group: np.ndarray
    failed: np.ndarray


class Cell:
    """The outcomes of one model on one benchmark at one attack and radius."""

    def __init__(self, columns: dict[str, np.ndarray], parts: dict[str, list[slice]], orders: list) -> None:
        self._columns, self._parts, self._orders = columns, parts, orders
        self._read: dict[tuple[str, str], _Reading] = {}

    @property
    def conditions(self) -> list[str]:
        """The conditions that were run."""
        return sorted(self._parts)

    def has(self, measure: Measure) -> bool:
        """Every condition of the measure was run."""
        return all(
            name in self._parts for key in measure.condition_keys() for name in measure.conditions(key)
        )

    def lines(self, measure: Measure) -> Lines:
        """The measure's table. An image that failed in one of its conditions, or is of a group that the measure leaves
        out, is in none of them."""
        column = measure.about.column
        if column not in self._columns:
            raise bad(
                "metrics", "outcomes", f"no column {column!r}", f"one: {measure.name!r} is made from it"
            )
        readings = [
            _together([self._reading(name, column) for name in measure.conditions(key)])
            for key in measure.condition_keys()
        ]
        first = readings[0]
        if all(r.sample is first.sample for r in readings):
            values = np.stack([r.total / r.count for r in readings], axis=1)
            failed = np.logical_or.reduce([r.failed for r in readings])
            lines = Lines(first.sample, values, first.label, first.group)
        else:
            sample = _union([r.sample for r in readings])
            values = np.full((len(sample), len(readings)), np.nan)
            label, group = np.zeros(len(sample), np.int64), np.full(len(sample), -1, np.int64)
            failed = np.zeros(len(sample), bool)
            for k, reading in enumerate(readings):
                at = np.searchsorted(sample, reading.sample)
                values[at, k] = reading.total / reading.count
                label[at] = reading.label
                group[at] = np.maximum(group[at], reading.group)
                failed[at] |= reading.failed
            lines = Lines(sample, values, label, group)
        why = {"with errors": failed}
        for number, name in measure.params.get("leave_out", ()):
            why[f"with {name}"] = (lines.group == number) & ~failed
        out = np.logical_or.reduce(list(why.values()))
        if not out.any():
            return lines
        counts = tuple((int(rows.sum()), name) for name, rows in why.items() if rows.any())
        return replace(lines.take(~out), left_out=counts)

    def _reading(self, name: str, column: str) -> _Reading:
        if (name, column) not in self._read:
            parts = self._parts[name]
            held = {
                key: values[parts[0]] if len(parts) == 1 else np.concatenate([values[p] for p in parts])
                for key, values in self._columns.items()
                if key in ("sample", "label", "group", "failed", column)
            }
            self._read[name, column] = self._by_sample(held, column)
        return self._read[name, column]

    def _by_sample(self, held: dict[str, np.ndarray], column: str) -> _Reading:
        given = held["sample"]
        distinct, order, first = self._order(given)
        once = len(first) == len(given)
        if once or column == "correct":
            values = held[column][order].astype(np.float64)
        else:  # sums of fractions must not depend on the order of trials
            order = np.lexsort((held[column], given))
            values = held[column][order].astype(np.float64)
        at = order if once else order[first]
        total, failed = values, held["failed"][order]
        count = np.ones(len(first))
        if not once:
            total, failed = np.add.reduceat(values, first), np.logical_or.reduceat(failed, first)
            count = np.diff(np.r_[first, len(given)]).astype(float)
        return _Reading(distinct, total, count, held["label"][at], held["group"][at], failed)

    def _order(self, given: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The distinct samples in their order, the order that sorts the rows, and where each sample begins in it."""
        for known, *found in self._orders:
            if len(known) == len(given) and np.array_equal(known, given):
                return tuple(found)
        order = np.argsort(given, kind="stable")
        ordered = given[order]
        first = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
        # equal sets of samples share one array, whatever order they came in
        same = (held[1] for held in self._orders if np.array_equal(held[1], ordered[first]))
        distinct = next(same, ordered[first])
        self._orders.insert(0, (given, distinct, order, first))
        del self._orders[_ORDERS:]
        return distinct, order, first


def _together(readings: list[_Reading]) -> _Reading:
    """Several conditions as one: outcomes added up image by image."""
    first = readings[0]
    if len(readings) == 1:
        return first
    if all(r.sample is first.sample for r in readings):
        return replace(
            first, total=np.add.reduce([r.total for r in readings]), count=np.add.reduce([r.count for r in readings]),
            failed=np.logical_or.reduce([r.failed for r in readings]),
        )  # fmt: skip
    sample = _union([r.sample for r in readings])
    total, count, failed = np.zeros(len(sample)), np.zeros(len(sample)), np.zeros(len(sample), bool)
    label, group = np.zeros(len(sample), np.int64), np.full(len(sample), -1, np.int64)
    for reading in readings:
        at = np.searchsorted(sample, reading.sample)
        total[at] += reading.total
        count[at] += reading.count
        failed[at] |= reading.failed
        label[at], group[at] = reading.label, reading.group
    return _Reading(sample, total, count, label, group, failed)


def _union(samples: list[np.ndarray]) -> np.ndarray:
    return np.unique(np.concatenate(samples))
