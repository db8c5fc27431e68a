"""What a run shows while it works: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import TextIO

from pyadvspur.evaluation.runner import Job

_SECONDS_BETWEEN_LINES = 10.0


def work(job: Job, samples: int | None = None) -> int:
    """About how many forward passes a job (or so many samples of it) takes: what bars and the rest time count."""
    from pyadvspur import attacks

    samples = len(job[0]) if samples is None else samples
    if job[0].attack == "none":
        return samples * len(job)
    spec = attacks.parse(job[0].attack)
    # a step is a forward and a backward pass; broken samples stop early, on average about halfway
    return samples * spec.work * 3 // 2


class Quiet(AbstractContextManager):
    """Shows nothing; counts what is done."""

    def __init__(self, jobs: Iterable[Job], skipped: int = 0) -> None:
        self.total = sum(work(job) for job in jobs)
        self.units = sum(len(job) for job in jobs)
        self.skipped = skipped
        self.done = self.units_done = self.units_failed = 0
        self.began = time.monotonic()
        self._current: dict[int, Job] = {}
        self._said: set[tuple[str, str]] = set()

    def started(self, worker: int, job: Job) -> None:
        self._current[worker] = job

    def advanced(self, worker: int, n: int) -> None:
        self.done += work(self._current[worker], n)

    def noted(self, worker: int, text: str) -> None:
        """What a worker does before its job's samples: fitting a head."""

    def finished(self, worker: int, job: Job, errors: dict[str, str]) -> None:
        self.units_done += len(job)
        self.units_failed += len(errors)

    def news(self, job: Job, errors: dict[str, str]) -> list[str]:
        """A line for each error that this model has not had yet."""
        found = []
        for unit in job:
            error = errors.get(unit.key)
            if error and (unit.model, error) not in self._said:
                self._said.add((unit.model, error))
                found.append(f"failed: {unit.label}: {error}")
        return found

    def __exit__(self, *error: object) -> None:
        return None


class Lines(Quiet):
    """A line at the start, one every ten seconds, one at the end, and one for each failed unit."""

    def __init__(self, jobs: Iterable[Job], skipped: int = 0, stream: TextIO | None = None) -> None:
        super().__init__(jobs, skipped)
        self.stream = stream or sys.stderr
        self._last = time.monotonic()

    def __enter__(self) -> Lines:
        before = f", {self.skipped} found finished" if self.skipped else ""
        self._print(f"evaluate: {self.units} units to do{before}")
        return self

    def noted(self, worker: int, text: str) -> None:
        if time.monotonic() - self._last >= _SECONDS_BETWEEN_LINES:
            self._last = time.monotonic()
            self._print(f"evaluate: {self._current[worker][0].model}: {text}")

    def finished(self, worker: int, job: Job, errors: dict[str, str]) -> None:
        super().finished(worker, job, errors)
        for line in self.news(job, errors):
            self._print(f"evaluate: {line}")
        if time.monotonic() - self._last >= _SECONDS_BETWEEN_LINES:
            self._last = time.monotonic()
            self._print(self._state())

    def __exit__(self, *error: object) -> None:
        self._print(self._state())

    def _state(self) -> str:
        seconds = time.monotonic() - self.began
        share = self.done / self.total if self.total else 1.0
        failed = f", {self.units_failed} failed" if self.units_failed else ""
        return f"evaluate: {self.units_done} of {self.units} units ({share:.0%}) in {seconds:.0f} s{failed}"

    def _print(self, text: str) -> None:
        print(text, file=self.stream, flush=True)


class Bars(Quiet):
    """One bar for the run and one for each worker."""

    def __init__(self, jobs: Iterable[Job], skipped: int = 0, workers: int = 1) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            Progress,
            TaskProgressColumn,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        super().__init__(jobs, skipped)
        self.bars = Progress(
            TextColumn("{task.description}"), BarColumn(bar_width=30), TaskProgressColumn(),
            TextColumn("{task.fields[note]}"), TimeElapsedColumn(), TimeRemainingColumn(),
            console=Console(stderr=True), transient=True,
        )  # fmt: skip
        self.whole = self.bars.add_task("[bold]all units", total=self.total, note="")
        self.rows = {
            worker: self.bars.add_task(f"[dim]worker {worker + 1}", total=None, note="", visible=workers > 1)
            for worker in range(workers)
        }

    def __enter__(self) -> Bars:
        self.bars.start()
        if self.skipped:
            self.bars.console.print(f"going on: {self.skipped} units found finished, {self.units} to do")
        return self

    def __exit__(self, *error: object) -> None:
        self.bars.stop()

    def started(self, worker: int, job: Job) -> None:
        super().started(worker, job)
        unit = job[0]
        what = f"{len(job)} conditions" if unit.attack == "none" else f"{unit.condition}, {unit.attack}"
        row = self.rows[worker]
        self.bars.reset(
            row, total=work(job), note=f"[dim]{what}", description=f"  {unit.model}", visible=True
        )

    def noted(self, worker: int, text: str) -> None:
        self.bars.update(self.rows[worker], note=f"[dim]{text}", visible=True)

    def advanced(self, worker: int, n: int) -> None:
        super().advanced(worker, n)
        step = work(self._current[worker], n)
        self.bars.advance(self.rows[worker], step)
        self.bars.advance(self.whole, step)

    def finished(self, worker: int, job: Job, errors: dict[str, str]) -> None:
        super().finished(worker, job, errors)
        for line in self.news(job, errors):
            self.bars.console.print(line, style="red", markup=False)
        failed = f" [red]{self.units_failed} failed" if self.units_failed else ""
        self.bars.update(self.whole, note=f"{self.units_done}/{self.units} units{failed}")


def make(jobs: list[Job], skipped: int, workers: int, shown: bool) -> Quiet:
    """Bars where stderr is a terminal, lines where it is not, nothing where not `shown`."""
    if not shown or not jobs:
        return Quiet(jobs, skipped)
    return Bars(jobs, skipped, workers) if sys.stderr.isatty() else Lines(jobs, skipped)
