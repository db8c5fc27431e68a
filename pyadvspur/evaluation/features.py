"""Features of a benchmark's sources, extracted in blocks that stay on disk until a head is fitted on them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch

from pyadvspur.attacks.forward import Forward
from pyadvspur.benchmarks.base import Batch, Benchmark
from pyadvspur.errors import AdvSpurError
from pyadvspur.evaluation import heads
from pyadvspur.evaluation.fitting import Rows
from pyadvspur.evaluation.reading import Reader
from pyadvspur.evaluation.rows import refuse_errors
from pyadvspur.models.head import Features

BLOCK = 512  # samples whose features are extracted and kept together


class Block(NamedTuple):
    """Samples start..stop-1 of a source."""

    benchmark: str
    source: str
    start: int
    stop: int


def blocks(benchmark: Benchmark, sources: list[str]) -> list[Block]:
    """The sources, cut into blocks."""
    return [
        Block(benchmark.name, source, start, min(start + BLOCK, benchmark.size(source)))
        for source in sources
        for start in range(0, benchmark.size(source), BLOCK)
    ]


class Extractor:
    """Extracts blocks of one model's features. A context manager.

    device: of the model. size: images read at a time; changes no bit on the CPU, where the model sees chunks of one
    fixed size. note(text) is told what is done. skip_unreadable: go on after an image that cannot be read; otherwise it
    is an error.
    """

    def __init__(
        self,
        model: Features,
        benchmark: Benchmark,
        place: heads.Heads,
        device: torch.device | str,
        size: int,
        note: Callable[[str], None],
        skip_unreadable: bool = False,
    ) -> None:
        self.benchmark, self.place, self.device, self.size = benchmark, place, device, size
        self.note, self.skip_unreadable = note, skip_unreadable
        self.forward, self.reader = Forward(model), Reader()

    def __enter__(self) -> Extractor:
        self.forward.__enter__()
        self.reader.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.reader.__exit__(*error)
        self.forward.__exit__(*error)

    def extract(self, wanted: list[Block]) -> None:
        """Every block on disk: first those that nobody works on, then the rest, when their workers are done or dead."""
        for wait in (False, True):
            todo = [k for k, block in enumerate(wanted) if not self._path(block).exists()]
            for k, after in zip(todo, [*todo[1:], None]):
                block = wanted[k]
                self.note(f"features of {block.source}, block {k + 1} of {len(wanted)}")
                with heads.lock(self._path(block).with_suffix(".lock"), wait=wait) as mine:
                    # in this order: blocks go only after the head is written
                    if not mine or self._path(block).exists():
                        continue
                    if self.place.read() is not None:
                        return
                    found = self._features(block, None if after is None else wanted[after])
                    self.place.write_block(block.source, block.start, found)

    def rows(self, wanted: list[Block], source: str) -> tuple[Rows, int]:
        """All blocks of a source, in order, as arrays, and how many of its images could not be read."""
        parts = [self.place.read_block(source, block.start) for block in wanted if block.source == source]
        if not parts:
            raise AdvSpurError(f"readout: source {source!r} is empty")
        whole = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
        unreadable = whole.pop("unreadable")
        if bool(unreadable.any()) and not self.skip_unreadable:  # in a block of a run that left them out
            raise AdvSpurError(
                f"readout: {int(unreadable.sum())} images of {source!r} cannot be read. `advspur datasets verify` "
                "names them; on_error='record' leaves them out."
            )
        kept = {name: value[~unreadable].numpy() for name, value in whole.items()}
        return Rows(**kept), int(unreadable.sum())

    def _path(self, block: Block):
        return self.place.block(block.source, block.start)

    def _features(self, block: Block, then: Block | None) -> dict[str, torch.Tensor]:
        """Features of a block, with what is known of its samples. then: the block that is read ahead."""
        ahead = None if then is None else (self.benchmark, then, self.size)
        batches = self.reader.batches(self.benchmark, block, self.size, ahead)
        parts = [self._batch(batch, block.source) for batch in batches]
        return {name: torch.cat([part[name] for part in parts]).contiguous() for name in parts[0]}

    def _batch(self, batch: Batch, source: str) -> dict[str, torch.Tensor]:
        if not self.skip_unreadable:
            refuse_errors(batch, source)
        # contiguous: whole and padded chunks then have one memory layout, and convolutions one order of sums
        x = (batch.images.to(self.device).permute(0, 3, 1, 2).float() / 255).contiguous()
        self.forward.expect(self.size, x.device)
        values = self.forward.logits(x).cpu()
        unreadable = torch.tensor(
            [bool(text) for text in batch.errors or [""] * len(batch)], dtype=torch.bool
        )
        if not bool(values[~unreadable].isfinite().all()):
            raise AdvSpurError(f"readout: features of {source!r} are NaN or infinite")
        return {
            "x": values, "label": batch.labels, "group": batch.groups, "sample": batch.ids, "unreadable": unreadable,
        }  # fmt: skip
