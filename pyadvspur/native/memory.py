"""Fresh tensors that cost few page faults."""

from __future__ import annotations

import torch

from pyadvspur.native.core import core

# The system's allocator maps every request above 32 MiB on its own and unmaps it when freed, so a hint given to such
# a request can touch nobody else's memory.
_LARGE = 32 << 20


def empty(*shape: int, dtype: torch.dtype, device: torch.device | str = "cpu") -> torch.Tensor:
    """`torch.empty`, on large pages where the tensor is large, on the CPU, and the system has them.

    First touching 115 MB costs about 60 ms on pages of 4 KiB and 15 ms on pages of 2 MiB.
    """
    out = torch.empty(*shape, dtype=dtype, device=device)
    if out.device.type == "cpu" and out.nbytes > _LARGE and not torch.compiler.is_compiling():
        core.prefer_large_pages(out.data_ptr(), out.nbytes)
    return out
