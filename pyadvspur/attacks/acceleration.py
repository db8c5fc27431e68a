"""Faster searches: torch.compile, or CUDA graphs that replay forward, loss and backward as one launch.

    with attacks.accelerate("graph"):
        attacks.pgd(model, x, y, ...)

Only the search is accelerated. What counts as broken is decided by the plain model in float32 as always, so a compiled
model that rounds differently can find other points but never claim a false one. Where acceleration fails (no compiler,
a model that cannot be captured) the search goes on without, and says so once.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch

from pyadvspur.errors import unknown

MODES = ("none", "compile", "graph")
_mode: ContextVar[str] = ContextVar("advspur_acceleration", default="none")


@contextmanager
def accelerate(mode: str) -> Iterator[None]:
    """Within this context attacks search with "compile" (torch.compile of the model: seconds to minutes at first, then
    faster steps; CPU and CUDA), "graph" (CUDA graphs, for networks so small that launches dominate) or "none".
    """
    if mode not in MODES:
        raise unknown("attacks.accelerate", "mode", mode, MODES)
    token = _mode.set(mode)
    try:
        yield
    finally:
        _mode.reset(token)


def current() -> str:
    """The mode of the context we are in."""
    return _mode.get()


class Compiled:
    """A model under torch.compile, or itself from the first failure on."""

    def __init__(self, model: Callable) -> None:
        self.plain = model
        self.fast: Callable | None = None
        try:
            # chunks have one fixed shape, so nothing needs to be compiled for others
            self.fast = torch.compile(model, dynamic=False)
        except Exception as error:
            _going_on("torch.compile", error)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        if self.fast is not None:
            try:
                return self.fast(x)
            except (
                Exception
            ) as error:  # the compiler's, or the model's own: then the plain call raises it again
                self.fast = None
                _going_on("torch.compile", error)
        return self.plain(x)


class Graphs:
    """work(*tensors) -> tensors, captured once for every signature of its arguments and replayed afterwards."""

    def __init__(self) -> None:
        self.captured: dict[Any, _Graph] = {}
        self.failed = False

    def __call__(self, name: Any, work: Callable, *args: torch.Tensor | None) -> tuple[torch.Tensor, ...]:
        """name: what besides the arguments' shapes tells one work from another."""
        if self.failed or not args[0].is_cuda:
            if not self.failed:
                self.failed = True
                _going_on(
                    "CUDA graphs", RuntimeError(f"images are on {args[0].device}, not on a CUDA device")
                )
            return work(*args)
        key = (name, *(None if a is None else (a.dtype, tuple(a.shape)) for a in args))
        if key not in self.captured:
            try:
                self.captured[key] = _Graph(work, args)
            except Exception as error:
                self.failed = True
                torch.cuda.synchronize()
                _going_on("CUDA graphs", error)
                return work(*args)
        return self.captured[key].replay(args)


class _Graph:
    """One captured call: arguments are copied into fixed places, results out of them."""

    def __init__(self, work: Callable, args: tuple[torch.Tensor | None, ...]) -> None:
        self.places = tuple(None if a is None else a.detach().clone() for a in args)
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):  # libraries choose algorithms and workspaces outside of the capture
            for _ in range(3):
                work(*self.places)
        torch.cuda.current_stream().wait_stream(side)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.results = work(*self.places)

    def replay(self, args: tuple[torch.Tensor | None, ...]) -> tuple[torch.Tensor, ...]:
        for place, value in zip(self.places, args):
            if place is not None:
                place.copy_(value)
        self.graph.replay()
        return tuple(result.clone() for result in self.results)


def _going_on(what: str, error: Exception) -> None:
    text = str(error).strip().splitlines()
    reason = f"{type(error).__name__}: {text[0]}" if text else type(error).__name__
    warnings.warn(
        f"attacks: {what} cannot be used here, going on without ({reason})", RuntimeWarning, stacklevel=2
    )
