"""One step of APGD in plain torch: bookkeeping of the best point, checkpoints, the momentum step, projections."""

from __future__ import annotations

import torch

from pyadvspur.reference.project import wide
from pyadvspur.reference.step import step

RISES = 0.75  # share of the steps of a window that must raise the loss
L1_FALL, L1_SHRINK, L1_LEAST, L1_WIDTH = 0.95, 1.5, 0.1, 1.5


def bookkeep(
    state: dict[str, torch.Tensor], grad: torch.Tensor, loss: torch.Tensor, window: int, x0, eps, norm
):
    """Best point and gradient, then, where window > 0, the checkpoint: new state, gradient to step along."""
    s = dict(state)
    better = loss > s["best_loss"]
    s["best"] = torch.where(wide(better, grad), s["x"], s["best"])
    s["best_grad"] = torch.where(wide(better, grad), grad, s["best_grad"])
    s["best_loss"] = torch.where(better, loss, s["best_loss"])
    s["rises"] = s["rises"] + (loss > s["last_loss"]).to(s["rises"].dtype)
    s["last_loss"] = loss
    if not window:
        return s, grad
    if norm == "l1":
        count = ((s["best"] != x0).flatten(1)).sum(1)
        again = count.double() < L1_FALL * s["count"].double()
        s["size"] = torch.where(again, eps, torch.maximum(s["size"] / L1_SHRINK, eps * L1_LEAST))
        s["width"] = (count.double() / L1_WIDTH).ceil().long().clamp(min=1)
        s["count"] = count
    else:
        stuck = (s["halved"] == 0) & (s["checked_loss"] >= s["best_loss"])
        again = (s["rises"].double() <= RISES * window) | stuck
        s["size"] = torch.where(again, s["size"] / 2, s["size"])
        s["halved"] = again.to(s["halved"].dtype)
        s["checked_loss"], s["rises"] = s["best_loss"], torch.zeros_like(s["rises"])
    s["x"] = torch.where(wide(again, grad), s["best"], s["x"])
    return s, torch.where(wide(again, grad), s["best_grad"], grad)


def move(s: dict[str, torch.Tensor], grad, x0, eps, norm: str, share: float, mask=None):
    """x <- P(x + share (P(x + size direction) - x) + (1 - share) (x - old)); l1: without momentum."""
    x = s["x"]
    there, moved = step(x, x0, grad, norm, eps, s["size"], mask, s["width"] if norm == "l1" else None)
    if norm != "l1":
        mixed = x + share * (there - x) + (1 - share) * (x - s["old"])
        there, _ = step(mixed, x0, torch.ones_like(grad), norm, eps, torch.zeros_like(eps), mask)
    return {**s, "old": x, "x": there}, moved


def apgd(state, grad, loss, x0, eps, norm: str, window: int, share: float, mask=None):
    """Twin of `native.apgd.apgd_`: the new state, and which samples had a direction."""
    state, grad = bookkeep(state, grad, loss, window, x0, eps, norm)
    return move(state, grad, x0, eps, norm, share, mask)
