"""Where Salient ImageNet's files lie, and what its lists say. Nothing here runs code from a file.

<root>/wordnet_dict.py                   class -> wnid, a dict literal
<root>/<wnid>/image_names_map.csv        a column a feature: names of ImageNet training images, without ending
<root>/<wnid>/feature_<f>/<name>.JPEG    soft masks, grey, 224x224
<imagenet>/train/<wnid>/<name>.JPEG      the images themselves
"""

from __future__ import annotations

import ast
import csv
import io
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from pyadvspur.benchmarks.salient.features import N_CLASSES
from pyadvspur.errors import AdvSpurError, bad

WORDNET = "wordnet_dict.py"
MAP = "image_names_map.csv"
#: rows of a feature's column -> which release it is
RELEASES = {65: "ICLR 2022 (65 images a feature)", 260: "Salient ImageNet-1M (260 images a feature)"}
_LARGEST = 1 << 24  # bytes of a list that is read whole
_MOST = 60  # features of a class; five in every release
_WNID = re.compile(r"n\d{8}")
_STEM = re.compile(r"[\w.-]+")


class ClassList(NamedTuple):
    """What one class's csv lists: its features, the rows of each, and every image with the features it shows (bit j of
    `bits` = feature j of `features`)."""

    wnid: str
    features: tuple[int, ...]
    rows: tuple[int, ...]
    bits: dict[str, int]


def read_wordnet(path: Path) -> dict[int, str]:
    """Class -> wnid. Raises AdvSpurError that names the file."""
    try:
        found = ast.literal_eval(_text(path).strip())
    except (ValueError, SyntaxError, RecursionError, MemoryError) as error:
        raise AdvSpurError(
            f"benchmarks.salient: {str(path)!r} is no plain dict of classes ({type(error).__name__}); it is read as "
            "data, never run"
        ) from error
    if not isinstance(found, Mapping) or not found:
        raise AdvSpurError(f"benchmarks.salient: {str(path)!r} holds no dict of classes")
    for label, wnid in found.items():
        named = isinstance(wnid, str) and _WNID.fullmatch(wnid)
        if isinstance(label, bool) or not isinstance(label, int) or not 0 <= label < N_CLASSES or not named:
            raise AdvSpurError(
                f"benchmarks.salient: {str(path)!r} maps {label!r} to {wnid!r}, not a class (0 to 999) to a wnid"
            )
    return dict(found)


def read_map(folder: Path) -> ClassList:
    """The list of one class. Empty cells, blank lines and a nameless first column are skipped; names repeated in a
    column count once. Raises AdvSpurError that names the file."""
    path = folder / MAP
    lines = list(csv.reader(io.StringIO(_text(path), newline="")))
    header = [cell.strip() for cell in lines[0]] if lines else []
    places = {k: cell for k, cell in enumerate(header) if cell}
    if not places or not all(cell.isascii() and cell.isdecimal() for cell in places.values()):
        raise AdvSpurError(
            f"benchmarks.salient: {str(path)!r} begins with {','.join(header)[:60]!r}, not with the numbers of features"
        )
    features = tuple(int(cell) for cell in places.values())
    if len(set(features)) < len(features):
        raise AdvSpurError(f"benchmarks.salient: {str(path)!r} names a feature twice: {', '.join(header)}")
    if len(features) > _MOST:
        raise AdvSpurError(
            f"benchmarks.salient: {str(path)!r} has {len(features)} features, at most {_MOST} are taken"
        )
    bits: dict[str, int] = {}
    rows = [0] * len(features)
    for cells in lines[1:]:
        for j, k in enumerate(places):
            stem = cells[k].strip().removesuffix(".JPEG") if k < len(cells) else ""
            if not stem:
                continue
            if not _STEM.fullmatch(stem):
                raise AdvSpurError(f"benchmarks.salient: {str(path)!r} names {stem[:60]!r}, no file name")
            bits[stem] = bits.get(stem, 0) | 1 << j
            rows[j] += 1
    return ClassList(folder.name, features, tuple(rows), bits)


def folders(where: str, root: Path, imagenet: str | Path | None) -> tuple[Path, Path]:
    """The folder of masks and the one with a folder of images a class."""
    if imagenet is None and (root / "imagenet").is_dir():
        root, imagenet = root / "salient", root / "imagenet"
    if not (root / WORDNET).is_file():
        raise bad(
            where, "root", repr(str(root)), f"the folder with {WORDNET} and <wnid>/{MAP}",
            "`advspur datasets sample salient DIR` writes a small one.",
        )  # fmt: skip
    if imagenet is None:
        takes = "the folder that holds ImageNet's train/<wnid>/; masks come without images"
        raise bad(where, "imagenet", "nothing", takes, f"On the command line: salient={root}?imagenet=DIR.")
    given = Path(imagenet).expanduser()
    train = given / "train" if (given / "train").is_dir() else given
    if not train.is_dir() or not any(path.is_dir() for path in train.glob("n*")):
        raise bad(where, "imagenet", repr(str(given)), "the folder that holds ImageNet's train/<wnid>/")
    return root, train


def mask_path(root: Path, wnid: str, feature: int, stem: str) -> Path:
    return root / wnid / f"feature_{feature}" / f"{stem}.JPEG"


def image_path(train: Path, wnid: str, stem: str) -> Path:
    return train / wnid / f"{stem}.JPEG"


def release(lists: Iterable[ClassList]) -> str:
    """Which release a folder holds, by the rows of most features."""
    counts: dict[int, int] = {}
    for found in lists:
        for rows in found.rows:
            counts[rows] = counts.get(rows, 0) + 1
    if not counts:
        return "nothing"
    most = max(counts, key=lambda rows: (counts[rows], rows))
    return RELEASES.get(most, f"unknown ({most} images a feature)")


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _LARGEST:
            raise AdvSpurError(
                f"benchmarks.salient: {str(path)!r} is too large for a list ({_LARGEST} bytes)"
            )
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise AdvSpurError(
            f"benchmarks.salient: {str(path)!r} cannot be read ({error.strerror or error})"
        ) from error
    except UnicodeDecodeError as error:
        raise AdvSpurError(f"benchmarks.salient: {str(path)!r} is no text ({error.reason})") from error
