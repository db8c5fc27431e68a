"""What of ImageNet-9 is on disk, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pyadvspur import pixels
from pyadvspur.benchmarks.imagenet9.classes import DIRECTORIES
from pyadvspur.benchmarks.imagenet9.layout import MASKS, PER_CLASS, VARIATIONS
from pyadvspur.benchmarks.material import MARK
from pyadvspur.errors import AdvSpurError

if TYPE_CHECKING:
    import pandas

    from pyadvspur.benchmarks.imagenet9.benchmark import ImageNet9

_PART = 256  # images decoded at a time


def verify(benchmark: ImageNet9) -> pandas.DataFrame:
    """Rows item, expected, found, ok, note: for each variation its counts, its pairs and its readable files, and one
    for masks."""
    import pandas as pd

    try:
        per_class = benchmark.expected_per_class()
        generated = (benchmark.root / MARK).is_file()
        rows = [("copy", "", "generated sample" if generated else "as published", True, str(benchmark.root))]
    except (ValueError, KeyError, TypeError, OSError) as error:
        per_class = PER_CLASS
        rows = [("copy", "", "damaged mark", False, f"{MARK}: {error}")]
    present = dict.fromkeys(condition.source for condition in benchmark.conditions)
    for variation in VARIATIONS:
        if variation in present:
            rows += _variation(benchmark, variation, per_class)
        else:
            total = per_class * len(DIRECTORIES)
            rows.append((variation, total, 0, False, "not there; measures that need it are left out"))
    rows.append(_masks(benchmark, per_class * len(DIRECTORIES)))
    return pd.DataFrame(rows, columns=["item", "expected", "found", "ok", "note"])


def _variation(benchmark: ImageNet9, variation: str, per_class: int) -> list[tuple]:
    files = benchmark.entries(variation)
    counts = [sum(entry.label == k for entry in files) for k in range(len(DIRECTORIES))]
    odd = [f"{DIRECTORIES[k]}: {count}" for k, count in enumerate(counts) if count != per_class]
    extra = _extra(benchmark.root / variation / "val")
    notes = [f"other counts in {', '.join(odd)}"] * bool(odd) + [f"also holds {extra}"] * bool(extra)
    rows = [(variation, per_class * len(DIRECTORIES), len(files), not odd, "; ".join(notes))]
    broken = []
    for start in range(0, len(files), _PART):
        paths = [entry.path for entry in files[start : start + _PART]]
        errors = pixels.read_images(paths, benchmark._preprocessing)[1]
        broken += [text for text in errors if text]
    whole = len(files) - len(broken)
    rows.append((f"{variation}, readable", len(files), whole, not broken, "; ".join(broken[:3])))
    if variation == "mixed_rand" and (benchmark.root / "mixed_same" / "val").is_dir():
        other = {entry.id for entry in benchmark.entries("mixed_same")}
        shared = sum(entry.id in other for entry in files)
        note = "" if shared == len(files) else "objects of one that the other lacks: the gap is less sharp"
        rows.append(("mixed_rand, in pairs with mixed_same", len(files), shared, shared > 0, note))
    return rows


def _masks(benchmark: ImageNet9, total: int) -> tuple:
    if not benchmark.has_masks:
        return (MASKS, total, 0, False, "not there; only the challenge and noise on masks need it")
    files, wrong = benchmark.entries("original"), []
    for entry in files:
        try:
            if not benchmark.mask(entry).any():
                wrong.append(f"{entry.path.name}: the mask is empty")
        except AdvSpurError as error:
            wrong.append(str(error))
    return (MASKS, len(files), len(files) - len(wrong), not wrong, "; ".join(wrong[:3]))


def _extra(folder: Path) -> str:
    names = sorted(
        p.name for p in folder.iterdir() if p.name not in DIRECTORIES and not p.name.startswith(".")
    )
    return ", ".join(names[:5])
