"""How a copy of ObjectNet lies on disk: folders, files, ids, and the numbers it should have."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

from pyadvspur.benchmarks.objectnet.classes import FOLDERS, folder_key
from pyadvspur.errors import bad

ALL_FOLDERS = 313
ALL_IMAGES = 50_273
IMAGES = 18_574  # in the 113 folders; the beta copy had 18,514
PREPROCESSING = "border2+pil-bilinear-256-224"
RED = (255, 0, 0)
MAPPINGS = "mappings"
_INNER = "objectnet-1.0"
_SUFFIXES = (".png", ".jpg", ".jpeg")
_LABELS = {folder: label for label, folder in enumerate(FOLDERS)}


class Entry(NamedTuple):
    """One image: its sample's id, its class, where it is."""

    id: int
    label: int
    path: Path


def find(root: Path) -> tuple[Path, Path]:
    """(the folder of the copy, the folder of its class folders): `root` may be either, or what holds objectnet-1.0.

    Raises AdvSpurError where none of the 113 folders is found.
    """
    for copy in (root, root / _INNER):
        for images in (copy / "images", copy):
            if images.is_dir() and any(folder_key(path.name) in _LABELS for path in images.iterdir()):
                return copy, images
    raise bad(
        "benchmarks.ObjectNet", "root", repr(str(root)),
        f"the folder that holds images/<class folder>/*.png, or {_INNER}/images",
        "`advspur datasets sample objectnet DIR` writes a small one.",
    )  # fmt: skip


def class_folders(images: Path) -> tuple[list[tuple[int, Path]], list[Path]]:
    """(label, folder) of the folders that ImageNet knows, in order of labels, and the other folders."""
    known, others = [], []
    for path in sorted(images.iterdir()):
        if path.is_dir() and not path.name.startswith("."):
            label = _LABELS.get(folder_key(path.name))
            if label is None:
                others.append(path)
            else:
                known.append((label, path))
    return sorted(known), others


def files(folder: Path) -> list[Path]:
    """The images of a class folder, sorted by name. Hidden files (macOS archives hold "._name") are none."""
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in _SUFFIXES and not path.name.startswith(".") and path.is_file()
    )


def entries(images: Path) -> list[Entry]:
    """All images of the 113 classes by turns through them. An id comes from class and file name, and from the folder's
    own name where two folders of one class hold a file of one name."""
    found, turns = [], [0] * len(FOLDERS)
    for label, folder in class_folders(images)[0]:
        for path in files(folder):
            found.append((turns[label], label, path))
            turns[label] += 1
    found.sort(key=lambda entry: entry[:2])
    keys = [f"{FOLDERS[label]}/{path.name}" for _, label, path in found]
    if len(set(keys)) < len(keys):
        keys = [f"{path.parent.name}/{path.name}" for _, _, path in found]
    return [Entry(_number(key), label, path) for key, (_, label, path) in zip(keys, found)]


def _number(key: str) -> int:
    return int.from_bytes(hashlib.sha256(f"objectnet/{key}".encode()).digest()[:8], "little") >> 1
