"""Projections of perturbations onto norm balls, in place."""

from __future__ import annotations

import torch

from pyadvspur.errors import unknown
from pyadvspur.native.core import core, has_cuda
from pyadvspur.native.layout import (
    address,
    batch_arguments,
    check_state,
    mask_bytes,
    mask_of,
    memory_order,
    per_sample,
    reduction_scratch,
)
from pyadvspur.native.ops import cuda_stream, register, threads
from pyadvspur.reference import project as reference

NORMS = ("linf", "l2", "l1")
_SCHEMA = "project(Tensor(a!) delta, Tensor? x0, int norm, Tensor eps, Tensor? mask) -> ()"


def _arguments(delta, x0, norm, eps, mask):
    batch = batch_arguments(delta, mask)
    return {"norm": norm, "delta": delta.data_ptr(), "x0": address(x0), "eps": eps.data_ptr(), **batch}


def _project_cpu(*args):
    core.project_cpu(**_arguments(*args), threads=threads())


def _project_cuda(delta, x0, norm, eps, mask):
    if not has_cuda:
        delta.copy_(reference.project(delta, NORMS[norm], eps, x0, mask_of(mask)))
        return
    with torch.cuda.device(delta.device):
        scratch = reduction_scratch(delta) if NORMS[norm] == "l2" else None
        core.project_cuda(
            **_arguments(delta, x0, norm, eps, mask),
            scratch=address(scratch),
            cuda_stream=cuda_stream(delta.device),
        )


def _project_fake(delta, x0, norm, eps, mask):
    torch._check(x0 is None or delta.shape == x0.shape)
    torch._check(eps.shape[0] == delta.shape[0])


_project = register(_SCHEMA, cpu=_project_cpu, cuda=_project_cuda, fake=_project_fake)


def project_(
    delta: torch.Tensor,
    *,
    norm: str,
    eps: float | torch.Tensor,
    x0: torch.Tensor | None = None,
    mask: torch.Tensor | None = None,
) -> torch.Tensor:
    """Bring each sample's perturbation into the ball of radius eps, in place; returns delta.

    delta: float32 (B, ...). norm: "linf", "l2" or "l1"; eps: a number or (B,). x0: the clean points in [0, 1]; with
    them x0 + delta also ends in [0, 1]: exactly the Euclidean projection on ball and box for linf and l1, ball then
    box for l2 (a point of both). mask: (B,H,W), delta becomes 0 where it is 0.

    l1: u_i = sign(v_i) clamp(|v_i| - t, 0, room_i) with the root t of sum |u_i| = eps, by safeguarded Newton steps on
    that piecewise linear sum in double precision, no sort; |u|_1 <= eps (1 + 1e-6). Source: Croce & Hein 2021,
    section 3 (the minimiser); Duchi et al. 2008 without the box.
    """
    if norm not in NORMS:
        raise unknown("native.project", "norm", norm, NORMS)
    check_state("native.project", "delta", delta)
    if x0 is not None:
        check_state("native.project", "x0", x0, delta)
    order = memory_order(delta)
    state = delta.contiguous() if order is None else delta
    order = order or torch.contiguous_format
    _project(
        state,
        None if x0 is None else x0.contiguous(memory_format=order),
        NORMS.index(norm),
        per_sample("native.project", "eps", eps, delta),
        mask_bytes("native.project", mask, delta),
    )
    return delta if state is delta else delta.copy_(state)


def project_l1_box_(x0: torch.Tensor, delta: torch.Tensor, eps: float | torch.Tensor) -> torch.Tensor:
    """Exact Euclidean projection of delta on {u : |u|_1 <= eps, x0 + u in [0, 1]}, in place. See `project_`."""
    return project_(delta, norm="l1", eps=eps, x0=x0)
