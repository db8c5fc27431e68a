"""Variants of images in plain torch."""

from __future__ import annotations

import torch

from pyadvspur.reference import random

CLEAN, NOISE_STD, NOISE_L2, FILL, SWAP = range(5)
FOREGROUND, BACKGROUND, EVERYWHERE = range(3)


def pixels(images: torch.Tensor) -> torch.Tensor:
    """uint8 (B,H,W,3) or float32 (B,3,H,W) to float32 (B,3,H,W) in [0, 1]."""
    if images.dtype == torch.uint8:
        return images.permute(0, 3, 1, 2).to(torch.float32) / 255
    return images


def _weights(
    masks: torch.Tensor | None, region: int, like: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """(B,1,H,W) twice: how much of a pixel changes, how much stays."""
    if region == EVERYWHERE:
        one = torch.ones_like(like[:, :1])
        return one, 1 - one
    m = (masks.to(torch.float32) / 255 if masks.dtype == torch.uint8 else masks)[:, None]
    return (m, 1 - m) if region == FOREGROUND else (1 - m, m)


def render(
    images: torch.Tensor,
    masks: torch.Tensor | None,
    partners: torch.Tensor | None,
    ids: torch.Tensor,
    kinds: list[int],
    regions: list[int],
    amounts: list[float],
    seed: int,
    stream: int,
    mean: list[float],
    scale: list[float],
    dtype: torch.dtype,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Twin of `native.render.render`: (V,B,3,H,W) in `dtype`, and bool (V,B): l2 noise found nothing to change."""
    x = pixels(images)
    z = None
    if NOISE_STD in kinds or NOISE_L2 in kinds:
        z = random.draw(ids, x[0].numel() if len(x) else 0, "normal", seed, stream).reshape(x.shape)
    rows = []
    empty = torch.zeros(len(kinds), len(x), dtype=torch.bool, device=x.device)
    for v, (kind, region, amount) in enumerate(zip(kinds, regions, amounts)):
        change, keep = _weights(masks, region, x)
        amount = torch.tensor(amount, dtype=torch.float32, device=x.device)
        if kind == CLEAN:
            y = x
        elif kind == NOISE_STD:
            y = x + amount * change * z
        elif kind == NOISE_L2:
            norm = (change * z).double().flatten(1).norm(dim=1)
            empty[v] = norm == 0
            factor = torch.where(empty[v], 0.0, amount.double() / norm).float()
            y = x + factor[:, None, None, None] * change * z
        elif kind == FILL:
            y = keep * x + change * amount
        else:
            y = keep * x + change * pixels(partners)
        rows.append(y.clamp(0, 1))
    out = torch.stack(rows)
    if mean:
        out = (out - out.new_tensor(mean)[:, None, None]) * out.new_tensor(scale)[:, None, None]
    return out.to(dtype), empty
