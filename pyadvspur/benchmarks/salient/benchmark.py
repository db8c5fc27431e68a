"""Salient ImageNet(-1M): soft masks of core and spurious features; does a model answer by the one or by the other?

Two published evaluations. ICLR 2022: noise on the union of a class's core features gives its spurious accuracy; noise
on the union of its spurious features, on other images, gives its core accuracy. CoRM: the core mask, widened, splits
each image; noise off it gives core accuracy, noise on it spurious accuracy, and the two give RCS.

Masks were made with an l2-robust ResNet-50, so they may favour features that robust networks use; images are ImageNet's
training images. Both speak for comparing RCS, not levels. Details: docs/benchmarks/salient.md.

Sources: Singla & Feizi, "Salient ImageNet", ICLR 2022; Singla, Moayeri & Feizi, "Core Risk Minimization using Salient
ImageNet", 2022 (arXiv 2203.15566).
"""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from pyadvspur import pixels
from pyadvspur.benchmarks import mask_state, material
from pyadvspur.benchmarks.base import Batch, Benchmark
from pyadvspur.benchmarks.salient import layout, masks
from pyadvspur.benchmarks.salient.features import N_CLASSES
from pyadvspur.benchmarks.salient.index import Index, index
from pyadvspur.benchmarks.salient.plan import STYLES, plan
from pyadvspur.errors import AdvSpurError, bad, unknown

if TYPE_CHECKING:
    import pandas

    from pyadvspur.labels import LabelMap

_THREADS = 8


