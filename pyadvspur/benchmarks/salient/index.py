"""Which images each source shows, in which order, without opening any of them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from pyadvspur.benchmarks.salient.features import spurious
from pyadvspur.benchmarks.salient.layout import ClassList

KINDS = ("core", "spurious")


class Index(NamedTuple):
    """All listed images, (N,) each, and the rows of those with a core or with a spurious feature, in order.

    ids: of samples. labels: classes. stems: file names. bits: features shown. masks: by class and kind, the bits of
    its features of that kind.
    """

    ids: np.ndarray
    labels: np.ndarray
    stems: list[str]
    bits: np.ndarray
    masks: dict[tuple[int, str], int]
    order: dict[str, np.ndarray]

    def features(self, row: int, kind: str) -> int:
        """The bits of an image's features of a kind."""
        return int(self.bits[row]) & self.masks[int(self.labels[row]), kind]


def index(lists: Mapping[int, ClassList]) -> Index:
    """Order: by turns through the classes, within a class by the hash of the name, so any first part is balanced and
    mixed. An image's id comes from its class and name, so an image with both kinds of features has one id."""
    labels: list[int] = []
    stems: list[str] = []
    bits: list[int] = []
    ids: list[int] = []
    masks = {}
    for label, found in sorted(lists.items()):
        known = spurious().get(label, frozenset())
        bad = sum(1 << j for j, feature in enumerate(found.features) if feature in known)
        masks[label, "spurious"], masks[label, "core"] = bad, (1 << len(found.features)) - 1 - bad
        for stem, shown in found.bits.items():
            labels.append(label)
            stems.append(stem)
            bits.append(shown)
            ids.append(number(found.wnid, stem))
    columns = [np.array(column, dtype=np.int64) for column in (ids, labels, bits)]
    order = {
        kind: _turns(*columns, np.array([masks[label, kind] for label in labels], np.int64)) for kind in KINDS
    }
    return Index(columns[0], columns[1], stems, columns[2], masks, order)


def number(wnid: str, stem: str) -> int:
    """The id of a sample, from its name alone."""
    return int.from_bytes(hashlib.sha256(f"salient/{wnid}/{stem}".encode()).digest()[:8], "little") >> 1


def _turns(ids: np.ndarray, labels: np.ndarray, bits: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Rows with a wanted feature: first of every class, second of every class, ..."""
    rows = np.flatnonzero(bits & wanted)
    rows = rows[np.lexsort((ids[rows], labels[rows]))]
    sorted_labels = labels[rows]
    first = np.searchsorted(sorted_labels, sorted_labels)  # where a row's class begins
    turn = np.arange(len(rows)) - first
    return rows[np.lexsort((sorted_labels, turn))]
