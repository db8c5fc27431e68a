"""What of ImageNet-9 is on disk, and what is wrong with it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from pyadvspur.benchmarks.decode import read_rgb
from pyadvspur.benchmarks.imagenet9.classes import DIRECTORIES
from pyadvspur.benchmarks.imagenet9.layout import PER_CLASS, READERS, VARIATIONS
from pyadvspur.benchmarks.material import MARK
from pyadvspur.errors import AdvSpurError

if TYPE_CHECKING:
    import pandas

    from pyadvspur.benchmarks.imagenet9.benchmark import ImageNet9


def verify(benchmark: ImageNet9) -> pandas.DataFrame:
    """Rows item, expected, found, ok, note: one a variation for counts, one for readable files, one for masks."""
    import pandas as pd

    try:
        per_class = benchmark.expected_per_class()
        generated = (benchmark.root / MARK).is_file()
        rows = [("copy", "", "generated sample" if generated else "as published", True, str(benchmark.root))]
    except (ValueError, KeyError, OSError) as error:
        per_class = PER_CLASS
        rows = [("copy", "", "damaged mark", False, f"{MARK}: {error}")]
    total = per_class * len(DIRECTORIES)
    present = [condition.source for condition in benchmark.conditions]
    for variation in VARIATIONS:
        if variation not in present:
            rows.append((variation, total, 0, False, "not there; measures that need it are left out"))
            continue
        files = benchmark._files(variation)
        counts = [sum(label == k for _, label, _ in files) for k in range(len(DIRECTORIES))]
        odd = [f"{DIRECTORIES[k]}: {count}" for k, count in enumerate(counts) if count != per_class]
        extra = _extra(benchmark.root / variation / "val")
        notes = ([f"other counts in {', '.join(odd)}"] if odd else []) + (
            [f"also holds {extra}"] if extra else []
        )
        rows.append((variation, total, len(files), not odd, "; ".join(notes)))
        with ThreadPoolExecutor(READERS) as pool:
            broken = [text for text in pool.map(_why, (path for _, _, path in files)) if text]
        rows.append(
            (
                f"{variation}, readable",
                len(files),
                len(files) - len(broken),
                not broken,
                "; ".join(broken[:3]),
            )
        )
    rows.append(_masks(benchmark) if "original" in present else ("fg_mask", total, 0, False, "no original"))
    return pd.DataFrame(rows, columns=["item", "expected", "found", "ok", "note"])


def _masks(benchmark: ImageNet9) -> tuple:
    files = benchmark._files("original")
    if not (benchmark.root / "fg_mask" / "val").is_dir():
        return ("fg_mask", len(files), 0, False, "not there; only noise and fills on masks need it")
    wrong = []
    for _, _, path in files:
        try:
            benchmark._mask(path)
        except AdvSpurError as error:
            wrong.append(str(error))
    return ("fg_mask", len(files), len(files) - len(wrong), not wrong, "; ".join(wrong[:3]))


def _why(path: Path) -> str:
    try:
        read_rgb(path)
    except AdvSpurError as error:
        return str(error)
    return ""


def _extra(folder: Path) -> str:
    names = sorted(
        p.name for p in folder.iterdir() if p.name not in DIRECTORIES and not p.name.startswith(".")
    )
    return ", ".join(names[:5])