class SalientImageNet(Benchmark):
    """Core against spurious features, class by class: RCS, core and spurious accuracy in both published ways.

    root: the folder of masks, with wordnet_dict.py. imagenet: the folder with ImageNet's train/<wnid>/ images; default:
    `imagenet` beside the masks, if root holds both as `salient` and `imagenet`.
    style: "iclr", "corm" or "both". trials: noise draws. std: of the noise, per pixel, in [0,1] pixel units.
    legacy_alignment: masks are 8/7 too large, as in the ICLR 2022 loader; to compare with its numbers only.
    preprocessing: of the images, one that resizes the shorter side and cuts the centre 7/8, which is what masks were
    made for. size: the same at another side; masks follow.

    Sources: "core" (images with a core feature, mask = their union), "spurious" (the same for spurious features),
    "dilated" (images of "core" with the widened mask, float in [0,1]). One image has one id in all of them. Groups say
    whether a mask is usable (`mask_state`).
    """

    name = "salient"
    attack_size = 2000
    group_names = mask_state.NAMES
    homepage = "https://github.com/singlasahil14/salient_imagenet"
    licence = "research and non-profit use only, no redistribution (University of Maryland); images: ImageNet's terms"

    def __init__(
        self,
        root: str | Path,
        imagenet: str | Path | None = None,
        *,
        style: str = "both",
        trials: int = 5,
        std: float = 0.25,
        legacy_alignment: bool = False,
        preprocessing: str | None = None,
        size: int | None = None,
    ) -> None:
        where = "benchmarks.SalientImageNet"
        if style not in STYLES:
            raise unknown(where, "style", style, STYLES)
        if isinstance(trials, bool) or not isinstance(trials, int) or trials < 1:
            raise bad(where, "trials", repr(trials), "an integer >= 1")
        if not isinstance(legacy_alignment, bool):
            raise bad(where, "legacy_alignment", repr(legacy_alignment), "true or false")
        self.root, self.train = layout.folders(where, Path(root).expanduser(), imagenet)
        how = pixels.preprocessing(preprocessing or masks.VIEW)
        if how.border or how.square or how.resize is None or abs(how.resize * 7 / 8 - how.size) > 1:
            raise bad(
                where,
                "preprocessing",
                repr(how.name),
                f"one with the view of the masks, such as {masks.VIEW!r}",
            )
        self._how = how if size is None else how.scaled(size)
        self.preprocessing, self.input_size = self._how.name, self._how.size
        self._legacy = legacy_alignment
        self.wnids = layout.read_wordnet(self.root / layout.WORDNET)
        if not any(self.listed):
            raise bad(
                where,
                "root",
                repr(str(self.root)),
                f"a folder with <wnid>/{layout.MAP} of at least one class",
            )
        self.class_names = tuple(self.wnids.get(label, f"class {label}") for label in range(N_CLASSES))
        self.conditions, self.measures = plan(style, trials, std)
        self.shown = tuple(m.name for m in self.measures if m.kind != "robust_accuracy")
        self.attacked = (next(c.name for c in self.conditions if c.variant.kind == "clean"),)

    @property
    def release(self) -> str:
        """Which release of the masks this is, by counting rows."""
        return layout.release(self.listed[0].values())

    def size(self, source: str) -> int:
        return len(self._rows(source))

    def read(self, source: str, start: int, stop: int) -> Batch:
        """Samples of a source. An unreadable image or mask is an error of its sample; a missing mask makes the group
        "no mask", with the maximum of those that are there."""
        self.check_range(source, start, stop)
        rows = self._rows(source)[start:stop]
        listed = [self._lists[int(self.index.labels[row])] for row in rows]
        paths = [
            layout.image_path(self.train, found.wnid, self.index.stems[row])
            for found, row in zip(listed, rows)
        ]
        images, errors = pixels.read_images(paths, self._how)
        shown = np.zeros((len(rows), self.input_size, self.input_size), np.uint8)
        missing = [False] * len(rows)

        def mask(k: int) -> str:
            try:
                shown[k], missing[k] = masks.read(
                    self.mask_paths(source, int(rows[k])), self.input_size, grown=source == "dilated",
                    legacy_alignment=self._legacy,
                )  # fmt: skip
            except AdvSpurError as error:
                return str(error)
            return ""

        with ThreadPoolExecutor(_THREADS) as pool:
            mask_errors = list(pool.map(mask, range(len(rows))))
        for k, text in enumerate(mask_errors):
            if text:
                images[k] = 0
        made = torch.from_numpy(shown)
        if source == "dilated":
            made = masks.scaled(made)
        return Batch(
            ids=torch.from_numpy(self.index.ids[rows]),
            images=torch.from_numpy(images),
            masks=made,
            labels=torch.from_numpy(self.index.labels[rows]),
            groups=mask_state.states(made, missing),
            errors=tuple(first or second for first, second in zip(errors, mask_errors)),
        )

    def label_map(self, n_outputs: int) -> LabelMap:
        """ImageNet's 1,000 outputs in their usual order."""
        from pyadvspur.labels import LabelMap

        if n_outputs != N_CLASSES:
            raise bad("benchmarks.salient", "n_outputs", n_outputs, "1000 (ImageNet's)")
        return LabelMap.identity(N_CLASSES)

    def fingerprint(self) -> str:
        """SHA-256 over the lists and the options that decide pixels; asking a million files for their sizes would take
        minutes on a network drive, and ImageNet's names stand for their pixels."""
        digest = hashlib.sha256(f"salient {self.preprocessing} {self._legacy}".encode())
        mark = self.root / material.MARK  # the names in generated copies repeat, their pixels do not
        digest.update(mark.read_bytes() if mark.is_file() else b"")
        for label, found in self._lists.items():
            digest.update(f"{label} {found.wnid} {found.features} {sorted(found.bits.items())}\n".encode())
        return digest.hexdigest()

    def verify(self) -> pandas.DataFrame:
        """Release, classes, pairs, masks and images: all must be there; ten of each class are read."""
        from pyadvspur.benchmarks.salient.verify import verify

        return verify(self.root, self.train, self.wnids, *self.listed)

    # files

    def mask_paths(self, source: str, row: int) -> list[Path]:
        """The masks whose maximum is the mask of one image; row: of the index."""
        bits = self.index.features(row, "spurious" if source == "spurious" else "core")
        found = self._lists[int(self.index.labels[row])]
        stem = self.index.stems[row]
        return [
            layout.mask_path(self.root, found.wnid, feature, stem)
            for j, feature in enumerate(found.features)
            if bits >> j & 1
        ]

    @cached_property
    def listed(self) -> tuple[dict[int, layout.ClassList], dict[str, str]]:
        """The lists of the classes that are there, by class, and what is wrong with unreadable ones, by wnid."""
        folders = {label: self.root / wnid for label, wnid in sorted(self.wnids.items())}
        there = {label: folder for label, folder in folders.items() if (folder / layout.MAP).is_file()}
        found, wrong = {}, {}
        with ThreadPoolExecutor(_THREADS) as pool:
            for (label, folder), read in zip(there.items(), pool.map(_list_or_error, there.values())):
                if isinstance(read, AdvSpurError):
                    wrong[folder.name] = str(read)
                else:
                    found[label] = read
        return found, wrong

    @property
    def _lists(self) -> dict[int, layout.ClassList]:
        """Every list; an unreadable one is an error: results would silently be about fewer classes."""
        found, wrong = self.listed
        if wrong:
            more = f" ({len(wrong) - 1} more like this: `advspur datasets verify`)" if len(wrong) > 1 else ""
            raise AdvSpurError(next(iter(wrong.values())) + more)
        return found

    @cached_property
    def index(self) -> Index:
        """All listed images."""
        return index(self._lists)

    def _rows(self, source: str) -> np.ndarray:
        if source not in ("core", "spurious", "dilated"):
            raise unknown("benchmarks.salient", "source", source, ["core", "spurious", "dilated"])
        return self.index.order["spurious" if source == "spurious" else "core"]

    def __getstate__(self) -> dict:
        return {key: value for key, value in vars(self).items() if key not in ("listed", "index")}


def _list_or_error(folder: Path) -> layout.ClassList | AdvSpurError:
    try:
        return layout.read_map(folder)
    except AdvSpurError as error:
        return error
