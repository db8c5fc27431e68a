"""ImageNet-9, the backgrounds challenge: nine classes, foregrounds and backgrounds taken apart and mixed.

Layout, as the data's authors ship it: <root>/<variation>/val/<class directory>/<name>.JPEG, 224x224, and
<root>/fg_mask/val/<class directory>/<name>.npy, (H, W) of 0 and 1, for the images of `original`. Variations that are
not there are left out, with the measures that need them.

Source: Xiao, Engstrom, Ilyas & Madry, "Noise or Signal", ICLR 2021.
"""

from __future__ import annotations

import hashlib
import json
import re
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from pyadvspur.benchmarks.base import Batch, Benchmark, Condition
from pyadvspur.benchmarks.decode import read_rgb
from pyadvspur.benchmarks.imagenet9.classes import DIRECTORIES, NAMES, class_of_output
from pyadvspur.benchmarks.imagenet9.layout import PER_CLASS, READERS, SIZE, VARIATIONS
from pyadvspur.benchmarks.material import MARK
from pyadvspur.errors import AdvSpurError, bad, unknown
from pyadvspur.metrics import Measure

if TYPE_CHECKING:
    import pandas

    from pyadvspur.labels import LabelMap

_SUFFIXES = (".jpeg", ".jpg", ".png")
_OBJECT = re.compile(r"fg_?.*?(n\d{8}_\d+)|(n\d{8}_\d+)")


class ImageNet9(Benchmark):
    """Nine classes, 450 images each in every variation; models with 1,000 outputs or with nine.

    root: the folder that holds the variations (or `bg_challenge` with them). size: height and width of the images;
    files of another size are resized on the shorter side and cut at the centre.
    Samples are ordered by turns through the classes, so that a limit keeps them balanced. A sample's id comes from
    the name of the object it shows, so variations of one object are compared in pairs.
    """

    name = "imagenet9"
    class_names = NAMES
    attacked = ("original", "mixed_same", "mixed_rand")

    def __init__(self, root: str | Path, size: int = SIZE) -> None:
        self.root = Path(root).expanduser()
        if (self.root / "bg_challenge").is_dir():
            self.root = self.root / "bg_challenge"
        self.input_size = size
        present = [v for v in VARIATIONS if (self.root / v / "val").is_dir()]
        if not present:
            raise bad(
                "benchmarks.ImageNet9", "root", repr(str(root)),
                f"the folder that holds {', '.join(VARIATIONS[:3])}, ... each with val/<class directory>/",
                "`advspur datasets sample imagenet9 DIR` writes a small one.",
            )  # fmt: skip
        self.conditions = tuple(Condition(variation, variation) for variation in present)
        self.attacked = tuple(v for v in type(self).attacked if v in present)
        self.measures = _measures(present)

    def size(self, source: str) -> int:
        return len(self._files(source))

    def read(self, source: str, start: int, stop: int) -> Batch:
        """Samples of a variation; masks come with `original` where fg_mask is there."""
        self.check_range(source, start, stop)
        chosen = self._files(source)[start:stop]
        with ThreadPoolExecutor(READERS) as pool:
            images = list(pool.map(lambda entry: read_rgb(entry[2], self.input_size), chosen))
        masks = None
        if source == "original" and (self.root / "fg_mask" / "val").is_dir():
            masks = torch.from_numpy(np.stack([self._mask(entry[2]) for entry in chosen]))
        n, side = len(chosen), self.input_size
        return Batch(
            ids=torch.tensor([entry[0] for entry in chosen], dtype=torch.int64),
            images=torch.from_numpy(np.stack(images))
            if n
            else torch.empty(0, side, side, 3, dtype=torch.uint8),
            masks=masks,
            labels=torch.tensor([entry[1] for entry in chosen], dtype=torch.int64),
            groups=torch.full((n,), -1, dtype=torch.int64),
        )

    def label_map(self, n_outputs: int) -> LabelMap:
        """Nine outputs are the classes. Of 1,000, all compete; one that belongs to no class is always wrong."""
        from pyadvspur.labels import LabelMap

        if n_outputs == len(NAMES):
            return LabelMap.identity(n_outputs)
        if n_outputs == 1000:
            return LabelMap.many_to_one(class_of_output())
        raise bad("benchmarks.imagenet9", "n_outputs", n_outputs, "1000 (ImageNet's) or 9 (the classes)")

    def fingerprint(self) -> str:
        """SHA-256 over the variations' file names and sizes in bytes; reading every pixel would take minutes."""
        digest = hashlib.sha256(f"imagenet9 {self.input_size}".encode())
        for condition in self.conditions:
            for sample, label, path in self._files(condition.source):
                digest.update(
                    f"{condition.source}/{label}/{path.name} {sample} {path.stat().st_size}\n".encode()
                )
        return digest.hexdigest()

    def verify(self) -> pandas.DataFrame:
        """Counts, class directories, masks, and whether every file can be read; reads every file once."""
        from pyadvspur.benchmarks.imagenet9.verify import verify

        return verify(self)

    # files

    @cached_property
    def _listed(self) -> dict[str, list[tuple[int, int, Path]]]:
        return {}

    def _files(self, source: str) -> list[tuple[int, int, Path]]:
        """(id, label, path) of a variation's samples, in their order."""
        if source not in [condition.source for condition in self.conditions]:
            raise unknown("benchmarks.imagenet9", "source", source, [c.source for c in self.conditions])
        if source not in self._listed:
            entries = []
            for label, directory in enumerate(DIRECTORIES):
                folder = self.root / source / "val" / directory
                files = (
                    sorted(p for p in folder.glob("*") if p.suffix.lower() in _SUFFIXES)
                    if folder.is_dir()
                    else []
                )
                entries += [(turn, label, path) for turn, path in enumerate(files)]
            entries.sort(key=lambda entry: entry[:2])
            self._listed[source] = _with_ids(entries)
        return self._listed[source]

    def _mask(self, image: Path) -> np.ndarray:
        path = self.root / "fg_mask" / "val" / image.parent.name / f"{image.stem}.npy"
        return read_mask(path, self.input_size)

    def expected_per_class(self) -> int:
        """450, or what a generated copy says of itself."""
        mark = self.root / MARK
        return int(json.loads(mark.read_text())["per_class"]) if mark.is_file() else PER_CLASS

    def __getstate__(self) -> dict:
        return {key: value for key, value in vars(self).items() if key != "_listed"}


