"""The border of the attacks: what is refused, and how a model is handled so that nothing of it changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from pyadvspur.attacks.members import NORMS
from pyadvspur.errors import bad, unknown


@contextmanager
def evaluating(model: Callable) -> Iterator[None]:
    """Every submodule in eval mode, put back as it was on the way out, whatever happens.

    Works inside no_grad and inference_mode; grad mode is the caller's again afterwards.
    """
    if not callable(model):
        raise bad(
            "attacks",
            "model",
            type(model).__name__,
            "a callable: pixels in [0,1] (n, C, H, W) -> logits (n, K)",
        )
    modules = list(model.modules()) if isinstance(model, torch.nn.Module) else []
    training = [module for module in modules if module.training]
    for module in training:
        module.training = False
    try:
        with torch.inference_mode(False), _ieee():
            yield
    finally:
        for module in training:
            module.training = True


@contextmanager
def _ieee() -> Iterator[None]:
    """float32 means float32: no TF32 or bfloat16 inside matrix products and convolutions, no choice by
    stopwatch.
    """
    precision = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision("highest")
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
            yield
    finally:
        torch.set_float32_matmul_precision(precision)


def _as_labels(where: str, name: str, y, n: int, device: torch.device) -> torch.Tensor:
    y = torch.as_tensor(y)
    if y.is_floating_point() or y.is_complex() or y.dtype == torch.bool or tuple(y.shape) != (n,):
        raise bad(where, name, f"{y.dtype} {tuple(y.shape)}", f"integer classes of shape ({n},)")
    y = y.to(device=device, dtype=torch.int64)
    if n and int(y.min()) < 0:
        raise bad(where, name, int(y.min()), "classes >= 0")
    return y


def check_images(where: str, x) -> torch.Tensor:
    """x as a plain float32 tensor of finite values in [0,1]; float16, bfloat16 and float64 are converted."""
    if not isinstance(x, torch.Tensor) or not x.is_floating_point() or x.dim() < 2:
        got = f"{x.dtype} {tuple(x.shape)}" if isinstance(x, torch.Tensor) else type(x).__name__
        raise bad(
            where, "x", got, "a float tensor of images (B, C, H, W) in [0,1]", "divide uint8 images by 255"
        )
    x = x.detach().to(torch.float32)
    if x.is_inference():
        x = x.clone()
    if x.numel():
        low, high = torch.aminmax(x)
        if not (float(low) >= 0 and float(high) <= 1):  # also true for NaN
            raise bad(
                where, "x", f"values in [{float(low):g}, {float(high):g}]", "finite pixels in [0,1]",
                "normalisation belongs inside the model",
            )  # fmt: skip
    return x


def check_eps(where: str, eps, x: torch.Tensor, name: str = "eps") -> torch.Tensor:
    """eps as float32 (B,): one radius or one a sample."""
    try:
        eps = torch.as_tensor(eps, dtype=torch.float64, device=x.device)
    except (TypeError, ValueError, RuntimeError):
        raise bad(where, name, eps, "a radius >= 0 or a tensor (B,) of them") from None
    if eps.dim() > 1 or (eps.dim() == 1 and len(eps) != len(x)):
        raise bad(where, name, f"shape {tuple(eps.shape)}", f"a radius or a tensor ({len(x)},) of them")
    if eps.numel() and not bool(((eps >= 0) & eps.isfinite()).all()):
        raise bad(
            where, name, eps.tolist(), "finite radii >= 0", "radii are in [0,1] pixel units, 8/255 not 8"
        )
    return eps.float().expand(len(x)).contiguous()


def check_norm(where: str, norm: str) -> str:
    if norm not in NORMS:
        raise unknown(where, "norm", norm, NORMS)
    return norm


@dataclass(frozen=True)
class Checked:
    """A batch that passed the border: x float32, y, ids and targets int64, mask bool (B, H, W)."""

    x: torch.Tensor
    y: torch.Tensor
    ids: torch.Tensor
    mask: torch.Tensor | None = None
    targets: torch.Tensor | None = None


def check_batch(where: str, x, y, ids, mask, targets=None) -> Checked:
    """The batch, checked and converted; ids are 0..B-1 by default."""
    x = check_images(where, x)
    y = _as_labels(where, "y", y, len(x), x.device)
    if ids is None:
        ids = torch.arange(len(x), device=x.device)
    else:
        ids = torch.as_tensor(ids)
        if ids.dtype != torch.int64 or tuple(ids.shape) != (len(x),):
            raise bad(
                where, "ids", f"{ids.dtype} {tuple(ids.shape)}", f"int64 sample ids of shape ({len(x)},)"
            )
        ids = ids.to(x.device)
    if targets is not None:
        targets = _as_labels(where, "targets", targets, len(x), x.device)
    return Checked(x, y, ids, check_mask(where, mask, x), targets)


def check_mask(where: str, mask, x: torch.Tensor) -> torch.Tensor | None:
    """bool (B, H, W): where the image may change. bool, integer (non-zero = free) or float in [0,1] (>=
    .5 = free).
    """
    if mask is None:
        return None
    mask = torch.as_tensor(mask).to(x.device)
    if x.dim() != 4 or tuple(mask.shape) not in ((len(x), *x.shape[2:]), (len(x), 1, *x.shape[2:])):
        raise bad(where, "mask", f"shape {tuple(mask.shape)}", f"(B, H, W) of the images, {tuple(x.shape)}")
    if mask.is_floating_point():
        if mask.numel() and not bool(((mask >= 0) & (mask <= 1)).all()):
            raise bad(where, "mask", "values outside [0,1]", "a float mask in [0,1], or a bool one")
        mask = mask >= 0.5
    return (mask != 0).reshape(len(x), *x.shape[2:])


def check_count(where: str, name: str, value, least: int = 1) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise bad(where, name, repr(value), f"an integer >= {least}")
    return value
