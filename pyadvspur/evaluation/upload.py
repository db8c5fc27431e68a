"""Batches on their way to the device: the next one crosses the bus while this one is worked on.

Two slots take turns. A batch is copied into a slot's pinned memory, from there on a stream of its own into the slot's
memory on the device; bytes cross, never floats. The host waits only for a slot's last copy, two batches ago; the copy
waits, on the device, for the work that read the slot. So neither ever waits for the batch at work.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from pyadvspur.benchmarks.base import Batch

_TENSORS = ("ids", "images", "masks", "labels", "groups", "partners")
_SLOTS = 2


class Upload:
    """Call it with batch after batch; the tensors of a returned one are good until the call after the next.

    device: where to; on the CPU batches stay as they are. line: what copies, for tests.
    """

    def __init__(self, device: torch.device, line: Any = None) -> None:
        self.line = line or (Line(device) if device.type == "cuda" else None)
        self.turn = 0
        self.slots = [_Slot() for _ in range(_SLOTS)]
        self.worked: Any = None  # until the batch before the last is done with

    def __call__(self, batch: Batch) -> Batch:
        if self.line is None:
            return batch
        slot = self.slots[self.turn % _SLOTS]
        self.turn += 1
        if slot.copied is not None:
            self.line.wait(slot.copied)
        if self.worked is not None:
            self.line.copy_after(self.worked)
        self.worked = self.line.mark_work()
        tensors = {name: tensor for name in _TENSORS if (tensor := getattr(batch, name)) is not None}
        there = {name: slot.copy(self.line, name, tensor) for name, tensor in tensors.items()}
        slot.copied = self.line.mark_copy()
        self.line.work_after(slot.copied)
        return replace(batch, **there)


class _Slot:
    """Pinned and device memory for one batch, as large as the largest so far."""

    def __init__(self) -> None:
        self.pinned: dict[str, torch.Tensor] = {}
        self.there: dict[str, torch.Tensor] = {}
        self.copied: Any = None

    def copy(self, line: Any, name: str, tensor: torch.Tensor) -> torch.Tensor:
        n = tensor.numel() * tensor.element_size()
        if name not in self.pinned or self.pinned[name].numel() < n:
            self.pinned[name], self.there[name] = line.pinned(n), line.memory(n)
        pinned, there = self.pinned[name][:n], self.there[name][:n]
        pinned.copy_(tensor.contiguous().reshape(-1).view(torch.uint8))
        line.copy(there, pinned)
        return there.view(tensor.dtype).view(tensor.shape)


class Line:
    """Copies to a CUDA device on a stream of their own."""

    def __init__(self, device: torch.device) -> None:
        self.device, self.stream = device, torch.cuda.Stream(device)

    def pinned(self, n: int) -> torch.Tensor:
        return torch.empty(n, dtype=torch.uint8, pin_memory=True)

    def memory(self, n: int) -> torch.Tensor:
        # taken on the stream of the work, which may still be using what was there before
        self.stream.wait_stream(torch.cuda.current_stream(self.device))
        return torch.empty(n, dtype=torch.uint8, device=self.device)

    def copy(self, to: torch.Tensor, pinned: torch.Tensor) -> None:
        with torch.cuda.stream(self.stream):
            to.copy_(pinned, non_blocking=True)

    def mark_copy(self) -> torch.cuda.Event:
        return self.stream.record_event()

    def mark_work(self) -> torch.cuda.Event:
        return torch.cuda.current_stream(self.device).record_event()

    def copy_after(self, event: torch.cuda.Event) -> None:
        self.stream.wait_event(event)

    def work_after(self, event: torch.cuda.Event) -> None:
        torch.cuda.current_stream(self.device).wait_event(event)

    def wait(self, event: torch.cuda.Event) -> None:
        event.synchronize()
