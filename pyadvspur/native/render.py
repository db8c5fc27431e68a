"""All variants of a batch in one pass. The public door is `masking.render`, which checks what it passes here."""

from __future__ import annotations

import torch

from pyadvspur.native.ops import register
from pyadvspur.reference import render as reference

_SCHEMA = (
    "render(Tensor(a!) out, Tensor(b!) empty, Tensor(c!) scratch, Tensor images, Tensor? masks, Tensor? partners, "
    "Tensor ids, int[] kinds, int[] regions, float[] amounts, int seed, int stream, float[] mean, float[] scale) -> ()"
)
PART = 4096  # pixels whose squared noise is summed as one; must equal kPart in csrc/core/render.h


def _render_reference(
    out, empty, scratch, images, masks, partners, ids, kinds, regions, amounts, seed, stream, mean, scale
):
    rows, nothing = reference.render(
        images, masks, partners, ids, kinds, regions, amounts, seed, stream, mean, scale, out.dtype
    )
    out.copy_(rows)
    empty.copy_(nothing)


def _render_fake(
    out, empty, scratch, images, masks, partners, ids, kinds, regions, amounts, seed, stream, mean, scale
):
    torch._check(out.dim() == 5 and out.shape[0] == len(kinds) == len(regions) == len(amounts))
    torch._check(out.shape[1] == images.shape[0] == ids.shape[0])
    torch._check(empty.shape == out.shape[:2])


_render = register(_SCHEMA, cpu=_render_reference, cuda=_render_reference, fake=_render_fake)


def render(
    images: torch.Tensor,
    masks: torch.Tensor | None,
    partners: torch.Tensor | None,
    ids: torch.Tensor,
    kinds: list[int],
    regions: list[int],
    amounts: list[float],
    *,
    seed: int,
    stream: int,
    mean: list[float],
    scale: list[float],
    dtype: torch.dtype,
    channels_last: bool,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Allocate and render: ((V,B,3,H,W), empty bool (V,B)).

    images and partners: uint8 (B,H,W,3) or float32 (B,3,H,W), any strides. masks: uint8 or float32 (B,H,W).
    kinds, regions, amounts: one entry a variant, numbered as in `reference.render`. mean and scale: three numbers
    each, or empty; y = (x - mean) * scale.
    """
    b, h, w = (images.shape[i] for i in ((0, 1, 2) if images.dtype == torch.uint8 else (0, 2, 3)))
    device = images.device
    if channels_last:
        out = torch.empty(len(kinds), b, h, w, 3, dtype=dtype, device=device).permute(0, 1, 4, 2, 3)
    else:
        out = torch.empty(len(kinds), b, 3, h, w, dtype=dtype, device=device)
    empty = torch.zeros(len(kinds), b, dtype=torch.bool, device=device)
    parts = -(-h * w // PART) if reference.NOISE_L2 in kinds else 0
    scratch = torch.empty(b, parts, 3, dtype=torch.float64, device=device)
    if b:
        _render(
            out, empty, scratch, images, masks, partners, ids, kinds, regions, amounts,
            (seed + 2**63) % 2**64 - 2**63, stream, mean, scale,
        )  # fmt: skip
    return out, empty
