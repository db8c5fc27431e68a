"""ImageNet-9, the backgrounds challenge: nine classes, foregrounds and backgrounds taken apart and mixed.

Layout, as the data's authors ship it: <root>/<variation>/val/<class directory>/<name>.JPEG, 224x224, and
<root>/fg_mask/val/<class directory>/<name>.npy, (H, W) of 0 and 1, for the images of `original`. Variations that are
not there are left out, with the measures that need them.

Source: Xiao, Engstrom, Ilyas & Madry, "Noise or Signal", ICLR 2021.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from pyadvspur import masking, pixels
from pyadvspur.benchmarks.base import Batch, Benchmark, Condition
from pyadvspur.benchmarks.imagenet9.classes import NAMES, class_of_output
from pyadvspur.benchmarks.imagenet9.layout import (
    MASKS,
    SIZE,
    VARIATIONS,
    Entry,
    entries,
    mask_path,
    read_mask,
)
from pyadvspur.errors import AdvSpurError, bad, unknown
from pyadvspur.metrics import Measure

if TYPE_CHECKING:
    import pandas

    from pyadvspur.benchmarks.imagenet9.challenge import Challenge
    from pyadvspur.labels import LabelMap

PREPROCESSING = f"exact-{SIZE}"


class ImageNet9(Benchmark):
    """Nine classes, 450 images each in every variation; models with 1,000 outputs or with nine.

    root: the folder that holds the variations (or `bg_challenge` with them). preprocessing: None = "exact-224": the
    files are shown as they are, and one of another size is an error. size: None, or another side to which that is
    scaled. noise: None, or a standard deviation in [0,1] pixel units: also shows `original` with Gaussian noise on and
    off the object's mask, and measures RFS.
    Samples are ordered by turns through the classes, so that a limit keeps them balanced. A sample's id comes from
    the name of the object it shows, so variations of one object are compared in pairs.

    A model with nine outputs brings its own normalisation (see `classes.MEAN`), as every model does.
    """

    name = "imagenet9"
    class_names = NAMES
    attacked = ("original", "mixed_same", "mixed_rand")
    shown = tuple(f"accuracy {v}" for v in ("mixed_same", "mixed_rand", "only_fg", "only_bg_t"))
    homepage = "https://github.com/MadryLab/backgrounds_challenge"
    licence = "none stated; images derive from ImageNet, whose terms apply; do not redistribute"

    def __init__(
        self,
        root: str | Path,
        *,
        preprocessing: str | None = None,
        size: int | None = None,
        noise: float | None = None,
    ) -> None:
        self.root = Path(root).expanduser()
        if (self.root / "bg_challenge").is_dir():
            self.root = self.root / "bg_challenge"
        chosen = pixels.preprocessing(preprocessing or PREPROCESSING)
        self._preprocessing = chosen.scaled(size) if size is not None else chosen
        self.preprocessing, self.input_size = self._preprocessing.name, self._preprocessing.size
        present = [v for v in VARIATIONS if (self.root / v / "val").is_dir()]
        if not present:
            raise bad(
                "benchmarks.ImageNet9", "root", repr(str(root)),
                f"the folder that holds {', '.join(VARIATIONS[:3])}, ... each with val/<class directory>/",
                "`advspur datasets sample imagenet9 DIR` writes a small one.",
            )  # fmt: skip
        self.has_masks = "original" in present and (self.root / MASKS / "val").is_dir()
        noisy = self._noisy(noise) if noise is not None else ()
        self.conditions = (*(Condition(variation, variation) for variation in present), *noisy)
        self.attacked = tuple(v for v in type(self).attacked if v in present)
        self.measures = _measures(present, noisy)
        self._listed: dict[str, list[Entry]] = {}

    def _noisy(self, std: float) -> tuple[Condition, ...]:
        if not self.has_masks:
            raise bad("benchmarks.ImageNet9", "noise", std, "None where `original` or `fg_mask` is not there")
        variants = [masking.noise(region, std=std) for region in ("foreground", "background")]
        return tuple(Condition(f"original/{variant.name}", "original", variant) for variant in variants)

    def size(self, source: str) -> int:
        return len(self.entries(source))

    def read(self, source: str, start: int, stop: int) -> Batch:
        """Samples of a variation; masks come with `original` where fg_mask is there, 255 = foreground, no values
        between. An image or a mask that cannot be read is in `errors`."""
        self.check_range(source, start, stop)
        chosen = self.entries(source)[start:stop]
        images, errors = pixels.read_images([entry.path for entry in chosen], self._preprocessing)
        masks = None
        if source == "original" and self.has_masks:
            masks, errors = self._masks(chosen, images, errors)
        return Batch(
            ids=torch.tensor([entry.id for entry in chosen], dtype=torch.int64),
            images=torch.from_numpy(images),
            masks=masks,
            labels=torch.tensor([entry.label for entry in chosen], dtype=torch.int64),
            groups=torch.full((len(chosen),), -1, dtype=torch.int64),
            errors=errors,
        )

    def _masks(
        self, chosen: list[Entry], images: np.ndarray, errors: tuple[str, ...]
    ) -> tuple[torch.Tensor, tuple[str, ...]]:
        masks, texts = np.zeros(images.shape[:3], np.uint8), list(errors)
        for k, entry in enumerate(chosen):
            try:
                if not texts[k]:
                    masks[k] = self.mask(entry)
            except AdvSpurError as error:
                texts[k] = str(error)
                images[k] = 0
        return torch.from_numpy(masks), tuple(texts)

    def mask(self, entry: Entry) -> np.ndarray:
        """The mask of a sample of `original`: uint8 (size, size), 0 or 255. Raises AdvSpurError naming its file."""
        path = mask_path(self.root, entry.path)
        try:
            return np.where(self._preprocessing.mask(read_mask(path)) >= 128, 255, 0).astype(np.uint8)
        except AdvSpurError as error:
            raise AdvSpurError(
                str(error) if str(path) in str(error) else f"{str(path)!r}: {error}"
            ) from error

    def label_map(self, n_outputs: int, name: str = "") -> LabelMap:
        """Nine outputs are the classes. Of 1,000, all compete; one that belongs to no class is always wrong."""
        if n_outputs not in (len(NAMES), 1000):
            raise bad("benchmarks.imagenet9", "n_outputs", n_outputs, "1000 (ImageNet's) or 9 (the classes)")
        return _label_map(n_outputs)

    def fingerprint(self) -> str:
        """SHA-256 over the variations' file names and sizes in bytes; reading every pixel would take minutes."""
        digest = hashlib.sha256(f"imagenet9 {self.preprocessing}".encode())
        for source in self._sources():
            for number, label, path in self.entries(source):
                size = path.stat().st_size
                digest.update(f"{source}/{label}/{path.name} {number} {size}\n".encode())
        return digest.hexdigest()

    def verify(self) -> pandas.DataFrame:
        """Counts, class directories, pairs, masks, and whether every file can be read; reads every file once."""
        from pyadvspur.benchmarks.imagenet9.verify import verify

        found = {source: self.entries(source) for source in self._sources()}
        return verify(self.root, found, self._preprocessing, self.mask if self.has_masks else None)

    def challenge(self, model: torch.nn.Module | str, **options: Any) -> Challenge:
        """The adversarial-background challenge: see `imagenet9.challenge.challenge`."""
        from pyadvspur.benchmarks.imagenet9.challenge import challenge

        return challenge(model, self, **options)

    def entries(self, source: str) -> list[Entry]:
        """(id, label, path) of a variation's samples, in their order."""
        if source not in self._sources():
            raise unknown("benchmarks.imagenet9", "source", source, self._sources())
        if source not in self._listed:
            self._listed[source] = entries(self.root, source)
        return self._listed[source]

    def _sources(self) -> dict[str, None]:
        """The variations that are there, in order."""
        return dict.fromkeys(condition.source for condition in self.conditions)

    def __getstate__(self) -> dict:
        return {**vars(self), "_listed": {}}


@cache
def _label_map(n_outputs: int) -> LabelMap:
    from pyadvspur.labels import LabelMap

    return LabelMap.identity(9) if n_outputs == 9 else LabelMap.many_to_one(class_of_output())


def _measures(present: list[str], noisy: tuple[Condition, ...]) -> tuple[Measure, ...]:
    found = [Measure("accuracy", f"accuracy {variation}", condition=variation) for variation in present]
    if {"mixed_same", "mixed_rand"} <= set(present):
        found.append(Measure("bg_gap", "BG-gap", same="mixed_same", rand="mixed_rand"))
        found.append(Measure("relative_gap", "BG-gap, relative", same="mixed_same", rand="mixed_rand"))
    if noisy:
        on, off = (condition.name for condition in noisy)
        found.append(Measure("rfs", "RFS", fg=on, bg=off))
    for variation in ImageNet9.attacked:
        if variation in present:
            found.append(Measure("robust_accuracy", f"robust accuracy {variation}", condition=variation))
    return tuple(found)
