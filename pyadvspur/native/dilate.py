"""Masks grown by a plus-shaped maximum, many rounds in a few passes. On the CPU, where masks are read."""

from __future__ import annotations

import torch

from pyadvspur.errors import bad
from pyadvspur.native.core import core
from pyadvspur.native.ops import threads as default_threads

_LIMIT = 4096  # pixels that a mask may grow


def dilate(masks: torch.Tensor, rounds: int, reach: int, *, threads: int | None = None) -> torch.Tensor:
    """Each round gives every pixel the largest value up to `reach` pixels away in its row and its column.

    masks: uint8 (B, H, W) on the CPU, any strides; 0 is least. rounds >= 0 and reach >= 1, rounds * reach at most
    4096. threads: default torch's; they change no value. Returns uint8 (B, H, W), contiguous.

    A value spreads over the pixels (x, y) with ceil(|x| / reach) + ceil(|y| / reach) <= rounds. With reach 2 and 15
    rounds this is the soft dilation of core masks in the CoRM evaluation (Singla, Moayeri & Feizi 2022).
    """
    where = "native.dilate"
    if not isinstance(masks, torch.Tensor) or masks.dtype != torch.uint8 or masks.dim() != 3:
        got = f"{masks.dtype} {tuple(masks.shape)}" if isinstance(masks, torch.Tensor) else type(masks)
        raise bad(where, "masks", got, "a uint8 tensor (B, H, W)")
    if masks.device.type != "cpu":
        raise bad(where, "masks", masks.device, "a tensor on the CPU")
    for name, value, least in (("rounds", rounds, 0), ("reach", reach, 1)):
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise bad(where, name, repr(value), f"an integer >= {least}")
    if rounds * reach > _LIMIT:
        raise bad(where, "rounds * reach", rounds * reach, f"at most {_LIMIT} pixels")
    masks = masks.contiguous()
    out = torch.empty_like(masks)
    if masks.numel():
        samples, height, width = masks.shape
        core.dilate_cpu(
            masks=masks.data_ptr(), out=out.data_ptr(), samples=samples, height=height, width=width, reach=reach,
            rounds=rounds, threads=threads or default_threads(),
        )  # fmt: skip
    return out
