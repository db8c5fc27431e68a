"""Large fresh tensors that cost no page faults."""

from __future__ import annotations

import math

import torch

from pyadvspur.native.core import core

# Below this the system's own allocator keeps what it gets back; above, it maps and unmaps every time.
_LARGE = 32 << 20


def empty(*shape: int, dtype: torch.dtype, device: torch.device | str = "cpu") -> torch.Tensor:
    """`torch.empty`; large ones on the CPU take up the memory of an earlier one that is gone.

    First touching 115 MB from the system costs about 60 ms; torch has a cache against that on GPUs only. Up to 256 MiB
    stay with the process; `release` gives them back.
    """
    n = math.prod(shape)
    large = torch.device(device).type == "cpu" and n * dtype.itemsize > _LARGE
    if not large or torch.compiler.is_compiling():
        return torch.empty(*shape, dtype=dtype, device=device)
    return torch.frombuffer(core.Block(n * dtype.itemsize), dtype=dtype, count=n).view(shape)


def release() -> None:
    """Give the kept memory back to the system."""
    core.drop_kept_blocks()