def read_mask(path: Path, size: int) -> np.ndarray:
    """uint8 (size, size), 255 = foreground, from a (H, W) array of 0 and 1. Pickled arrays are refused."""
    try:
        mask = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise AdvSpurError(f"benchmarks: mask {str(path)!r} cannot be read ({error})") from error
    if mask.ndim != 2 or mask.dtype.kind not in "biuf" or not np.isin(mask, (0, 1)).all():
        raise bad(
            "benchmarks.imagenet9", str(path), f"{mask.dtype} {mask.shape}", "a (H, W) array of 0 and 1"
        )
    if mask.shape != (size, size):
        # nearest pixel of the image that `read_rgb` would give
        height, width = mask.shape
        scale = min(height, width) / size
        rows = ((np.arange(size) + 0.5) * scale + (height - size * scale) / 2).astype(int)
        columns = ((np.arange(size) + 0.5) * scale + (width - size * scale) / 2).astype(int)
        mask = mask[np.ix_(rows.clip(0, height - 1), columns.clip(0, width - 1))]
    return (mask > 0).astype(np.uint8) * 255


def _with_ids(entries: list[tuple[int, int, Path]]) -> list[tuple[int, int, Path]]:
    """Number samples by the object their name names; by the whole name where objects repeat."""
    keys = []
    for _, label, path in entries:
        found = _OBJECT.search(path.stem)
        keys.append(f"{label}/{(found.group(1) or found.group(2)) if found else path.stem}")
    if len(set(keys)) < len(keys):
        keys = [f"{label}/{path.stem}" for _, label, path in entries]
    return [(_number(key), label, path) for key, (_, label, path) in zip(keys, entries)]


def _number(key: str) -> int:
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "little") >> 1


def _measures(present: list[str]) -> tuple[Measure, ...]:
    found = [Measure("accuracy", f"accuracy {variation}", condition=variation) for variation in present]
    if {"mixed_same", "mixed_rand"} <= set(present):
        found.append(Measure("bg_gap", "BG-gap", same="mixed_same", rand="mixed_rand"))
        found.append(Measure("relative_gap", "BG-gap, relative", same="mixed_same", rand="mixed_rand"))
    for variation in ImageNet9.attacked:
        if variation in present:
            found.append(Measure("robust_accuracy", f"robust accuracy {variation}", condition=variation))
    return tuple(found)
