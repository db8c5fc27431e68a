"""Waterbirds: birds of the land and of the water put before land and water; in training the place agrees for 95 %.

Layout, as published: <root>/metadata.csv and <root>/<NNN.Species_name>/<file>.jpg. The csv says of every image its
class (y), its place and its split; group = 2 y + place. Validation and test images show both places equally often in
each class.

A model with two outputs is taken as it is. Others get a linear head on their frozen features, fitted on the training
images and chosen on the validation images: `Readout`.

Source: Sagawa, Koh, Hashimoto & Liang, "Distributionally robust neural networks", ICLR 2020.
"""

from __future__ import annotations

import hashlib
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from pyadvspur import pixels
from pyadvspur.benchmarks.base import Batch, Benchmark, Condition
from pyadvspur.benchmarks.readout import Readout
from pyadvspur.benchmarks.waterbirds import metadata
from pyadvspur.benchmarks.waterbirds.layout import (
    CLASSES,
    COUNTS,
    FOLDERS,
    GROUPS,
    HOMEPAGE,
    LICENCE,
    METADATA,
    PREPROCESSING,
    SPLITS,
)  # fmt: skip
from pyadvspur.errors import AdvSpurError, bad, unknown
from pyadvspur.metrics import Measure

if TYPE_CHECKING:
    import pandas

    from pyadvspur.labels import LabelMap

_READOUTS = ("probe", "dfr", "none")


class Waterbirds(Benchmark):
    """Two classes in two places: 4,795 training, 1,199 validation and 5,794 test images in four groups.

    root: the folder that holds metadata.csv, or one that holds it under its published name.
    preprocessing: a name, see `pixels.preprocessing`; default: 256x256 square, centre crop of 224. size: that
    preprocessing scaled to another output side.
    readout: "probe" = every model gets a head fitted on train; "dfr" = one fitted on validation data balanced over
    groups; "none" = models must have two outputs. Default: a probe for models whose outputs are not two.
    rule: what chooses the head's C on validation images, "average" (plain accuracy, the default of probes) or
    "worst-group" (uses group labels, the default of dfr). penalty: "l2" (default of probes) or "l1" (default of dfr).
    val: also evaluate on the validation images.

    Samples of a split are ordered so that every prefix has about the shares of its groups, at random within a group: a
    limit changes no average systematically. Ids come from file names.
    """

    name = "waterbirds"
    class_names = CLASSES
    group_names = GROUPS
    attacked = ("test",)
    homepage = HOMEPAGE
    licence = LICENCE

    def __init__(
        self,
        root: str | Path,
        *,
        preprocessing: str | None = None,
        size: int | None = None,
        readout: str | None = None,
        rule: str | None = None,
        penalty: str | None = None,
        val: bool = False,
    ) -> None:
        self.root = _find(root)
        how = pixels.preprocessing(preprocessing or PREPROCESSING)
        self._pixels = how if size is None else how.scaled(size)
        self.preprocessing, self.input_size = self._pixels.name, self._pixels.size
        self.readout = _readout(readout, rule, penalty)
        self.conditions = (Condition("test", "test"),) + ((Condition("val", "val"),) if val else ())
        self.measures = _measures(self.training_counts(), self.conditions)

    def size(self, source: str) -> int:
        return len(self.entries(source))

    def read(self, source: str, start: int, stop: int) -> Batch:
        """Samples of a split. An image that cannot be read is zeros, with a text in `errors`."""
        self.check_range(source, start, stop)
        chosen = self.entries(source)[start:stop]
        images, errors = pixels.read_images([self.root / e.path for e in chosen], self._pixels)
        return Batch(
            ids=torch.tensor([e.sample for e in chosen], dtype=torch.int64),
            images=torch.from_numpy(images),
            masks=None,
            labels=torch.tensor([e.label for e in chosen], dtype=torch.int64),
            groups=torch.tensor([e.group for e in chosen], dtype=torch.int64),
            errors=errors,
        )

    def label_map(self, n_outputs: int, name: str = "") -> LabelMap:
        from pyadvspur.labels import LabelMap

        if n_outputs != len(CLASSES):
            hint = "With readout=probe (or no readout option) a head is fitted on its frozen features."
            raise bad("benchmarks.waterbirds", "n_outputs", n_outputs, "2 (landbird, waterbird)", hint)
        return LabelMap.identity(n_outputs)

    def fingerprint(self) -> str:
        """SHA-256 over preprocessing, readout, and every image's name, class, place, split and size in bytes."""
        how = self.readout.key if self.readout else "none"
        digest = hashlib.sha256(f"waterbirds {self.preprocessing} {how}\n".encode())
        for source in SPLITS:
            for e in self.entries(source):
                digest.update(
                    f"{source} {e.path} {e.label} {e.place} {_bytes(self.root / e.path)}\n".encode()
                )
        return digest.hexdigest()

    def verify(self) -> pandas.DataFrame:
        """The csv's problems, the twelve group counts, files missing, and whether every image can be read."""
        from pyadvspur.benchmarks.waterbirds.verify import verify

        return verify(self.root, self.metadata)

    # the csv

    @cached_property
    def metadata(self) -> metadata.Metadata:
        return metadata.read(self.root / METADATA)

    def entries(self, source: str) -> tuple[metadata.Entry, ...]:
        """The images of a split, in their order. Raises AdvSpurError if the csv has problems."""
        if source not in SPLITS:
            raise unknown("benchmarks.waterbirds", "source", source, SPLITS)
        if problems := self.metadata.problems:
            more = f" and {len(problems) - 1} more problems" if len(problems) > 1 else ""
            raise AdvSpurError(
                f"benchmarks.waterbirds: {str(self.root / METADATA)!r}: {problems[0]}{more}. "
                "`advspur datasets verify waterbirds DIR` lists them all."
            )
        return self._ordered[source]

    @cached_property
    def _ordered(self) -> dict[str, tuple[metadata.Entry, ...]]:
        found = {}
        for source in SPLITS:
            keyed = []
            for group in range(len(GROUPS)):
                members = [e for e in self.metadata.entries if e.split == source and e.group == group]
                members.sort(key=lambda e: e.sample)
                keyed += [((k + 0.5) / len(members), group, e) for k, e in enumerate(members)]
            found[source] = tuple(e for *_, e in sorted(keyed, key=lambda entry: entry[:2]))
        return found

    def training_counts(self) -> tuple[int, ...]:
        """Training images of each group, from the csv; as published where it has none."""
        groups = [e.group for e in self.metadata.entries if e.split == "train"]
        return tuple(groups.count(g) for g in range(len(GROUPS))) if groups else COUNTS["train"]

    def __getstate__(self) -> dict:
        return {key: value for key, value in vars(self).items() if key not in ("metadata", "_ordered")}


