"""RIVAL10: ten classes with object masks; how much does noise on the object cost, how much noise around it?

Layout, as the data's authors ship it: <root>/{train,test}/ordinary/<wnid>_<ImageNet name>.JPEG and, under the same
names, <root>/{train,test}/entire_object_masks/. No pickle and no other attribute file is ever opened.

Source: Moayeri, Pope, Balaji & Feizi, "A Comprehensive Study of Image Classification Model Sensitivity to Foregrounds,
Backgrounds, and Visual Attributes", CVPR 2022. What differs here: docs/benchmarks/rival10.md.
"""

from __future__ import annotations

import hashlib
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from pyadvspur import pixels
from pyadvspur.benchmarks import mask_state
from pyadvspur.benchmarks.base import Batch, Benchmark
from pyadvspur.benchmarks.readout import Readout
from pyadvspur.benchmarks.rival10 import layout
from pyadvspur.benchmarks.rival10.classes import CLASSES, SYNSETS
from pyadvspur.benchmarks.rival10.levels import levels as levels_of
from pyadvspur.benchmarks.rival10.measures import by_level, conditions, pooled
from pyadvspur.errors import bad, unknown
from pyadvspur.metrics import Measure

if TYPE_CHECKING:
    import pandas

    from pyadvspur.labels import LabelMap

_HEADS = ("linear", "none")
_OUTPUTS = ("index", "any", "restricted")
_MASKS = ("binary", "soft", "any")
_SIZES = ("same", "free")
_HELD_OUT = 0.2
# what follows the name of a measure of each source
_SOURCES = {"test": "", "test_val": ", val origin", "all_val": ", val origin (all)"}


