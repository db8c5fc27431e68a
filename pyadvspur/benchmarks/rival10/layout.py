"""Where RIVAL10's files lie: images in <split>/ordinary, object masks in <split>/entire_object_masks, by one name.

A name is <wnid>_<ImageNet's name>; ImageNet's validation images are called ILSVRC2012_val_XXXXXXXX. Attribute files
beside the images (`_merged_mask.JPEG`, `_attr_labels.npy`, `_attr_dict.pkl`) are not needed and never opened: two of
the three are pickles.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import NamedTuple

from pyadvspur.benchmarks.rival10.classes import PLACES

SPLITS = ("train", "test")
IMAGES = "ordinary"
MASKS = "entire_object_masks"
_NAME = re.compile(r"(?P<wnid>n\d{8})_(?P<rest>.+)\.(jpe?g|png)", re.IGNORECASE)
_ATTRIBUTES = ("_merged_mask.jpeg", "_merged_mask.jpg", "_attr_labels.npy", "_attr_dict.pkl")
_VALIDATION = "ILSVRC2012_val_"


class Entry(NamedTuple):
    """One image. place: of its ImageNet class in SYNSETS. mask: None where there is none."""

    number: int
    place: int
    from_val: bool
    path: Path
    mask: Path | None
    bytes: tuple[int, int]


class Split(NamedTuple):
    """The images of a split in their order, names of files that are no image of a known class, and how many attribute
    files lie there unopened."""

    entries: tuple[Entry, ...]
    others: tuple[str, ...]
    attributes: int


def read_split(folder: Path) -> Split:
    """List a split: nothing is opened. The order goes by turns through the 20 ImageNet classes and, within one, by
    the hash of the name, so that any first part is balanced and no shooting session stands together. Of two files
    with one stem the first by name counts."""
    masks = {Path(entry.name).stem: entry for entry in _files(folder / MASKS)}
    found: list[list[Entry]] = [[] for _ in PLACES]
    others, seen, attributes = [], set(), 0
    for entry in _files(folder / IMAGES):
        if entry.name.lower().endswith(_ATTRIBUTES):
            attributes += 1
            continue
        match = _NAME.fullmatch(entry.name)
        stem = Path(entry.name).stem
        if not match or match["wnid"] not in PLACES or stem in seen:
            others.append(entry.name)
            continue
        seen.add(stem)
        mask = masks.get(stem)
        place = PLACES[match["wnid"]]
        size = (entry.stat().st_size, mask.stat().st_size if mask else 0)
        from_val = match["rest"].startswith(_VALIDATION)
        where = None if mask is None else Path(mask.path)
        found[place].append(Entry(number(stem), place, from_val, Path(entry.path), where, size))
    turns = [
        (turn, entry)
        for entries in found
        for turn, entry in enumerate(sorted(entries, key=lambda e: e.number))
    ]
    turns.sort(key=lambda item: (item[0], item[1].place))
    return Split(tuple(entry for _, entry in turns), tuple(others), attributes)


def number(stem: str) -> int:
    """The id of a sample: from its name alone, so that it stays when files come or go."""
    return int.from_bytes(hashlib.sha256(f"rival10/{stem}".encode()).digest()[:8], "little") >> 1


def _files(folder: Path) -> list[os.DirEntry]:
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        return sorted((e for e in entries if not e.name.startswith(".")), key=lambda e: e.name)
