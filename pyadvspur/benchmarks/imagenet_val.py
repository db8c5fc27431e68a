"""ImageNet's validation images, for benchmarks that compare with them: val/<wnid>/ILSVRC2012_val_<number>.JPEG."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pyadvspur.errors import bad

PER_CLASS = 50
_WNID = re.compile(r"n\d{8}")
_PLACES = ("val", "validation", "ILSVRC2012/val", "Data/CLS-LOC/val", "ILSVRC/Data/CLS-LOC/val", ".")
_SUFFIXES = (".jpeg", ".jpg", ".png")
_HOW = (
    "Sort them first: `torchvision.datasets.ImageNet(DIR, split='val')` does it from ILSVRC2012_img_val.tar and "
    "ILSVRC2012_devkit_t12.tar.gz in DIR, and leaves DIR/val/<wnid>/*.JPEG."
)


class ValImage(NamedTuple):
    """One image: its sample's id, the position of its class in the classes asked for, where it is."""

    id: int
    position: int
    path: Path


def find(root: str | Path, where: str = "benchmarks.imagenet_val") -> Path:
    """The folder that holds <wnid>/ folders of validation images: `root`, its `val`, or Kaggle's Data/CLS-LOC/val.

    Raises AdvSpurError where there is none; where images lie there unsorted, it says how to sort them.
    """
    root = Path(root).expanduser()
    flat = None
    for place in _PLACES:
        folder = root / place
        if not folder.is_dir():
            continue
        names = [path.name for path in folder.iterdir()]
        if any(_WNID.fullmatch(name) for name in names):
            return folder
        if any(name.startswith("ILSVRC2012_val_") for name in names):
            flat = folder
    takes = "a folder with val/<wnid>/*.JPEG"
    if flat is not None:
        raise bad(where, "imagenet", f"{str(flat)!r}, images without class folders", takes, _HOW)
    raise bad(where, "imagenet", repr(str(root)), takes)


def entries(folder: Path, wnids: Sequence[str]) -> list[ValImage]:
    """The images of some classes, by turns through them, files sorted by name. folder: what `find` gave.

    An image's id comes from its file name, which ImageNet never uses twice; in a copy that does, also from its folder.
    """
    found = []
    for position, wnid in enumerate(wnids):
        inside = folder / wnid
        files = inside.iterdir() if inside.is_dir() else ()
        images = sorted(
            path
            for path in files
            if path.suffix.lower() in _SUFFIXES and not path.name.startswith(".") and path.is_file()
        )
        found += [(turn, position, path) for turn, path in enumerate(images)]
    found.sort(key=lambda entry: entry[:2])
    keys = [path.stem for _, _, path in found]
    if len(set(keys)) < len(keys):
        keys = [f"{path.parent.name}/{path.name}" for _, _, path in found]
    return [
        ValImage(_number(f"imagenet/{key}"), position, path) for key, (_, position, path) in zip(keys, found)
    ]


def _number(key: str) -> int:
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "little") >> 1
