"""Reading ahead: files are decoded while the model works, across the end of one job and the start of the next."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

from pyadvspur.benchmarks.base import Batch, Benchmark
from pyadvspur.evaluation.unit import Unit

#: Bytes of batches that may wait; at most so many batches, of which one is being worked on.
_BYTES = 256 << 20
_AHEAD = 4


class _Cut(NamedTuple):
    benchmark: str
    source: str
    start: int
    stop: int


class Reader:
    """Batches of units, read on one thread in the order they will be wanted. A context manager.

    A benchmark's `read` is called by one thread at a time; its files are decoded on as many as it takes.
    """

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self._waiting: dict[_Cut, Future[Batch]] = {}

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *error: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=not error[0], cancel_futures=True)
            self._pool = None
        self._waiting.clear()

    def batches(
        self, benchmark: Benchmark, unit: Unit, size: int, then: tuple[Benchmark, Unit, int] | None = None
    ) -> Iterator[Batch]:
        """The unit's samples, `size` at a time. then: what comes after it, of which the beginning is read already."""
        own = [(benchmark, cut) for cut in _cuts(unit, size)]
        wanted = own + ([(then[0], cut) for cut in _cuts(then[1], then[2])] if then else [])
        for cut in set(self._waiting) - {cut for _, cut in wanted}:  # what was foreseen did not come
            self._waiting.pop(cut).cancel()
        for k, (_, cut) in enumerate(own):
            for ahead in wanted[k : k + _depth(benchmark, size)]:
                self._submit(*ahead)
            yield self._waiting.pop(cut).result()

    def _submit(self, benchmark: Benchmark, cut: _Cut) -> None:
        if cut not in self._waiting:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(1, thread_name_prefix="advspur-reader")
            self._waiting[cut] = self._pool.submit(benchmark.read, cut.source, cut.start, cut.stop)


def _cuts(unit: Unit, size: int) -> list[_Cut]:
    starts = range(unit.start, unit.stop, size)
    return [_Cut(unit.benchmark, unit.source, start, min(start + size, unit.stop)) for start in starts]


def _depth(benchmark: Benchmark, size: int) -> int:
    """Batches at a time: image, mask and partner take seven bytes a pixel."""
    return max(2, min(_AHEAD, _BYTES // (7 * size * benchmark.input_size**2)))
