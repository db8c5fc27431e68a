"""What of Salient ImageNet is on disk, and what is wrong with it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from pyadvspur import pixels
from pyadvspur.benchmarks import material
from pyadvspur.benchmarks.salient import layout, masks
from pyadvspur.benchmarks.salient.features import FEATURES_PER_CLASS, N_CLASSES, spurious
from pyadvspur.benchmarks.salient.layout import ClassList
from pyadvspur.errors import AdvSpurError

if TYPE_CHECKING:
    import pandas

#: images of a class that are opened, with their masks: opening all of them would take hours
OPENED = 10
_SHOWN = 3
_THREADS = 4


def verify(
    root: Path,
    train: Path,
    wnids: Mapping[int, str],
    lists: Mapping[int, ClassList],
    wrong: Mapping[str, str],
) -> pandas.DataFrame:
    """Rows item, expected, found, ok, note. Every file must be there; some of every class are read."""
    import pandas as pd

    try:
        mark = material.read_mark(root)
        rows: list[tuple] = [("copy", "", "generated sample" if mark else "as published", True, str(root))]
    except AdvSpurError as error:
        mark, rows = None, [("copy", "", "damaged mark", False, str(error))]
    release = layout.release(lists.values())
    known = mark is not None or release in layout.RELEASES.values()
    rows.append(("release", "", release, known, "by the rows of most features"))
    classes = len(wnids) if mark else N_CLASSES
    absent = [f"class {k}" for k, wnid in wnids.items() if k not in lists and wnid not in wrong]
    rows.append(("classes", classes, len(lists), len(lists) == classes, _some(absent)))
    rows.append(("lists readable", len(lists) + len(wrong), len(lists), not wrong, _some(wrong.values())))
    rows += _pairs(lists, mark is not None)
    rows += _there(root, train, lists)
    rows += _readable(root, train, lists)
    return pd.DataFrame(rows, columns=["item", "expected", "found", "ok", "note"])


def _pairs(lists: Mapping[int, ClassList], sample: bool) -> list[tuple]:
    """Counts of core and spurious pairs, and how even their rows are."""
    found = [len(spurious().get(k, frozenset()) & set(c.features)) for k, c in lists.items()]
    total = sum(len(c.features) for c in lists.values())
    odd = [f"{c.wnid}: {len(c.features)}" for c in lists.values() if len(c.features) > FEATURES_PER_CLASS]
    all_spurious = sum(map(len, spurious().values()))
    whole = (FEATURES_PER_CLASS * N_CLASSES - all_spurious, all_spurious)
    rows = []
    for kind, count, most in (("core", total - sum(found), whole[0]), ("spurious", sum(found), whole[1])):
        # the larger release leaves out pairs whose masks failed validation
        note = (
            ""
            if sample or count == most
            else "pairs that did not pass validation are left out of the larger release"
        )
        rows.append((f"{kind} pairs", "" if sample else f"<= {most}", count, count <= most, note))
    rows.append(
        ("features a class", f"<= {FEATURES_PER_CLASS}", len(odd) or "as expected", not odd, _some(odd))
    )
    return rows


def _there(root: Path, train: Path, lists: Mapping[int, ClassList]) -> list[tuple]:
    """Whether every mask and every image has its file, by listing folders."""
    missing_masks, missing_images, n_masks, n_images = [], [], 0, 0
    for found in lists.values():
        for j, feature in enumerate(found.features):
            names = _names(root / found.wnid / f"feature_{feature}")
            wanted = [stem for stem, bits in found.bits.items() if bits >> j & 1]
            n_masks += len(wanted)
            missing_masks += [
                f"{found.wnid}/feature_{feature}/{s}" for s in wanted if f"{s}.JPEG" not in names
            ]
        names = _names(train / found.wnid)
        n_images += len(found.bits)
        missing_images += [f"{found.wnid}/{s}" for s in found.bits if f"{s}.JPEG" not in names]
    return [
        ("masks there", n_masks, n_masks - len(missing_masks), not missing_masks, _some(missing_masks)),
        ("images there", n_images, n_images - len(missing_images), not missing_images, _some(missing_images)),
    ]


def _readable(root: Path, train: Path, lists: Mapping[int, ClassList]) -> list[tuple]:
    """Opens the first images of every class, and every mask of theirs that is there."""
    chosen = [(found, stem) for found in lists.values() for stem in list(found.bits)[:OPENED]]
    images = [layout.image_path(train, found.wnid, stem) for found, stem in chosen]
    paths = [
        layout.mask_path(root, found.wnid, feature, stem)
        for found, stem in chosen
        for j, feature in enumerate(found.features)
        if found.bits[stem] >> j & 1
    ]
    bad_images, bad_masks, empty = [], [], []

    def image(path) -> None:
        try:
            pixels.read_rgb(path)
        except AdvSpurError as error:
            bad_images.append(str(error))

    def mask(path) -> None:
        try:
            shown, _ = masks.read([path], masks.SIDE, grown=False, legacy_alignment=False)
            if not shown.any():
                empty.append(f"{path.parent.parent.name}/{path.parent.name}/{path.stem}")
        except AdvSpurError as error:
            bad_masks.append(str(error))

    with ThreadPoolExecutor(_THREADS) as pool:
        images = [path for path in images if path.is_file()]
        paths = [path for path in paths if path.is_file()]
        list(pool.map(image, images))
        list(pool.map(mask, paths))
    some = f"first {OPENED} of each class"
    rows = [
        (
            f"images readable ({some})",
            len(images),
            len(images) - len(bad_images),
            not bad_images,
            _some(sorted(bad_images)),
        ),
        (
            f"masks readable ({some})",
            len(paths),
            len(paths) - len(bad_masks),
            not bad_masks,
            _some(sorted(bad_masks)),
        ),
    ]
    note = _some(sorted(empty)) + " (left out of measures where no other mask of theirs is there)" * bool(
        empty
    )
    rows.append(("masks with something in them", len(paths), len(paths) - len(empty), True, note))
    return rows


def _names(folder) -> set[str]:
    try:
        with os.scandir(folder) as entries:
            return {entry.name for entry in entries}
    except OSError:
        return set()


def _some(texts: Iterable[str]) -> str:
    texts = list(texts)
    more = f" and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
    return "; ".join(texts[:_SHOWN]) + more
