"""What of ImageNet-9 is on disk, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pyadvspur import pixels
from pyadvspur.benchmarks.imagenet9.classes import DIRECTORIES
from pyadvspur.benchmarks.imagenet9.layout import MASKS, PER_CLASS, VARIATIONS, Entry, expected_per_class
from pyadvspur.benchmarks.material import MARK
from pyadvspur.errors import AdvSpurError

if TYPE_CHECKING:
    import numpy
    import pandas

_PART = 256  # images decoded at a time


def verify(
    root: Path,
    entries: Mapping[str, Sequence[Entry]],
    preprocessing: pixels.Preprocessing,
    mask: Callable[[Entry], numpy.ndarray] | None,
) -> pandas.DataFrame:
    """Rows item, expected, found, ok, note: for each variation its counts, its pairs and its readable files, and one
    for masks.

    entries: of every variation that is there. mask: reads that of an entry of `original`; None = there are none."""
    import pandas as pd

    try:
        per_class = expected_per_class(root)
        generated = (root / MARK).is_file()
        rows = [("copy", "", "generated sample" if generated else "as published", True, str(root))]
    except (ValueError, KeyError, TypeError, OSError) as error:
        per_class = PER_CLASS
        rows = [("copy", "", "damaged mark", False, f"{MARK}: {error}")]
    for variation in VARIATIONS:
        if variation in entries:
            rows += _variation(root, entries, variation, per_class, preprocessing)
        else:
            total = per_class * len(DIRECTORIES)
            rows.append((variation, total, 0, False, "not there; measures that need it are left out"))
    rows.append(_masks(entries.get("original", ()), mask, per_class * len(DIRECTORIES)))
    return pd.DataFrame(rows, columns=["item", "expected", "found", "ok", "note"])


def _variation(
    root: Path,
    entries: Mapping[str, Sequence[Entry]],
    variation: str,
    per_class: int,
    preprocessing: pixels.Preprocessing,
) -> list[tuple]:
    files = entries[variation]
    counts = [sum(entry.label == k for entry in files) for k in range(len(DIRECTORIES))]
    odd = [f"{DIRECTORIES[k]}: {count}" for k, count in enumerate(counts) if count != per_class]
    extra = _extra(root / variation / "val")
    notes = [f"other counts in {', '.join(odd)}"] * bool(odd) + [f"also holds {extra}"] * bool(extra)
    rows = [(variation, per_class * len(DIRECTORIES), len(files), not odd, "; ".join(notes))]
    broken = []
    for start in range(0, len(files), _PART):
        paths = [entry.path for entry in files[start : start + _PART]]
        errors = pixels.read_images(paths, preprocessing)[1]
        broken += [text for text in errors if text]
    whole = len(files) - len(broken)
    rows.append((f"{variation}, readable", len(files), whole, not broken, "; ".join(broken[:3])))
    if variation == "mixed_rand" and "mixed_same" in entries:
        other = {entry.id for entry in entries["mixed_same"]}
        shared = sum(entry.id in other for entry in files)
        note = "" if shared == len(files) else "objects of one that the other lacks: the gap is less sharp"
        rows.append(("mixed_rand, in pairs with mixed_same", len(files), shared, shared > 0, note))
    return rows


def _masks(files: Sequence[Entry], mask: Callable[[Entry], numpy.ndarray] | None, total: int) -> tuple:
    if mask is None:
        return (MASKS, total, 0, False, "not there; only the challenge and noise on masks need it")
    wrong = []
    for entry in files:
        try:
            if not mask(entry).any():
                wrong.append(f"{entry.path.name}: the mask is empty")
        except AdvSpurError as error:
            wrong.append(str(error))
    return (MASKS, len(files), len(files) - len(wrong), not wrong, "; ".join(wrong[:3]))


def _extra(folder: Path) -> str:
    names = sorted(
        p.name for p in folder.iterdir() if p.name not in DIRECTORIES and not p.name.startswith(".")
    )
    return ", ".join(names[:5])
