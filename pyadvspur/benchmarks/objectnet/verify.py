"""What of ObjectNet is on disk, and what is wrong with it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pyadvspur import pixels
from pyadvspur.benchmarks.imagenet_val import PER_CLASS
from pyadvspur.benchmarks.imagenet_wnids import WNIDS
from pyadvspur.benchmarks.material import MARK
from pyadvspur.benchmarks.objectnet import layout
from pyadvspur.benchmarks.objectnet.classes import FOLDERS, OUTPUTS, RESTRICTED
from pyadvspur.errors import AdvSpurError

if TYPE_CHECKING:
    import pandas

Source = tuple[Sequence[layout.Entry], pixels.Preprocessing]

_PART = 64  # images decoded at a time; they are large


def verify(root: Path, images: Path, sources: Mapping[str, Source]) -> pandas.DataFrame:
    """Rows item, expected, found, ok, note. Reads every image of the 113 classes once.

    images: the folder of the class folders. sources: entries and preprocessing of `objectnet`, and of `imagenet` where
    it is there."""
    import pandas as pd

    mark, rows = _mark(root)
    known, others = layout.class_folders(images)
    entries = sources["objectnet"][0]
    counts = Counter(entry.label for entry in entries)
    expected = mark.get("counts") or dict.fromkeys(FOLDERS)
    missing = [name for name in expected if not counts[FOLDERS.index(name)]]
    note = f"empty or not there: {_some(missing)}" if missing else ""
    rows.append(("class folders", len(expected), len(counts), len(counts) == len(expected), note))
    twice = [path.name for label, path in known if sum(label == k for k, _ in known) > 1]
    if twice:
        rows.append(("folders of one class", 0, len(twice), False, _some(twice)))
    total = sum(expected.values()) if mark else layout.IMAGES
    odd = [name for name, n in expected.items() if n and counts[FOLDERS.index(name)] != n]
    note = f"other counts in {_some(odd)}" if odd else _of_a_class(counts)
    rows.append(("images of these classes", total, len(entries), len(entries) == total, note))
    ignored = sum(len(layout.files(path)) for path in others)
    outside = mark.get("outside", layout.ALL_FOLDERS - len(FOLDERS))
    note = f"{ignored} images in them are left out: {_some([path.name for path in others])}"
    rows.append(("other folders", outside, len(others), len(others) == outside, note))
    rows += _mappings(root)
    rows.append(_readable("objectnet", *sources["objectnet"]))
    rows.append(_borders(entries))
    if "imagenet" in sources:
        rows += _imagenet(*sources["imagenet"], mark.get("imagenet"))
    return pd.DataFrame(rows, columns=["item", "expected", "found", "ok", "note"])


def _mark(root: Path) -> tuple[dict[str, Any], list[tuple]]:
    """What a generated copy says of itself, and the table's first row."""
    if not (root / MARK).is_file():
        return {}, [("copy", "", "as published", True, str(root))]
    try:
        mark = json.loads((root / MARK).read_text())
        counts = {name: int(n) for name, n in mark["counts"].items() if name in FOLDERS}
        held = {"counts": counts, "outside": int(mark["outside"]), "imagenet": dict(mark["imagenet"])}
        return held, [("copy", "", "generated sample", True, str(root))]
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        return {}, [("copy", "", "damaged mark", False, f"{MARK}: {error}")]


def _mappings(root: Path) -> list[tuple]:
    """The copy's own tables against ours: labels of our folders, and how many outputs each label has."""
    folder = root / layout.MAPPINGS
    if not folder.is_dir():
        return [("mappings", "", "not there", True, "not needed: the table is built in")]
    try:
        labels = json.loads((folder / "folder_to_objectnet_label.json").read_text())
        names = json.loads((folder / "objectnet_to_imagenet_1k.json").read_text())
        wrong = [
            name for name in FOLDERS if len(names.get(labels.get(name), "").split(";")) != len(OUTPUTS[name])
        ]
        wrong += [label for label in names if label not in {labels.get(name) for name in FOLDERS}]
    except (OSError, ValueError, AttributeError, TypeError) as error:
        return [("mappings", len(FOLDERS), "unreadable", False, f"{type(error).__name__}: {error}")]
    note = f"other than the built-in table: {_some(wrong)}" if wrong else ""
    return [("mappings", len(FOLDERS), len(names), not wrong and len(names) == len(FOLDERS), note)]


def _readable(source: str, entries: Sequence[layout.Entry], p: pixels.Preprocessing) -> tuple:
    broken = []
    for start in range(0, len(entries), _PART):
        paths = [entry.path for entry in entries[start : start + _PART]]
        errors = pixels.read_images(paths, p)[1]
        broken += [text for text in errors if text]
    whole = len(entries) - len(broken)
    return (f"{source}, readable", len(entries), whole, not broken, "; ".join(broken[:3]))


def _borders(entries: list[layout.Entry]) -> tuple:
    """Whether the first image of each class has its red border: mirrors may have cut it off, which changes little."""
    first = {entry.label: entry.path for entry in reversed(entries)}
    found = sum(_red(path) for path in first.values())
    note = "" if found == len(first) else "2 pixels are cut either way; shown online, images need the border"
    return ("red borders, first of each class", len(first), found, True, note)


def _red(path: Path) -> bool:
    try:
        image = pixels.read_rgb(path).astype(int)
    except AdvSpurError:
        return False
    edge = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    return bool((np.abs(edge - layout.RED).max(1) < 80).mean() > 0.9)


def _imagenet(
    entries: Sequence[layout.Entry], p: pixels.Preprocessing, sampled: dict[str, int] | None
) -> list[tuple]:
    found = Counter(entry.path.parent.name for entry in entries)
    expected = sampled or {WNIDS[output]: PER_CLASS for output in RESTRICTED}
    odd = [f"{wnid}: {found[wnid]}" for wnid in expected if found[wnid] != expected[wnid]]
    extra = [wnid for wnid in found if wnid not in expected]
    note = f"other counts in {_some(odd)}" if odd else f"also {_some(extra)}" * bool(extra)
    total = sum(expected.values())
    rows = [("imagenet, images", total, sum(found.values()), not odd and not extra, note)]
    return [*rows, _readable("imagenet", entries, p)]


def _of_a_class(counts: Counter) -> str:
    return f"{min(counts.values())} to {max(counts.values())} a class" if counts else ""


def _some(names: list[str]) -> str:
    return ", ".join(names[:4]) + (f", ... ({len(names)})" if len(names) > 4 else "")
