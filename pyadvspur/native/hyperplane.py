"""The nearest point of a hyperplane inside the pixel box, and the step of the FAB attack."""

from __future__ import annotations

import torch

from pyadvspur.errors import bad, unknown
from pyadvspur.native.core import core, has_cuda
from pyadvspur.native.layout import (
    batch_arguments,
    check_match,
    check_state,
    mask_bytes,
    mask_of,
    memory_order,
    per_sample,
)
from pyadvspur.native.ops import cuda_stream, register, threads
from pyadvspur.reference import hyperplane as reference

NORMS = ("linf", "l2", "l1")


def _plane(d, x, w, gap, norm):
    pointers = {"d": d.data_ptr(), "x": x.data_ptr(), "w": w.data_ptr(), "gap": gap.data_ptr()}
    return {**pointers, "norm": norm, "samples": x.shape[0], "n": x.shape[1:].numel()}


def _plane_cpu(*args):
    core.to_plane_cpu(**_plane(*args), threads=threads())


def _plane_cuda(d, x, w, gap, norm):
    if not has_cuda:
        d.copy_(reference.to_plane(x, w, gap, NORMS[norm]))
        return
    with torch.cuda.device(x.device):
        core.to_plane_cuda(**_plane(d, x, w, gap, norm), cuda_stream=cuda_stream(x.device))


def _plane_fake(d, x, w, gap, norm):
    torch._check(d.shape == x.shape and x.shape == w.shape and gap.shape[0] == x.shape[0])


_to_plane = register(
    "to_plane(Tensor(a!) d, Tensor x, Tensor w, Tensor gap, int norm) -> ()",
    cpu=_plane_cpu, cuda=_plane_cuda, fake=_plane_fake,
)  # fmt: skip


def _step(x, x0, w, value, pull, mask, moved, norm, eta, alpha_max):
    return {
        "norm": norm,
        "x": x.data_ptr(),
        "x0": x0.data_ptr(),
        "w": w.data_ptr(),
        "value": value.data_ptr(),
        "pull": pull.data_ptr(),
        "moved": moved.data_ptr(),
        "eta": eta,
        "alpha_max": alpha_max,
        **batch_arguments(x, mask),
    }


def _step_cpu(*args):
    core.fab_step_cpu(**_step(*args), threads=threads())


def _step_cuda(x, x0, w, value, pull, mask, moved, norm, eta, alpha_max):
    if not has_cuda:
        new, went = reference.fab_step(x, x0, w, value, NORMS[norm], pull, eta, alpha_max, mask_of(mask))
        x.copy_(new)
        moved.copy_(went)
        return
    with torch.cuda.device(x.device):
        arguments = _step(x, x0, w, value, pull, mask, moved, norm, eta, alpha_max)
        core.fab_step_cuda(**arguments, cuda_stream=cuda_stream(x.device))


def _step_fake(x, x0, w, value, pull, mask, moved, norm, eta, alpha_max):
    torch._check(x.shape == x0.shape and x.shape == w.shape and moved.shape == value.shape)


_fab_step = register(
    "fab_step(Tensor(a!) x, Tensor x0, Tensor w, Tensor value, Tensor pull, Tensor? mask, Tensor(b!) moved, int norm, "
    "float eta, float alpha_max) -> ()",
    cpu=_step_cpu, cuda=_step_cuda, fake=_step_fake,
)  # fmt: skip


def to_plane(x: torch.Tensor, w: torch.Tensor, gap: torch.Tensor, norm: str) -> torch.Tensor:
    """The smallest d with <w, d> = gap and x + d in [0, 1]: float32, shaped as x.

    x: float32 (B, ...) in [0, 1]. w: float32, same shape; elements that are not finite count as zero. gap: (B,), any
    sign. norm: "linf", "l2" or "l1", whose length of d is the smallest possible. Where the box does not reach the
    plane, d leads as near to it as the box allows (every element with w != 0 to its wall). A gap of 0, or one that is
    not finite, gives d = 0.

    linf: min(s, room); l2: min(s |w|, room); s by Newton steps from 0, which climb to the root of that concave
    piecewise linear gain without passing it. l1: whole rooms in the order of falling |w|; the last ones, equal in
    |w|, in proportion; found by three histograms of exact integer sums. Source: Croce & Hein 2020, section 2 (the
    problem; solved there with a sort); sums of one fixed order, the same bits for any threads and cut of the batch.
    """
    where = "native.to_plane"
    if norm not in NORMS:
        raise unknown(where, "norm", norm, NORMS)
    check_state(where, "x", x)
    check_state(where, "w", w, x)
    if not isinstance(gap, torch.Tensor) or gap.shape != (len(x),) or gap.dtype == torch.bool:
        got = f"{gap.dtype} {tuple(gap.shape)}" if isinstance(gap, torch.Tensor) else type(gap).__name__
        raise bad(where, "gap", got, f"a tensor ({len(x)},)")
    order = memory_order(x) or torch.contiguous_format
    x = x.contiguous(memory_format=order)
    d = torch.empty_like(x)
    _to_plane(
        d,
        x,
        w.contiguous(memory_format=order),
        gap.to(x.device, torch.float64).contiguous(),
        NORMS.index(norm),
    )
    return d


def fab_step_(
    x: torch.Tensor,
    x0: torch.Tensor,
    w: torch.Tensor,
    value: torch.Tensor,
    *,
    norm: str,
    pull: float | torch.Tensor = 1.0,
    eta: float = 1.05,
    alpha_max: float = 0.1,
    mask: torch.Tensor | None = None,
    moved: torch.Tensor | None = None,
) -> torch.Tensor:
    """FAB's step towards the linearised boundary {z : value + <w, z - x> = 0}, biased towards x0; in place, returns x.

    With b = x0 + pull (x - x0): x <- (1 - alpha)(b + eta d(b)) + alpha (x0 + eta d(x0)), clamped to [0, 1]; d(.) is
    `to_plane`, alpha = min(|d(b)| / (|d(b)| + |d(x0)|), alpha_max).

    x, x0, w: float32 (B, ...); x, x0 in [0, 1]. value: float32 (B,), what the linear function is at x. pull: a number
    or (B,), at most 1: below 1 the step starts from a point nearer to x0. mask: (B,H,W), non-zero = may change; the
    other pixels end equal to x0. moved: bool (B,), set to whether the sample had a direction; one without (w is zero,
    or value not finite) stays. Source: Croce & Hein 2020, algorithm 1.
    """
    where = "native.fab_step"
    if norm not in NORMS:
        raise unknown(where, "norm", norm, NORMS)
    check_state(where, "x", x)
    check_state(where, "x0", x0, x)
    check_match(where, "w", w, x)
    order = memory_order(x)
    state = x.contiguous() if order is None else x
    order = order or torch.contiguous_format
    if moved is None:
        moved = torch.empty(len(x), dtype=torch.bool, device=x.device)
    _fab_step(
        state,
        x0.contiguous(memory_format=order),
        w.to(torch.float32).contiguous(memory_format=order),
        per_sample(where, "value", value, x),
        per_sample(where, "pull", pull, x),
        mask_bytes(where, mask, x),
        moved,
        NORMS.index(norm),
        float(eta),
        float(alpha_max),
    )
    return x if state is x else x.copy_(state)
