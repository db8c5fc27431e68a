"""Losses to ascend, with their gradients with respect to the logits: one call, no graph."""

from __future__ import annotations

import torch

from pyadvspur.errors import bad, unknown
from pyadvspur.native.core import core, has_cuda
from pyadvspur.native.layout import address
from pyadvspur.native.ops import cuda_stream, register, threads
from pyadvspur.reference import loss as reference

KINDS = ("ce", "margin", "dlr", "dlr_targeted")
_SCHEMA = "loss(Tensor logits, Tensor y, Tensor? target, int kind, Tensor(a!) value, Tensor(b!)? grad) -> ()"


def _arguments(logits, y, target, kind, value, grad):
    return {
        "kind": kind,
        "logits": logits.data_ptr(),
        "stride": logits.stride(0),
        "label": y.data_ptr(),
        "target": address(target),
        "value": value.data_ptr(),
        "grad": address(grad),
        "rows": logits.shape[0],
        "k": logits.shape[1],
    }


def _loss_cpu(*args):
    core.loss_cpu(**_arguments(*args), threads=threads())


def _loss_cuda(logits, y, target, kind, value, grad):
    if not has_cuda:
        value.copy_(reference.loss(logits, y, target, KINDS[kind]))
        if grad is not None:
            grad.copy_(reference.loss_gradient(logits, y, target, KINDS[kind]))
        return
    with torch.cuda.device(logits.device):
        core.loss_cuda(
            **_arguments(logits, y, target, kind, value, grad), cuda_stream=cuda_stream(logits.device)
        )


def _loss_fake(logits, y, target, kind, value, grad):
    torch._check(logits.dim() == 2 and y.shape == value.shape)


_loss = register(_SCHEMA, cpu=_loss_cpu, cuda=_loss_cuda, fake=_loss_fake)


def loss(
    logits: torch.Tensor,
    y: torch.Tensor,
    kind: str,
    target: torch.Tensor | None = None,
    gradient: bool = True,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Values float32 (n,) and, if asked for, gradients float32 (n, K) of a loss with respect to logits (n, K).

    y, target: int64 (n,) in [0, K); target None: untargeted. kind: "ce", "margin", "dlr" or "dlr_targeted", as in
    attacks/losses.py: on the row's own scale, never saturated. A row with logits that are not finite has the value NaN
    and the gradient 0. Results do not depend on threads or on how a batch is cut.
    """
    where = "native.loss"
    if kind not in KINDS:
        raise unknown(where, "kind", kind, KINDS)
    if logits.dim() != 2 or not logits.is_floating_point() or logits.shape[1] < 2:
        raise bad(where, "logits", f"{logits.dtype} {tuple(logits.shape)}", "a float tensor (n, K), K >= 2")
    for name, labels in (("y", y), ("target", target)):
        if labels is not None and (labels.dtype != torch.int64 or labels.shape != logits.shape[:1]):
            got = f"{labels.dtype} {tuple(labels.shape)}"
            raise bad(where, name, got, f"int64 classes of shape ({len(logits)},)")
    logits = logits.detach().float()
    if logits.stride(1) != 1:
        logits = logits.contiguous()
    value = logits.new_empty(len(logits))
    grad = logits.new_empty(logits.shape) if gradient else None
    target = None if target is None else target.contiguous()
    _loss(logits, y.contiguous(), target, KINDS.index(kind), value, grad)
    return value, grad
