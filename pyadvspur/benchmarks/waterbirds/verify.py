"""What of Waterbirds is on disk, and what is wrong with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from pyadvspur import pixels
from pyadvspur.benchmarks.material import MARK
from pyadvspur.benchmarks.waterbirds.layout import COUNTS, GROUPS, METADATA, NEEDED, SPLITS
from pyadvspur.benchmarks.waterbirds.metadata import Metadata

if TYPE_CHECKING:
    import pandas

_SHOWN = 5
_AT_A_TIME = 256


def verify(root: Path, found: Metadata) -> pandas.DataFrame:
    """Rows item, expected, found, ok, note: the copy, the csv and its problems, twelve group counts, files there, files
    readable."""
    import pandas as pd

    expected, first = _expected(root)
    rows = [first]
    columns = [name for name in NEEDED if name in found.columns]
    whole = len(columns) == len(NEEDED)
    rows.append(
        (f"{METADATA}, columns", len(NEEDED), len(columns), whole, "" if whole else found.problems[0])
    )
    problems = found.problems if whole else found.problems[1:]
    rows.append((f"{METADATA}, problems", 0, len(problems), not problems, "; ".join(problems[:_SHOWN])))
    for split in SPLITS:
        groups = [e.group for e in found.entries if e.split == split]
        for g, name in enumerate(GROUPS):
            wanted, there = expected[split][g], groups.count(g)
            note = "" if wanted == there else "another number of images than published"
            rows.append((f"{split}, {name}", wanted, there, wanted == there, note))
    paths = {e.path: root / e.path for e in found.entries}
    missing = [name for name, path in paths.items() if not path.is_file()]
    n = len(paths)
    rows.append(("files, there", n, n - len(missing), not missing, ", ".join(missing[:_SHOWN])))
    there = [path for name, path in paths.items() if name not in set(missing)]
    small, broken = pixels.preprocessing("pil-bilinear-8x8"), []
    for start in range(0, len(there), _AT_A_TIME):
        _, errors = pixels.read_images(there[start : start + _AT_A_TIME], small)
        broken += [text for text in errors if text]
    readable = len(there) - len(broken)
    rows.append(("files, readable", len(there), readable, not broken, "; ".join(broken[:_SHOWN])))
    return pd.DataFrame(rows, columns=["item", "expected", "found", "ok", "note"])


def _expected(root: Path) -> tuple[dict[str, tuple[int, ...]], tuple]:
    """Images by split and group, as published or as a generated copy says of itself, and a row that says which."""
    mark = root / MARK
    if not mark.is_file():
        return dict(COUNTS), ("copy", "", "as published", True, str(root))
    try:
        counts = json.loads(mark.read_text(encoding="utf-8"))["counts"]
        expected = {split: tuple(int(n) for n in counts[split]) for split in SPLITS}
        if any(len(numbers) != len(GROUPS) for numbers in expected.values()):
            raise ValueError("four counts a split")
    except (OSError, ValueError, KeyError, TypeError) as error:
        return dict(COUNTS), ("copy", "", "damaged mark", False, f"{MARK}: {error}")
    return expected, ("copy", "", "generated sample", True, str(root))
