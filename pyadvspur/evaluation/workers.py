"""Spawned worker processes, one pipe each.

Processes are spawned, never forked: a forked child of a process that has run OpenMP or CUDA hangs or crashes.
A worker that dies (killed, out of memory) costs its job, not the run: it is replaced, and the job tried once more.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Sequence
from multiprocessing.connection import Connection, wait

import torch

from pyadvspur import pixels
from pyadvspur.errors import AdvSpurError
from pyadvspur.evaluation.runner import Job, Runner, Setup
from pyadvspur.evaluation.store import StoreFullError

_TRIES = 2


class Workers:
    """Spawned processes that take jobs one by one. A context manager: leaving it stops them all."""

    def __init__(self, setup: Setup, count: int, threads: int | None) -> None:
        self.setup, self.count = setup, count
        self.threads = threads or max(1, (os.cpu_count() or 1) // count)
        self._context = multiprocessing.get_context("spawn")
        self._processes: dict[int, multiprocessing.process.BaseProcess] = {}
        self._pipes: dict[int, Connection] = {}
        self._told: dict[int, Job] = {}  # the job that a worker reads ahead of

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *error: object) -> None:
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            process.join(timeout=5)
            if process.is_alive():
                process.kill()
                process.join()
            self.setup.store.discard_temporary(process.pid or 0)
        for pipe in self._pipes.values():
            pipe.close()

    def run(self, jobs: Sequence[Job], watcher) -> None:
        """Run all jobs. Raises StoreFullError if a worker met it."""
        waiting = deque((job, 1) for job in jobs)
        working: dict[int, tuple[Job, int]] = {}
        for worker in range(self.count):
            self._spawn(worker)
        while waiting or working:
            for worker in range(self.count):
                if worker not in working and waiting:
                    working[worker] = self._next(worker, waiting)
                    self._pipes[worker].send((working[worker][0], self._foresee(worker, waiting)))
                    watcher.started(worker, working[worker][0])
            ready = wait([self._pipes[worker] for worker in working])
            for worker in [w for w in working if self._pipes[w] in ready]:
                try:
                    kind, content = self._pipes[worker].recv()
                except (EOFError, ConnectionResetError):
                    job, tries = working.pop(worker)
                    code = self._bury(worker)
                    if tries < _TRIES:
                        waiting.appendleft((job, tries + 1))
                    else:
                        watcher.finished(worker, job, self._died(job, code))
                    self._spawn(worker)
                    continue
                if kind == "advanced":
                    watcher.advanced(worker, content)
                elif kind == "noted":
                    watcher.noted(worker, content)
                elif kind == "full":
                    raise StoreFullError(content)
                else:
                    job, _ = working.pop(worker)
                    watcher.finished(worker, job, content)

    def _next(self, worker: int, waiting: deque[tuple[Job, int]]) -> tuple[Job, int]:
        """What the worker was told would follow; else the first job that no other was told of; else the first."""
        told = self._told.pop(worker, None)
        others = {id(job) for job in self._told.values()}
        places = range(len(waiting))
        place = next((k for k in places if waiting[k][0] is told), None)
        if place is None:
            place = next((k for k in places if id(waiting[k][0]) not in others), 0)
        chosen = waiting[place]
        del waiting[place]
        return chosen

    def _foresee(self, worker: int, waiting: deque[tuple[Job, int]]) -> Job | None:
        """The job that the worker will probably do next, so that it can read ahead; it may go to another."""
        others = {id(job) for job in self._told.values()}
        job = next((job for job, _ in waiting if id(job) not in others), None)
        if job is not None:
            self._told[worker] = job
        return job

    def _spawn(self, worker: int) -> None:
        mine, theirs = self._context.Pipe()
        process = self._context.Process(
            target=_work, args=(theirs, self.setup, worker, self.threads), daemon=True
        )
        try:
            process.start()
        except (TypeError, AttributeError) as error:  # what pickling raises
            raise AdvSpurError(
                f"evaluate: a model or benchmark cannot be sent to another process ({error}). "
                "Use workers=1, or pass models by name: 'package.module:factory'."
            ) from error
        theirs.close()
        self._processes[worker], self._pipes[worker] = process, mine

    def _bury(self, worker: int) -> int | None:
        process = self._processes[worker]
        process.join()
        self._pipes[worker].close()
        self.setup.store.discard_temporary(process.pid or 0)
        return process.exitcode

    def _died(self, job: Job, code: int | None) -> dict[str, str]:
        how = f"by signal {-code}" if code is not None and code < 0 else f"with exit code {code}"
        errors = {unit.key: f"the worker process ended {how}, {_TRIES} times" for unit in job}
        for unit in job:
            self.setup.store.record_failure(unit, errors[unit.key])
        return errors


def _work(pipe: Connection, setup: Setup, worker: int, threads: int) -> None:
    """The body of a worker: jobs come in, events go out, until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    torch.set_num_threads(threads)
    pixels.set_threads(threads)
    with Runner(setup, worker) as runner, contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            job, then = pipe.recv()
            try:
                errors = runner.run(
                    job,
                    lambda n: pipe.send(("advanced", n)),
                    lambda text: pipe.send(("noted", text)),
                    then=then,
                )
                pipe.send(("finished", errors))
            except StoreFullError as error:
                pipe.send(("full", str(error)))
