"""What a benchmark is: sources of labelled images, conditions under which they are shown, measures derived from them.

A *source* is a set of images with labels (say, the images whose backgrounds agree). A *condition* is a source shown in
one variant (clean, or with noise on the foreground, ...) and one noise trial. Outcomes are recorded per condition;
measures are plain data that name conditions.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

from pyadvspur.errors import bad, unknown

if TYPE_CHECKING:
    import pandas

    from pyadvspur.benchmarks.readout import Readout
    from pyadvspur.labels import LabelMap
    from pyadvspur.masking import Variant
    from pyadvspur.metrics import Measure


def _clean() -> Variant:
    from pyadvspur import masking

    return masking.clean()


@dataclass(frozen=True)
class Condition:
    """One way of showing one source. `trial` numbers the noise draw; clean conditions have trial 0.

    label_map: by which of the benchmark's label maps outputs are read, "" = its only one. Conditions that differ in
    nothing else share one forward pass.
    """

    name: str
    source: str
    variant: Variant = field(default_factory=_clean)
    trial: int = 0
    label_map: str = ""


@dataclass(frozen=True)
class Batch:
    """Samples of one source, as torch tensors on the CPU.

    ids: int64 (B,) >= 0, the numbers that key every random draw about a sample; sources that show the same object share
    its id, so that they are compared on common random numbers. Inside a source no id occurs twice (evaluations refuse
    it). So a benchmark makes ids from what names a sample in the data set, and
      where a copy of the data holds two files of that name, from the file's folder as well: both are samples;
      where a list that is part of the data names a sample twice, it refuses the list: one of the lines is wrong.
    images: uint8 (B, H, W, 3). masks: (B, H, W), uint8 with 255 = foreground or float32 with 1 = foreground, or None
    where there are none.
    labels: int64 (B,). groups: int64 (B,), -1 = no group. partners: uint8 (B, H, W, 3), the images whose backgrounds
    replace these in `swap` variants, or None. errors: one text a sample, "" = fine; a sample with an error has an
    image of zeros and is no outcome. None: all are fine.
    """

    ids: torch.Tensor
    images: torch.Tensor
    masks: torch.Tensor | None
    labels: torch.Tensor
    groups: torch.Tensor
    partners: torch.Tensor | None = None
    errors: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: slice) -> Batch:
        """A part of the batch."""
        cut = {name: value if value is None else value[index] for name, value in vars(self).items()}
        return Batch(**cut)


class Benchmark(ABC):
    """A labelled image benchmark. Subclasses fill in the fields and the abstract methods.

    name: short and stable; part of every unit's identity.
    class_names: what label k means.
    conditions: everything that an evaluation runs by default.
    attacked: names of the conditions that attacks run on by default, and `attack_size`: how many of their first
    samples are attacked by default (None: all).
    measures: what is derived from the outcomes, as plain data.
    shown: names of measures that the main table of a run has beside those it chooses by itself.
    group_names: what group g means; empty without groups.
    input_size: height and width of the images that `read` gives.
    preprocessing: the name of what made them from files (`pixels.preprocessing`), "none" where there are no files.
    Part of the fingerprint.
    readout: how a head is fitted on this data for a frozen model before anything is measured, or None. Its sources
    need not be conditions, but `size` and `read` know them.
    frame: the colour (R, G, B) of a thin border that every image shown in a report gets, where a licence asks so.
    homepage, licence: where the data come from, and under what terms; one line each.
    written: the text it was named by, if it was (`benchmarks.parse`).
    """

    name: str
    class_names: tuple[str, ...]
    conditions: tuple[Condition, ...]
    attacked: tuple[str, ...] = ()
    attack_size: int | None = None
    measures: tuple[Measure, ...] = ()
    shown: tuple[str, ...] = ()
    group_names: tuple[str, ...] = ()
    input_size: int
    preprocessing: str = "none"
    readout: Readout | None = None
    frame: tuple[int, int, int] | None = None
    homepage: str = ""
    licence: str = ""
    written: str = ""

    @abstractmethod
    def size(self, source: str) -> int:
        """How many samples a source has."""

    @abstractmethod
    def read(self, source: str, start: int, stop: int) -> Batch:
        """Samples start..stop-1 of a source, in an order that never changes.

        A file that cannot be used is an error of its sample (`Batch.errors`, as `pixels.read_images` gives them), not
        of the call. Called by one thread at a time.
        """

    @abstractmethod
    def label_map(self, n_outputs: int, name: str = "") -> LabelMap:
        """How the outputs of a model with n_outputs outputs answer this benchmark's labels.

        name: which map, for benchmarks whose conditions name one; the others need not take it.
        """

    @abstractmethod
    def fingerprint(self) -> str:
        """SHA-256 of what the images are made from; part of every unit's identity."""

    @abstractmethod
    def verify(self) -> pandas.DataFrame:
        """What is there, missing or wrong: columns item, expected, found, ok, note. Never raises half-way."""

    def condition(self, name: str) -> Condition:
        """The condition of that name."""
        for condition in self.conditions:
            if condition.name == name:
                return condition
        raise unknown(f"benchmarks.{self.name}", "condition", name, [c.name for c in self.conditions])

    def map_of(self, condition: str, n_outputs: int) -> LabelMap:
        """The label map of a condition, for a model with n_outputs outputs."""
        chosen = self.condition(condition).label_map
        return self.label_map(n_outputs, chosen) if chosen else self.label_map(n_outputs)

    def batches(self, source: str, batch_size: int) -> Iterator[Batch]:
        """All of a source, batch after batch."""
        n = self.size(source)
        for start in range(0, n, batch_size):
            yield self.read(source, start, min(start + batch_size, n))

    def check_range(self, source: str, start: int, stop: int) -> None:
        """Refuse an index range that leaves the source."""
        if not 0 <= start <= stop <= self.size(source):
            raise bad(
                f"benchmarks.{self.name}",
                "start, stop",
                (start, stop),
                f"0 <= start <= stop <= {self.size(source)}, the size of {source!r}",
            )
