"""One move of the iterate: step along a direction, then back into ball, box and free pixels, in place."""

from __future__ import annotations

import torch

from pyadvspur.attacks.balls import _project_l1, each, length

SPARSITY = 0.05  # l1: share of the coordinates that a step moves


def move_(x, x0, grad, norm: str, eps, size, mask) -> None:
    """x (B, ...) <- point of ball(x0, eps) and [0,1] reached from x by a step of `size` (B,) along grad's
    direction.
    """
    if mask is not None:
        grad = grad * mask
    if norm == "linf":
        x.add_(grad.sign() * each(size, x)).clamp_(x0 - each(eps, x), x0 + each(eps, x)).clamp_(0, 1)
        return
    if norm == "l2":
        top = grad.flatten(1).abs().amax(1)
        grad = grad / each(torch.where(top > 0, top, torch.ones_like(top)), grad)
        long = length(grad, "l2")
        unit = grad * each((size / torch.where(long > 0, long, torch.ones_like(long))).float(), grad)
        delta = x + unit - x0
        delta *= each((eps / length(delta, "l2").clamp_min(1e-300)).clamp_max(1).float(), delta)
        x.copy_((x0 + delta).clamp_(0, 1))
        return
    stuck = ((x <= 0) & (grad < 0)) | ((x >= 1) & (grad > 0))
    strength = grad.abs().masked_fill(stuck, 0).flatten(1)
    k = max(1, int(SPARSITY * strength.shape[1]))
    chosen = strength.topk(k, 1)
    move = torch.zeros_like(strength).scatter_(1, chosen.indices, (chosen.values > 0).float())
    move = move.view_as(grad) * grad.sign()
    move *= each(size / move.flatten(1).abs().sum(1).clamp_min(1), move)
    x.copy_((x0 + _project_l1(x + move - x0, eps, x0)).clamp_(0, 1))
