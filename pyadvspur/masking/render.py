"""Rendering batches: the checks at the border, and the variant table that the kernel takes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import torch

from pyadvspur import streams
from pyadvspur.errors import bad
from pyadvspur.masking.variants import REGIONS, Variant, Variants
from pyadvspur.native import render as native

_WHERE = "masking.render"
_DTYPES = (torch.float32, torch.bfloat16, torch.float16)


def render(
    images: torch.Tensor,
    masks: torch.Tensor | None,
    variants: Variants | Iterable[Variant | str],
    *,
    ids: torch.Tensor | None = None,
    seed: int = 0,
    trial: int = 0,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    dtype: torch.dtype = torch.float32,
    channels_last: bool = False,
    partners: torch.Tensor | None = None,
    out: torch.Tensor | None = None,
) -> torch.Tensor:
    """Every variant of a batch, in one pass and without storing noise.

    images: uint8 (B,H,W,3), or float32 (B,3,H,W) in [0, 1]; any strides. masks: (B,H,W), bool, uint8 with 255 =
    foreground, or floating in [0, 1] with 1 = foreground; None if every variant is 'everywhere'. partners: like
    images, needed by swap. ids: int64 (B,), the samples' identities (default 0..B-1): noise depends on (seed, id,
    trial, pixel) alone, and all noise variants of a trial share it. mean, std: three numbers each, in [0,1] pixel
    units; the result is (x - mean) * (1 / std). dtype: float32, bfloat16 or float16. out: an earlier result to
    write into, of the same shape, type and layout.

    Returns (V,B,3,H,W) on the images' device; with channels_last, each (B,3,H,W) slice is in that memory format.
    With x the image, m the mask, w = m, 1-m or 1 by region, and Z standard normal:

        noise(std=s)  x + s w Z                   noise(l2=e)  x + e w Z / ||w Z||_2  (over all pixels and channels)
        fill(value)   (1-w) x + w value           swap         (1-w) x + w partner

    clamped to [0, 1]. Where w Z = 0 everywhere, l2 noise gives the clean image; `render_counted` says where.

    Raises AdvSpurError for wrong types, shapes, devices and, for tensors on the CPU, values outside [0, 1] or not
    finite. On a GPU values are not looked at (that would wait for the device): NaN stays NaN, the rest is clamped.
    Source: Moayeri et al. 2022 (RIVAL10 noise analysis).
    """
    return render_counted(
        images, masks, variants, ids=ids, seed=seed, trial=trial, mean=mean, std=std, dtype=dtype,
        channels_last=channels_last, partners=partners, out=out,
    )[0]  # fmt: skip


def render_counted(
    images: torch.Tensor,
    masks: torch.Tensor | None,
    variants: Variants | Iterable[Variant | str],
    *,
    ids: torch.Tensor | None = None,
    seed: int = 0,
    trial: int = 0,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    dtype: torch.dtype = torch.float32,
    channels_last: bool = False,
    partners: torch.Tensor | None = None,
    out: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """`render`, and bool (V,B): l2 noise on an empty region, where the clean image was given instead."""
    variants = variants if isinstance(variants, Variants) else Variants(variants)
    shape = _check_images("images", images)
    if dtype not in _DTYPES:
        raise bad(_WHERE, "dtype", dtype, "torch.float32, torch.bfloat16 or torch.float16")
    masks = _check_masks(masks, shape, images.device) if variants.needs_masks else None
    if variants.needs_partners:
        if partners is None:
            raise bad(_WHERE, "partners", "nothing", "one image a sample", "swap variants need them")
        if _check_images("partners", partners) != shape:
            raise bad(_WHERE, "partners", tuple(partners.shape), f"the images' shape {tuple(images.shape)}")
        if partners.dtype != images.dtype or partners.device != images.device:
            got, takes = f"{partners.dtype} on {partners.device}", f"{images.dtype} on {images.device}"
            raise bad(_WHERE, "partners", got, takes)
    else:
        partners = None
    if len(variants) > native.MAX_VARIANTS:
        raise bad(_WHERE, "variants", len(variants), f"at most {native.MAX_VARIANTS} at a time")
    if out is None:
        out = native.allocate(
            len(variants), *shape, dtype=dtype, channels_last=channels_last, device=images.device
        )
    else:
        _check_out(out, (len(variants), shape[0], 3, *shape[1:]), dtype, images.device, channels_last)
    kinds, regions, amounts = _table(variants)
    mean_list, scale_list = _normalisation(mean, std)
    empty = native.render(
        out, images, masks, partners, _check_ids(ids, shape[0], images.device), kinds, regions, amounts,
        seed=seed, stream=streams.stream(streams.NOISE, trial), mean=mean_list, scale=scale_list,
    )  # fmt: skip
    return out, empty


def _table(variants: Variants) -> tuple[list[int], list[int], list[float]]:
    """Kinds, regions and amounts as the kernel numbers them."""
    kinds, regions, amounts = [], [], []
    for v in variants:
        kinds.append({"clean": 0, "noise": 1 if v.l2 is None else 2, "fill": 3, "swap": 4}[v.kind])
        regions.append(REGIONS.index(v.region))
        amounts.append(next((a for a in (v.std, v.l2, v.value) if a is not None), 0.0))
    return kinds, regions, amounts


def _check_images(name: str, images: torch.Tensor) -> tuple[int, int, int]:
    """(B, H, W)."""
    takes = "uint8 (B,H,W,3) or float32 (B,3,H,W)"
    if not isinstance(images, torch.Tensor):
        raise bad(_WHERE, name, type(images).__name__, f"a tensor, {takes}")
    channel = {torch.uint8: 3, torch.float32: 1}.get(images.dtype)
    if channel is None or images.dim() != 4 or images.shape[channel] != 3:
        raise bad(_WHERE, name, f"{images.dtype} {tuple(images.shape)}", takes)
    h, w = (images.shape[i] for i in range(1, 4) if i != channel)
    if h == 0 or w == 0:
        raise bad(_WHERE, name, tuple(images.shape), "images of at least one pixel")
    _check_range(name, images)
    return images.shape[0], h, w


def _check_masks(
    masks: torch.Tensor | None, shape: tuple[int, int, int], device: torch.device
) -> torch.Tensor:
    """uint8 or float32."""
    if masks is None:
        raise bad(_WHERE, "masks", "nothing", f"a (B,H,W) tensor, here {shape}", "these variants need masks")
    if not isinstance(masks, torch.Tensor) or tuple(masks.shape) != shape:
        got = tuple(masks.shape) if isinstance(masks, torch.Tensor) else type(masks).__name__
        raise bad(_WHERE, "masks", got, f"a (B,H,W) tensor, here {shape}")
    if masks.device != device:
        raise bad(_WHERE, "masks", masks.device, f"the images' device {device}")
    if masks.dtype == torch.bool:
        return masks.to(torch.uint8) * 255
    if masks.dtype == torch.uint8:
        if _can_look(masks) and masks.max() == 1:
            raise bad(
                _WHERE, "masks", "uint8 values 0 and 1 only", "255 for foreground", "Pass masks.bool()."
            )
        return masks
    if not masks.is_floating_point():
        raise bad(_WHERE, "masks", masks.dtype, "bool, uint8 (255 = foreground) or floating point in [0, 1]")
    masks = masks.to(torch.float32)
    _check_range("masks", masks)
    return masks


def _can_look(x: torch.Tensor) -> bool:
    return x.device.type == "cpu" and x.numel() > 0 and not torch.compiler.is_compiling()


def _check_range(name: str, x: torch.Tensor) -> None:
    if not x.is_floating_point() or not _can_look(x):
        return
    low, high = (float(v) for v in torch.aminmax(x))  # NaN comes through both
    if not (low >= 0.0 and high <= 1.0):
        raise bad(_WHERE, name, f"values from {low:g} to {high:g}", "finite values in [0, 1]")


def _check_ids(ids: torch.Tensor | None, b: int, device: torch.device) -> torch.Tensor:
    if ids is None:
        return torch.arange(b, device=device)
    if not isinstance(ids, torch.Tensor) or ids.dtype != torch.int64 or tuple(ids.shape) != (b,):
        got = f"{ids.dtype} {tuple(ids.shape)}" if isinstance(ids, torch.Tensor) else type(ids).__name__
        raise bad(_WHERE, "ids", got, f"an int64 tensor of shape ({b},)")
    return ids.to(device).contiguous()


def _check_out(
    out: torch.Tensor, shape: tuple[int, ...], dtype: torch.dtype, device: torch.device, channels_last: bool
) -> None:
    if (
        not isinstance(out, torch.Tensor)
        or tuple(out.shape) != shape
        or out.dtype != dtype
        or out.device != device
    ):
        got = (
            f"{out.dtype} {tuple(out.shape)} on {out.device}" if isinstance(out, torch.Tensor) else type(out)
        )
        raise bad(_WHERE, "out", got, f"{dtype} {shape} on {device}")
    if not (out.permute(0, 1, 3, 4, 2) if channels_last else out).is_contiguous():
        layout = "(V,B,H,W,3)" if channels_last else "(V,B,3,H,W)"
        raise bad(_WHERE, "out", f"strides {out.stride()}", f"a tensor that lies in memory as {layout}")


def _normalisation(
    mean: Sequence[float] | None, std: Sequence[float] | None
) -> tuple[list[float], list[float]]:
    """Mean and 1 / std, or twice nothing."""
    if mean is None and std is None:
        return [], []
    if mean is None or std is None:
        raise bad(_WHERE, "mean and std", f"{mean} and {std}", "both, or neither")
    mean, std = [float(v) for v in mean], [float(v) for v in std]
    if len(mean) != 3 or not all(map(math.isfinite, mean)):
        raise bad(_WHERE, "mean", mean, "three finite numbers")
    if len(std) != 3 or not all(math.isfinite(v) and v > 0 for v in std):
        raise bad(_WHERE, "std", std, "three finite numbers > 0")
    return mean, [1.0 / v for v in std]
