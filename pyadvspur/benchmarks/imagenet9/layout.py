"""How a copy of ImageNet-9 lies on disk: names, numbers, files, ids, masks."""

from __future__ import annotations

import hashlib
import io
import json
import math
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pyadvspur.benchmarks.imagenet9.classes import DIRECTORIES
from pyadvspur.benchmarks.material import MARK
from pyadvspur.errors import AdvSpurError

VARIATIONS = (
    "original", "mixed_same", "mixed_rand", "mixed_next", "only_fg", "only_bg_b", "only_bg_t", "no_fg",
)  # fmt: skip
MASKS = "fg_mask"
PER_CLASS = 450
SIZE = 224
_SUFFIXES = (".jpeg", ".jpg", ".png")
_OBJECT = re.compile(r"fg_?.*?(n\d{8}_\d+)|(n\d{8}_\d+)")


class Entry(NamedTuple):
    """One file of a variation: its sample's id, its class, where it is."""

    id: int
    label: int
    path: Path


def entries(root: Path, variation: str) -> list[Entry]:
    """A variation's samples by turns through the classes, files sorted by name.

    A sample's id is that of the object which its file name names (what follows `fg_` where two are named), so that
    variations of one object are compared in pairs. Where an object repeats within a variation, the first file has its
    id, and the ids of the others come from their whole names.
    """
    found = []
    for label, directory in enumerate(DIRECTORIES):
        folder = root / variation / "val" / directory
        files = folder.iterdir() if folder.is_dir() else ()
        images = sorted(path for path in files if _is_image(path))
        found += [(turn, label, path) for turn, path in enumerate(images)]
    found.sort(key=lambda entry: entry[:2])
    entries, seen = [], set()
    for _, label, path in found:
        key = f"{label}/{_object(path.stem)}"
        key = f"{label}/{path.name}" if key in seen else key
        seen.add(key)
        entries.append(Entry(_number(key), label, path))
    return entries


def expected_per_class(root: Path) -> int:
    """450, or what a generated copy says of itself. Raises what a damaged mark raises."""
    mark = root / MARK
    return int(json.loads(mark.read_text())["per_class"]) if mark.is_file() else PER_CLASS


def mask_path(root: Path, image: Path) -> Path:
    """The mask of an image of `original`."""
    return root / MASKS / "val" / image.parent.name / f"{image.stem}.npy"


def read_mask(path: Path) -> np.ndarray:
    """uint8 (H, W), 255 = foreground, from a (H, W) array of 0 and 1. Pickled arrays are refused.

    Raises AdvSpurError that names the file.
    """
    try:
        mask = _read_npy(path)
    except (OSError, ValueError, EOFError) as error:
        raise AdvSpurError(f"benchmarks: mask {str(path)!r} cannot be read ({error})") from error
    if mask.ndim != 2 or mask.dtype.kind not in "biuf" or not np.isin(mask, (0, 1)).all():
        raise AdvSpurError(
            f"benchmarks: mask {str(path)!r} is {mask.dtype} {mask.shape}, not a (H, W) array of 0 and 1"
        )
    return (mask > 0).astype(np.uint8) * 255


def _read_npy(path: Path) -> np.ndarray:
    """An array from a file, looking at what its header claims before anything is allocated. Raises ValueError."""
    data = path.read_bytes()
    file = io.BytesIO(data)
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"version {version} of the npy format")
    header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = header(file)
    if dtype.hasobject:
        raise ValueError("it holds pickled objects, which are never loaded")
    left, claimed = len(data) - file.tell(), math.prod(shape) * dtype.itemsize
    if left != claimed or not left:
        raise ValueError(f"its header claims {claimed} bytes, it holds {left}")
    return np.frombuffer(data, dtype, offset=file.tell()).reshape(shape, order="F" if fortran else "C")


def _is_image(path: Path) -> bool:
    # archives made on macOS hold a "._name" beside every file
    return path.suffix.lower() in _SUFFIXES and not path.name.startswith(".") and path.is_file()


def _object(stem: str) -> str:
    found = _OBJECT.search(stem)
    return (found.group(1) or found.group(2)) if found else stem


def _number(key: str) -> int:
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "little") >> 1
