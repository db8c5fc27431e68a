"""All variants of a batch in one pass. The public door is `masking.render`, which checks what comes here."""

from __future__ import annotations

import torch

from pyadvspur.native.core import core, has_cuda
from pyadvspur.native.memory import empty as empty_tensor
from pyadvspur.native.ops import cuda_stream, register, signed_seed, threads
from pyadvspur.reference import render as reference

MAX_VARIANTS: int = core.max_variants
_PART: int = core.render_part
_TYPES = {torch.float32: 0, torch.bfloat16: 1, torch.float16: 2}
_SCHEMA = (
    "render(Tensor(a!) out, Tensor(b!) empty, Tensor(c!) scratch, Tensor images, Tensor? masks, "
    "Tensor? partners, Tensor ids, int[] kinds, int[] regions, float[] amounts, int seed, int stream, "
    "float[] mean, float[] scale) -> ()"
)


def _strides(images: torch.Tensor) -> list[int]:
    """Strides of batch, channel, row and column."""
    b, *rest = images.stride()
    return [b, rest[2], *rest[:2]] if images.dtype == torch.uint8 else [b, *rest]


def _arguments(
    out, empty, scratch, images, masks, partners, ids, kinds, regions, amounts, seed, stream, mean, scale
):
    byte = torch.uint8
    return {
        "sizes": (out.shape[1], out.shape[3], out.shape[4]),
        "images": images.data_ptr(),
        "image_bytes": images.dtype == byte,
        "image_strides": _strides(images),
        "partners": 0 if partners is None else partners.data_ptr(),
        "partner_strides": [] if partners is None else _strides(partners),
        "masks": 0 if masks is None else masks.data_ptr(),
        "mask_bytes": masks is not None and masks.dtype == byte,
        "mask_strides": [] if masks is None else masks.stride(),
        "ids": ids.data_ptr(),
        "kinds": kinds,
        "regions": regions,
        "amounts": amounts,
        "seed": seed % 2**64,
        "stream": stream,
        "mean": mean or (0.0, 0.0, 0.0),
        "scale": scale or (1.0, 1.0, 1.0),
        "out": out.data_ptr(),
        "out_type": _TYPES[out.dtype],
        "channels_last": not out.is_contiguous(),
        "empty": empty.data_ptr(),
        "scratch": scratch.data_ptr(),
    }


def _render_cpu(*args):
    core.render_cpu(**_arguments(*args), threads=threads())


def _render_cuda(*args):
    if not has_cuda:
        _render_reference(*args)
        return
    with torch.cuda.device(args[0].device):
        core.render_cuda(**_arguments(*args), cuda_stream=cuda_stream(args[0].device))


def _render_reference(out, empty, scratch, *inputs):
    rows, nothing = reference.render(*inputs, out.dtype)
    out.copy_(rows)
    empty.copy_(nothing)


def _render_fake(out, empty, scratch, images, masks, partners, ids, kinds, regions, amounts, *rest):
    torch._check(out.dim() == 5 and out.shape[0] == len(kinds) == len(regions) == len(amounts))
    torch._check(out.shape[1] == images.shape[0] == ids.shape[0])
    torch._check(empty.shape == out.shape[:2])


_render = register(_SCHEMA, cpu=_render_cpu, cuda=_render_cuda, fake=_render_fake)


def allocate(
    v: int, b: int, h: int, w: int, *, dtype: torch.dtype, channels_last: bool, device: torch.device
) -> torch.Tensor:
    """An uninitialised (V,B,3,H,W) for `render`."""
    if channels_last:
        return empty_tensor(v, b, h, w, 3, dtype=dtype, device=device).permute(0, 1, 4, 2, 3)
    return empty_tensor(v, b, 3, h, w, dtype=dtype, device=device)


def render(
    out: torch.Tensor,
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
) -> torch.Tensor:
    """Render into `out`, made by `allocate`. Returns bool (V,B): l2 noise met an empty region.

    images and partners: uint8 (B,H,W,3) or float32 (B,3,H,W), any strides. masks: uint8 or float32 (B,H,W). kinds,
    regions, amounts: one entry a variant, numbered as in `reference.render`, MAX_VARIANTS at most. mean and scale:
    three numbers each, or empty; y = (x - mean) * scale.
    """
    v, b, _, h, w = out.shape
    empty = torch.zeros(v, b, dtype=torch.bool, device=out.device)
    parts = -(-h * w // _PART) if reference.NOISE_L2 in kinds else 0
    scratch = torch.empty(b, parts, 3, dtype=torch.float64, device=out.device)
    if b:
        _render(
            out, empty, scratch, images, masks, partners, ids, kinds, regions, amounts,
            signed_seed(seed), stream, mean, scale,
        )  # fmt: skip
    return empty