class Rival10(Benchmark):
    """Noise on the object against noise on the background: RFS and iRFS, class-averaged accuracies.

    root: the folder with `train` and `test` (or `RIVAL10` with them).
    head: "linear" = every model gets a ten-way linear head on its frozen features, fitted on RIVAL10's train split, its
    penalty chosen on a fifth held out. "none" = models answer by themselves; ten outputs are then RIVAL10's classes in
    its own order, which is not CIFAR-10's.
    outputs: with head="none", what a model with ImageNet's 1,000 outputs must say: "index" = the sample's own ImageNet
    class (labels are then the 20 ImageNet classes, and so are class averages), "any" = either of its class's two,
    "restricted" = the best of the 20 outputs must belong to its class.
    mask: "binary" = foreground where the mask exceeds 1/2, "soft" = as it is, "any" = where it exceeds 0.
    mask_size: "same" = a mask of another size than its image is an error, "free" = each is resized by itself.
    levels: "published" (CVPR 2022), "hard" (Hard ImageNet's code), "all" (both), "quick" (one of each family).
    trials: noise draws a level. preprocessing: a name for `pixels.preprocessing`, image and mask alike. size: the
    same at another side, l2 levels in proportion.

    Sources: "test"; "test_val", its images that ImageNet calls validation images (a backbone has not seen them);
    with head="none" also "all_val", those of both splits. "train" serves the head. A sample's id comes from its name
    alone, so sources share ids and noise. Groups say whether a mask is usable (`mask_state`).
    """

    name = "rival10"
    attacked = ("test",)
    group_names = mask_state.NAMES
    homepage = "https://github.com/mmoayeri/RIVAL10"
    licence = (
        "research and non-profit use only, no redistribution (University of Maryland); images are ImageNet's"
    )

    def __init__(
        self,
        root: str | Path,
        *,
        head: str = "linear",
        outputs: str = "index",
        mask: str = "binary",
        mask_size: str = "same",
        levels: str = "published",
        trials: int = 3,
        preprocessing: str | None = None,
        size: int | None = None,
    ) -> None:
        where = "benchmarks.Rival10"
        for option, value, known in (
            ("head", head, _HEADS), ("outputs", outputs, _OUTPUTS), ("mask", mask, _MASKS),
            ("mask_size", mask_size, _SIZES),
        ):  # fmt: skip
            if value not in known:
                raise unknown(where, option, value, known)
        if isinstance(trials, bool) or not isinstance(trials, int) or trials < 1:
            raise bad(where, "trials", repr(trials), "an integer >= 1")
        self.root = Path(root).expanduser()
        if (self.root / "RIVAL10").is_dir():
            self.root = self.root / "RIVAL10"
        for part in (layout.IMAGES, layout.MASKS):
            if not (self.root / "test" / part).is_dir():
                raise bad(
                    where, "root", repr(str(self.root)),
                    f"the folder that holds test/{layout.IMAGES} and test/{layout.MASKS}",
                    "`advspur datasets sample rival10 DIR` writes a small one.",
                )  # fmt: skip
        how = pixels.preprocessing(preprocessing or "pil-bilinear-224x224")
        self._how = how if size is None else how.scaled(size)
        self.preprocessing, self.input_size = self._how.name, self._how.size
        self._mask, self._mask_size, self._outputs = mask, mask_size, None if head == "linear" else outputs
        if head == "linear":
            self.readout = Readout("probe", "train", None, len(CLASSES), held_out=_HELD_OUT)
        self._by_synset = self._outputs == "index"
        self.class_names = tuple(s.wnid for s in SYNSETS) if self._by_synset else CLASSES
        chosen = levels_of(levels, self.input_size)
        self.conditions, self.measures, self.shown = (), (), ()
        for source, title in _SOURCES.items():
            if (source == "all_val" and head == "linear") or not self._entries(source):
                continue  # the head was fitted on the train split's part of it
            main = pooled(source, title, chosen, trials)
            self.conditions += tuple(conditions(source, chosen, trials))
            self.measures += (*main, *by_level(source, title, chosen, trials))
            self.shown += tuple(m.name for m in main if m.kind != "irfs" or source == "test")
        if not self._entries("test"):
            takes = f"images of RIVAL10's classes in test/{layout.IMAGES}"
            raise bad(where, "root", repr(str(self.root)), takes)
        self.measures += (Measure("robust_accuracy", "robust accuracy", condition="test"),)

    def size(self, source: str) -> int:
        return len(self._entries(source))

    def read(self, source: str, start: int, stop: int) -> Batch:
        """Samples of a source, with masks except in "train". An unreadable image or mask is an error of its sample."""
        self.check_range(source, start, stop)
        chosen = self._entries(source)[start:stop]
        paths = [entry.path for entry in chosen]
        groups = torch.full((len(chosen),), -1, dtype=torch.int64)
        masks = None
        if source == "train":
            images, errors = pixels.read_images(paths, self._how)
        else:
            mask_how = self._how if self._mask_size == "free" else None
            images, grey, errors = pixels.read_pairs(paths, [e.mask for e in chosen], self._how, mask_how)
            masks = self._prepared(torch.from_numpy(grey))
            groups = mask_state.states(masks, [entry.mask is None for entry in chosen])
        labels = [entry.place if self._by_synset else SYNSETS[entry.place].label for entry in chosen]
        return Batch(
            ids=torch.tensor([entry.number for entry in chosen], dtype=torch.int64),
            images=torch.from_numpy(images),
            masks=masks,
            labels=torch.tensor(labels, dtype=torch.int64),
            groups=groups,
            errors=errors,
        )

    def label_map(self, n_outputs: int) -> LabelMap:
        """Ten outputs are the classes. Of 1,000, what `outputs` says."""
        from pyadvspur.labels import LabelMap

        if n_outputs == len(CLASSES) and not self._by_synset:
            return LabelMap.identity(n_outputs)
        if n_outputs != 1000 or self._outputs is None:
            takes = "10 (the classes)" + " or 1000 (ImageNet's)" * (self._outputs is not None)
            takes = "1000 (ImageNet's)" if self._by_synset else takes
            raise bad("benchmarks.rival10", "n_outputs", n_outputs, takes)
        if self._outputs == "restricted":
            return LabelMap.restricted([s.output for s in SYNSETS], [s.label for s in SYNSETS], 1000)
        classes = [-1] * 1000
        for place, synset in enumerate(SYNSETS):
            classes[synset.output] = place if self._by_synset else synset.label
        return LabelMap.many_to_one(classes)

    def fingerprint(self) -> str:
        """SHA-256 over the options that decide pixels and labels and the names and sizes in bytes of all files."""
        about = (self.preprocessing, self._mask, self._mask_size, self._outputs)
        digest = hashlib.sha256(f"rival10 {about} {self.readout and self.readout.key}".encode())
        for split in layout.SPLITS:
            for e in self._splits[split].entries:
                digest.update(f"{split}/{e.path.name} {e.number} {e.bytes}\n".encode())
        return digest.hexdigest()

    def verify(self) -> pandas.DataFrame:
        """Counts, names, masks (missing, of another size, empty, full), and whether every file can be read."""
        from pyadvspur.benchmarks.rival10.verify import verify

        return verify(self.root, self._splits)

    # files

    @cached_property
    def _splits(self) -> dict[str, layout.Split]:
        return {split: layout.read_split(self.root / split) for split in layout.SPLITS}

    @cached_property
    def _chosen(self) -> dict[str, tuple[layout.Entry, ...]]:
        train, test = (self._splits[split].entries for split in layout.SPLITS)
        return {
            "train": train,
            "test": test,
            "test_val": tuple(entry for entry in test if entry.from_val),
            "all_val": tuple(entry for entry in (*test, *train) if entry.from_val),
        }

    def _entries(self, source: str) -> tuple[layout.Entry, ...]:
        if source not in self._chosen:
            raise unknown("benchmarks.rival10", "source", source, self._chosen)
        return self._chosen[source]

    def _prepared(self, masks: torch.Tensor) -> torch.Tensor:
        """uint8: soft as read, or 255 where it counts as foreground."""
        if self._mask == "soft":
            return masks
        return (masks > (127 if self._mask == "binary" else 0)).to(torch.uint8) * 255

    def __getstate__(self) -> dict:
        return {key: value for key, value in vars(self).items() if key not in ("_splits", "_chosen")}
