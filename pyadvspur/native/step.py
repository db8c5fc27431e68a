"""The update of a projected gradient attack, fused and in place."""

from __future__ import annotations

import torch

from pyadvspur.errors import bad, unknown
from pyadvspur.native.core import core, has_cuda
from pyadvspur.native.layout import (
    address,
    batch_arguments,
    check_match,
    check_state,
    mask_bytes,
    mask_of,
    memory_order,
    per_sample,
    reduction_scratch,
)
from pyadvspur.native.ops import cuda_stream, register, threads
from pyadvspur.reference import step as reference

NORMS = ("linf", "l2", "l1")
_SCHEMA = (
    "step(Tensor(a!) x, Tensor x0, Tensor grad, int norm, Tensor eps, Tensor step_size, Tensor? mask, Tensor? k, "
    "Tensor(b!) moved, bool lengthen=False) -> ()"
)


def _arguments(x, x0, grad, norm, eps, step_size, mask, k, moved, lengthen=False):
    return {
        "norm": norm,
        "x": x.data_ptr(),
        "x0": x0.data_ptr(),
        "grad": grad.data_ptr(),
        "eps": eps.data_ptr(),
        "step_size": step_size.data_ptr(),
        "k": address(k),
        "moved": moved.data_ptr(),
        **batch_arguments(x, mask),
        "lengthen": lengthen,
    }


def _step_cpu(*args):
    core.step_cpu(**_arguments(*args), threads=threads())


def _step_cuda(x, x0, grad, norm, eps, step_size, mask, k, moved, lengthen=False):
    if not has_cuda:
        new, went = reference.step(x, x0, grad, NORMS[norm], eps, step_size, mask_of(mask), k, lengthen)
        x.copy_(new)
        moved.copy_(went)
        return
    with torch.cuda.device(x.device):
        scratch = reduction_scratch(x) if NORMS[norm] == "l2" and not lengthen else None
        core.step_cuda(
            **_arguments(x, x0, grad, norm, eps, step_size, mask, k, moved, lengthen),
            scratch=address(scratch),
            cuda_stream=cuda_stream(x.device),
        )


def _step_fake(x, x0, grad, norm, eps, step_size, mask, k, moved, lengthen=False):
    torch._check(x.shape == x0.shape and x.shape == grad.shape and moved.shape == eps.shape)


_step = register(_SCHEMA, cpu=_step_cpu, cuda=_step_cuda, fake=_step_fake)


def _counts(k: float | torch.Tensor | None, x: torch.Tensor) -> torch.Tensor:
    """How many elements an l1 step may move, int64 (B,)."""
    n = x[0:1].numel()
    if isinstance(k, torch.Tensor):
        if k.shape not in ((), (len(x),)) or k.dtype == torch.bool:
            raise bad(
                "native.step",
                "k",
                f"{k.dtype} {tuple(k.shape)}",
                f"a number or a tensor of shape ({len(x)},)",
            )
        k = (k * n).ceil() if k.dtype.is_floating_point else k
        return k.to(x.device, torch.int64).clamp(1, max(n, 1)).expand(len(x)).contiguous()
    if isinstance(k, float):
        if not 0 < k <= 1:
            raise bad("native.step", "k", k, "a count >= 1 or a fraction in (0, 1]")
        k = -int(-k * n // 1)
    if k < 1:
        raise bad("native.step", "k", k, "a count >= 1 or a fraction in (0, 1]")
    return torch.full((len(x),), min(int(k), max(n, 1)), dtype=torch.int64, device=x.device)


def step_(
    x: torch.Tensor,
    x0: torch.Tensor,
    grad: torch.Tensor,
    *,
    norm: str,
    eps: float | torch.Tensor,
    step_size: float | torch.Tensor,
    mask: torch.Tensor | None = None,
    k: float | torch.Tensor | None = None,
    moved: torch.Tensor | None = None,
    lengthen: bool = False,
) -> torch.Tensor:
    """x <- project(x + step_size * direction(grad)) on the eps ball around x0 and the box [0, 1]. Returns x.

    x: float32 (B, ...), changed in place; x0: the clean points, same shape, in [0, 1]. grad: float32, bfloat16 or
    float16; the scale of a sample's gradient never matters, however small, and elements that are not finite count as
    zero. norm: "linf" (sign), "l2" (unit vector; ball, then box) or "l1" (equal shares on the k largest |grad| that
    can still move inside the box, ties by memory order; exact projection on ball and box). eps, step_size: numbers or
    (B,) tensors, in [0,1] pixel units. mask: (B,H,W) bool, uint8 or float, non-zero = may change; the other pixels
    end equal to x0. k (l1): a count, a fraction of the sample, or a (B,) tensor of either; default 0.05.
    moved: bool (B,), set to whether the sample had a direction: a sample without one stays where it is.
    lengthen (l2, x in the box): a step that the box cuts is short of step_size; instead of the unit vector's multiple
    take the multiple of grad that has this length after the cut (all walls, where none has). Then direction means: some
    element can move inside the box.

    linf never leaves the ball by rounding; l2 and l1 stay within 1e-6 of eps. Results do not depend on threads or on
    how a batch is cut. Sources: Madry et al. 2018 (linf, l2); Tramer & Boneh 2019, Croce & Hein 2021 (l1).
    """
    if norm not in NORMS:
        raise unknown("native.step", "norm", norm, NORMS)
    check_state("native.step", "x", x)
    check_state("native.step", "x0", x0, x)
    check_match("native.step", "grad", grad, x)
    order = memory_order(x)
    state = x.contiguous() if order is None else x
    order = order or torch.contiguous_format
    if moved is None:
        moved = torch.empty(len(x), dtype=torch.bool, device=x.device)
    elif moved.dtype != torch.bool or moved.shape != (len(x),) or not moved.is_contiguous():
        raise bad("native.step", "moved", f"{moved.dtype} {tuple(moved.shape)}", f"a bool tensor ({len(x)},)")
    _step(
        state,
        x0.contiguous(memory_format=order),
        grad.to(torch.float32).contiguous(memory_format=order),
        NORMS.index(norm),
        per_sample("native.step", "eps", eps, x),
        per_sample("native.step", "step_size", step_size, x),
        mask_bytes("native.step", mask, x),
        _counts(0.05 if k is None else k, x) if norm == "l1" else None,
        moved,
        lengthen and norm == "l2",
    )
    return x if state is x else x.copy_(state)
