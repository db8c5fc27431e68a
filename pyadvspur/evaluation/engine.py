"""Engines run jobs; the local one in this process, or in several that it spawns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from pyadvspur.errors import AdvSpurError, bad, unknown
from pyadvspur.evaluation.runner import Job, Runner, Setup


class Watcher(Protocol):
    """What an engine tells while it works."""

    def started(self, worker: int, job: Job) -> None: ...
    def advanced(self, worker: int, n: int) -> None: ...
    def noted(self, worker: int, text: str) -> None: ...
    def finished(self, worker: int, job: Job, errors: dict[str, str]) -> None: ...


#: An engine runs every job and tells a watcher; it raises StoreFullError or KeyboardInterrupt, never a unit's error.
Engine = Callable[[Setup, Sequence[Job], Watcher], None]


def run_here(setup: Setup, jobs: Sequence[Job], watcher: Watcher) -> None:
    """One job after another in this process."""
    with Runner(setup) as runner:
        for job, then in zip(jobs, [*jobs[1:], None]):
            watcher.started(0, job)
            errors = runner.run(
                job, lambda n: watcher.advanced(0, n), lambda text: watcher.noted(0, text), then=then
            )
            watcher.finished(0, job, errors)


def local(workers: int, threads: int | None) -> Engine:
    """The local engine. workers: 1 = this process; more = so many spawned ones, `threads` CPU threads each."""
    if workers == 1:
        return run_here

    def run(setup: Setup, jobs: Sequence[Job], watcher: Watcher) -> None:
        from pyadvspur.evaluation.workers import Workers

        with Workers(setup, min(workers, len(jobs)), threads) as pool:
            pool.run(jobs, watcher)

    return run


def check(name: str, workers: int) -> None:
    """Raises AdvSpurError for unknown engines and for workers < 1."""
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
        raise bad("evaluate", "workers", repr(workers), "an integer >= 1")
    if name == "ray":
        raise AdvSpurError(
            "evaluate: engine 'ray' is not in this version. Use engine='local' with workers=N."
        )
    if name != "local":
        raise unknown("evaluate", "engine", name, ["local"])


def get(name: str, workers: int, threads: int | None = None) -> Engine:
    """The engine of that name."""
    check(name, workers)
    return local(workers, threads)
