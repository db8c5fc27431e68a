"""Projections onto norm balls, with and without the pixel box, in plain torch with float64 sums."""

from __future__ import annotations

import torch


def wide(value: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """(B,) made to broadcast against (B, ...)."""
    return value.reshape(-1, *[1] * (like.dim() - 1))


def norm2(d: torch.Tensor) -> torch.Tensor:
    """Euclidean norm of each sample, float64 (B,)."""
    return d.double().flatten(1).square().sum(1).sqrt()


def shrink_l2(norm: torch.Tensor, eps: torch.Tensor) -> torch.Tensor:
    """Factor that brings a vector of this norm into the ball, float64, at most 1."""
    return torch.where(norm > eps.double(), eps.double() / norm, torch.ones_like(norm))


def soft(v: torch.Tensor, room: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    """sign(v) clamp(|v| - t, 0, room) in float64."""
    return torch.sign(v.double()) * (v.abs().double() - wide(t, v)).clamp(min=0).minimum(room.double())


def room_of(v: torch.Tensor, x0: torch.Tensor | None) -> torch.Tensor:
    """How far each element may go in the direction of its sign."""
    return torch.full_like(v, torch.inf) if x0 is None else torch.where(v > 0, 1 - x0, x0)


def threshold_l1(v: torch.Tensor, room: torch.Tensor, eps: torch.Tensor) -> torch.Tensor:
    """The t >= 0 whose soft threshold has l1 norm eps (0 where v needs none): bisection in float64."""
    low = torch.zeros(len(v), dtype=torch.float64, device=v.device)
    outside = soft(v, room, low).abs().flatten(1).sum(1) > eps.double()
    high = v.abs().double().flatten(1).amax(1) if v[0:1].numel() else low.clone()
    for _ in range(100):
        middle = (low + high) / 2
        above = soft(v, room, middle).abs().flatten(1).sum(1) > eps.double()
        low, high = torch.where(above, middle, low), torch.where(above, high, middle)
    return torch.where(outside, high, torch.zeros_like(high))


def project(
    delta: torch.Tensor,
    norm: str,
    eps: torch.Tensor,
    x0: torch.Tensor | None = None,
    mask: torch.Tensor | None = None,
) -> torch.Tensor:
    """Twin of `native.project.project_`; eps (B,) float32, mask boolean (B,1,H,W). Returns a new tensor."""
    if mask is not None:
        delta = torch.where(mask, delta, 0.0)
    if norm == "l1":
        room = room_of(delta, x0)
        return soft(delta, room, threshold_l1(delta, room, eps)).float()
    if norm == "l2":
        delta = delta * wide(shrink_l2(norm2(delta), eps).float(), delta)
    else:
        delta = delta.clamp(-wide(eps, delta), wide(eps, delta))
    return delta if x0 is None else delta.clamp(-x0, 1 - x0)
