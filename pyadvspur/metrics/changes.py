"""Answers that changed: the same samples of one model, shown or attacked in two ways."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pyadvspur.metrics.rows import failed

if TYPE_CHECKING:
    import pandas as pd


class Place(NamedTuple):
    """Where answers come from: attack "none" and eps 0 without one."""

    benchmark: str
    model: str
    condition: str
    attack: str
    eps: float


@dataclass(frozen=True)
class Answers:
    """One answer a sample, samples ascending: sample, label, prediction (N,) integers, correct (N,) bool."""

    sample: np.ndarray
    label: np.ndarray
    prediction: np.ndarray
    correct: np.ndarray


@dataclass(frozen=True)
class Changes:
    """What became of n samples: right in both, wrong in both with one answer (stuck) or two (moved), right and then
    wrong (lost), wrong and then right (gained). rows: sample, label, answer before, answer after of those that
    changed, (M, 4): the lost first, then the gained, then the moved, each by sample."""

    n: int
    right: int
    stuck: int
    lost: int
    gained: int
    moved: int
    rows: np.ndarray


def answers(outcomes: pd.DataFrame) -> dict[Place, Answers]:
    """First-trial answers of every model, condition, attack and radius; images with errors are left out."""
    kept = (outcomes["trial"].to_numpy() == 0) & ~failed(outcomes)
    frame = outcomes if kept.all() else outcomes[kept]
    keys = list(Place._fields)
    columns = [frame[name].to_numpy() for name in ("sample", "label", "prediction", "correct")]
    found = {}
    for key, rows in frame.groupby(keys, observed=True, sort=False).indices.items():
        sample, label, prediction, correct = (column[rows] for column in columns)
        order = np.argsort(sample, kind="stable")
        place = Place(*(str(part) for part in key[:4]), float(key[4]))
        found[place] = Answers(sample[order], label[order], prediction[order], correct[order])
    return found


def changes(before: Answers, after: Answers) -> Changes:
    """What became of the samples that both hold, in pairs."""
    if len(before.sample) == len(after.sample) and np.array_equal(before.sample, after.sample):
        one = two = slice(None)
    else:
        _, one, two = np.intersect1d(before.sample, after.sample, assume_unique=True, return_indices=True)
    was, now = before.correct[one], after.correct[two]
    same = before.prediction[one] == after.prediction[two]
    lost, gained, moved = was & ~now, ~was & now, ~was & ~now & ~same
    order = np.concatenate([np.flatnonzero(part) for part in (lost, gained, moved)])
    rows = np.empty((len(order), 4), np.int64)
    table = (before.sample[one], before.label[one], before.prediction[one], after.prediction[two])
    for k, column in enumerate(table):
        rows[:, k] = column[order]
    counts = (was & now, ~was & ~now & same, lost, gained, moved)
    return Changes(len(was), *(int(part.sum()) for part in counts), rows)
