"""One model under evaluation, and how it is called: in float32, in low precision, as a captured CUDA graph."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable

import torch

from pyadvspur.attacks.acceleration import Graphs
from pyadvspur.attacks.forward import Forward, settle_precision
from pyadvspur.benchmarks.base import Benchmark
from pyadvspur.labels import LabelMap

_CAPTURE_AT = 3  # a work is captured when it comes for the third time: capturing costs four runs


def clean_precision(precision: str, device: torch.device) -> str:
    """In which precision images without an attack are looked at first. "auto": bfloat16 on CUDA devices that multiply
    it. On the CPU float32, whose bits are the same everywhere."""
    if precision == "auto" and device.type != "cuda":
        return "float32"
    return settle_precision(precision, device)


class Inference:
    """A model for all jobs that ask it: new threads or graphs for each job would each leave memory behind.

    exact: float32. fast: low precision, or None where precision is float32. A context manager.
    """

    def __init__(self, model: torch.nn.Module, precision: str, device: torch.device, capture: bool) -> None:
        self.model, self.precision = model, precision
        kind = clean_precision(precision, device)
        self.exact = Forward(model)
        self.fast = None if kind == "float32" else Forward(model, precision=kind)
        self.graphs = Graphs() if capture and device.type == "cuda" else None
        self.seen: Counter[Hashable] = Counter()
        self.maps: dict[tuple[str, str, int], LabelMap] = {}

    def __enter__(self) -> Inference:
        return self

    def __exit__(self, *error: object) -> None:
        for forward in (self.exact, self.fast):
            if forward is not None:
                forward.__exit__()

    @property
    def first(self) -> Forward:
        """What sees every image."""
        return self.fast or self.exact

    def map_of(self, benchmark: Benchmark, condition: str, n_outputs: int) -> LabelMap:
        """Kept as long as the graphs, which know where on the device its numbers lie."""
        key = (benchmark.name, condition, n_outputs)
        if key not in self.maps:
            self.maps[key] = benchmark.map_of(condition, n_outputs)
        return self.maps[key]

    def may_capture(self, name: Hashable) -> bool:
        """Whether this work is worth a graph by now, and graphs work here. Counts how often it is asked."""
        if self.graphs is None or self.graphs.failed:
            return False
        self.seen[name] += 1
        return self.seen[name] >= _CAPTURE_AT

    def captured(
        self, name: Hashable, work: Callable, *args: torch.Tensor | None
    ) -> tuple[torch.Tensor, ...]:
        """work(*args), replayed. name: what besides the arguments' shapes decides what is done."""
        return self.graphs(name, work, *args)
