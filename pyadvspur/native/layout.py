"""What every in-place kernel on images needs to know of its tensors: memory order, masks, per-sample numbers.

A kernel sees a sample as a flat run of n floats. Two orders are flat: contiguous (NCHW) and channels_last (NHWC in
memory, "interleaved"). Any other order is copied to a contiguous one, and back.
"""

from __future__ import annotations

import math

import torch

from pyadvspur.errors import bad


def memory_order(x: torch.Tensor) -> torch.memory_format | None:
    """The memory format in which x is one flat run, or None."""
    if x.is_contiguous():
        return torch.contiguous_format
    if x.dim() == 4 and x.is_contiguous(memory_format=torch.channels_last):
        return torch.channels_last
    return None


def check_state(where: str, name: str, x: torch.Tensor, like: torch.Tensor | None = None) -> None:
    """Refuse what is not a float32 batch, or does not match the batch `like`."""
    if not isinstance(x, torch.Tensor) or x.dtype != torch.float32 or x.dim() < 2:
        got = f"{x.dtype} {tuple(x.shape)}" if isinstance(x, torch.Tensor) else type(x).__name__
        raise bad(where, name, got, "a float32 tensor (B, ...) of at least two dimensions")
    if x.shape[1:].numel() >= 2**31:
        raise bad(where, name, f"{x.shape[1:].numel()} elements a sample", "fewer than 2**31")
    if like is not None:
        check_match(where, name, x, like)


def check_match(where: str, name: str, x: torch.Tensor, like: torch.Tensor) -> None:
    if x.shape != like.shape or x.device != like.device:
        got = f"{tuple(x.shape)} on {x.device}"
        raise bad(where, name, got, f"the batch's shape {tuple(like.shape)} on {like.device}")


def per_sample(where: str, name: str, value: float | torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """A number per sample, float32 (B,), from a number >= 0 or a tensor. Tensors' values are the caller's word."""
    if isinstance(value, torch.Tensor):
        if value.shape not in ((), (len(like),)) or value.dtype == torch.bool:
            got = f"{value.dtype} {tuple(value.shape)}"
            raise bad(where, name, got, f"a number or a tensor of shape ({len(like)},)")
        return value.to(like.device, torch.float32).expand(len(like)).contiguous()
    if not math.isfinite(value) or value < 0:
        raise bad(where, name, value, "a finite number >= 0", "radii are in [0,1] pixel units, 8/255 not 8")
    return torch.full((len(like),), float(value), device=like.device)


def mask_bytes(where: str, mask: torch.Tensor | None, like: torch.Tensor) -> torch.Tensor | None:
    """A mask (B,H,W) as contiguous bytes: non-zero pixels may change."""
    if mask is None:
        return None
    if like.dim() != 4 or mask.shape != (like.shape[0], *like.shape[2:]) or mask.device != like.device:
        got = f"{tuple(mask.shape)} on {mask.device}"
        raise bad(
            where, "mask", got, f"(B,H,W) of a (B,C,H,W) batch, here {tuple(like.shape)} on {like.device}"
        )
    if mask.dtype not in (torch.bool, torch.uint8):
        mask = mask != 0
    return mask.contiguous().view(torch.uint8)


def mask_of(mask: torch.Tensor | None) -> torch.Tensor | None:
    """Bytes (B,H,W) as a boolean (B,1,H,W), for the plain-torch twins."""
    return None if mask is None else (mask != 0)[:, None]


def batch_arguments(x: torch.Tensor, mask: torch.Tensor | None) -> dict[str, int | bool]:
    """How a kernel is told of a batch and of its mask: flat samples, and where a pixel's elements lie."""
    return {
        "mask": address(mask),
        "pixels": 0 if mask is None else mask.shape[1] * mask.shape[2],
        "interleaved": mask is not None and not x.is_contiguous(),
        "samples": x.shape[0],
        "n": x.shape[1:].numel(),
    }


def address(x: torch.Tensor | None) -> int:
    return 0 if x is None else x.data_ptr()


def reduction_scratch(x: torch.Tensor) -> torch.Tensor:
    """Device memory for the partial sums of a sample-wise reduction: three doubles a chunk (csrc/core/reduce.h)."""
    chunks = -(-x.shape[1:].numel() // 2048)
    return torch.empty(3 * chunks * x.shape[0], dtype=torch.float64, device=x.device)