def _find(root: str | Path) -> Path:
    given = Path(root).expanduser()
    for folder in (given, *(given / name for name in FOLDERS)):
        if (folder / METADATA).is_file():
            return folder
    raise bad(
        "benchmarks.Waterbirds", "root", repr(str(root)),
        f"the folder that holds {METADATA}, or {FOLDERS[0]}/{METADATA}",
        "`advspur datasets sample waterbirds DIR` writes a small one.",
    )  # fmt: skip


def _readout(name: str | None, rule: str | None, penalty: str | None) -> Readout | None:
    if name is not None and name not in _READOUTS:
        raise unknown("benchmarks.Waterbirds", "readout", name, _READOUTS)
    if name == "none":
        if rule or penalty:
            raise bad("benchmarks.Waterbirds", "rule, penalty", (rule, penalty), "nothing with readout=none")
        return None
    dfr = name == "dfr"
    return Readout(
        name or "probe", "train", "val", len(CLASSES),
        rule=rule or ("worst-group" if dfr else "average"),
        penalty=penalty or ("l1" if dfr else "l2"),
        as_is=() if name else (len(CLASSES),),
    )  # fmt: skip


def _measures(training: tuple[int, ...], conditions: tuple[Condition, ...]) -> tuple[Measure, ...]:
    found = []
    for condition in conditions:
        name = condition.name
        tail = "" if name == "test" else f", {name}"
        found += [
            Measure("accuracy", f"average over images{tail}", condition=name),
            Measure("group_mean", f"average, training-weighted{tail}", condition=name, weights=training),
            Measure("worst_group", f"worst group{tail}", condition=name),
            *(
                Measure("group_accuracy", f"{group}{tail}", condition=name, group=g)
                for g, group in enumerate(GROUPS)
            ),
        ]
    return (*found, Measure("robust_accuracy", "robust accuracy", condition="test"))


def _bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1
