"""What of RIVAL10 is on disk, and what is wrong with it. Reads every image and every mask once."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from pyadvspur import pixels
from pyadvspur.benchmarks import material
from pyadvspur.benchmarks.rival10.classes import SYNSETS
from pyadvspur.benchmarks.rival10.layout import Entry, Split
from pyadvspur.errors import AdvSpurError

if TYPE_CHECKING:
    import pandas

_SHOWN = 3
_THREADS = 4
_HARMLESS = ("masks with an object", "masks with a background")


def verify(root: Path, splits: Mapping[str, Split]) -> pandas.DataFrame:
    """Rows item, expected, found, ok, note."""
    import pandas as pd

    try:
        mark = material.read_mark(root)
        rows: list[tuple] = [("copy", "", "generated sample" if mark else "as published", True, str(root))]
    except AdvSpurError as error:
        mark, rows = None, [("copy", "", "damaged mark", False, str(error))]
    per_wnid = mark["per_class"] if mark else None
    for split, (entries, others, attributes) in splits.items():
        rows += _counts(split, entries, per_wnid)
        rows.append((f"{split}, other files", 0, len(others), not others, _some(others)))
        rows.append((f"{split}, attribute files", "", attributes, True, "never opened"))
        for item, problems in _checked(entries).items():
            harmless = item in _HARMLESS
            note = _some(problems) + " (left out of measures of noise)" * (harmless and bool(problems))
            ok = harmless or not problems
            rows.append((f"{split}, {item}", len(entries), len(entries) - len(problems), ok, note))
    return pd.DataFrame(rows, columns=["item", "expected", "found", "ok", "note"])


def _counts(split: str, entries: tuple[Entry, ...], per_wnid: int | None) -> list[tuple]:
    places = [entry.place for entry in entries]
    expected = [per_wnid or getattr(synset, split) for synset in SYNSETS]
    found = [places.count(place) for place in range(len(SYNSETS))]
    odd = [
        f"{synset.wnid}: {have} of {want}"
        for synset, have, want in zip(SYNSETS, found, expected)
        if have != want
    ]
    from_val = sum(entry.from_val for entry in entries)
    val = len(SYNSETS) if per_wnid else sum(getattr(synset, f"{split}_val") for synset in SYNSETS)
    return [
        (f"{split}, images", sum(expected), len(entries), not odd, _some(odd)),
        (f"{split}, of ImageNet val", val, from_val, from_val == val, ""),
    ]


def _checked(entries: tuple[Entry, ...]) -> dict[str, list[str]]:
    """What is wrong, by kind of check."""
    found: dict[str, list[str]] = {
        "images readable": [], "masks there": [], "masks readable": [], "masks of their image's size": [],
        "masks with an object": [], "masks with a background": [],
    }  # fmt: skip
    with ThreadPoolExecutor(_THREADS) as pool:
        for name, text in (problem for problems in pool.map(_problems, entries) for problem in problems):
            found[name].append(text)
    return found


def _problems(entry: Entry) -> list[tuple[str, str]]:
    found, image, mask = [], None, None
    try:
        image = pixels.read_rgb(entry.path)
    except AdvSpurError as error:
        found.append(("images readable", str(error)))
    if entry.mask is None:
        return [*found, ("masks there", entry.path.name)]
    try:
        mask = pixels.read_grey(entry.mask)
    except AdvSpurError as error:
        return [*found, ("masks readable", str(error))]
    if image is not None and image.shape[:2] != mask.shape:
        sizes = " against ".join(f"{h}x{w}" for h, w in (mask.shape, image.shape[:2]))
        found.append(("masks of their image's size", f"{entry.path.name}: {sizes}"))
    if not (mask > 127).any():
        found.append(("masks with an object", entry.path.name))
    if (mask > 127).all():
        found.append(("masks with a background", entry.path.name))
    return found


def _some(texts) -> str:
    texts = list(texts)
    more = f" and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
    return "; ".join(texts[:_SHOWN]) + more
