"""One projected step of an attack in plain torch."""

from __future__ import annotations

import torch

from pyadvspur.reference.hyperplane import climb
from pyadvspur.reference.project import norm2, room_of, shrink_l2, soft, threshold_l1, wide


def bounds_linf(x0: torch.Tensor, eps: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Smallest and largest pixel within eps of x0 and within [0,1]: rounding never leads out of the ball."""
    e = wide(eps, x0)
    low, high = (x0 - e).clamp(min=0), (x0 + e).clamp(max=1)
    low = torch.where(x0 - low > e, torch.nextafter(low, torch.ones_like(low)), low)
    return low, torch.where(high - x0 > e, torch.nextafter(high, torch.zeros_like(high)), high)


def sparse_sign(x: torch.Tensor, g: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
    """sign(g) on the k largest |g| that can still move inside [0,1], 0 elsewhere; ties by index."""
    able = ((g > 0) & (x < 1)) | ((g < 0) & (x > 0))
    size = torch.where(able, g.abs(), 0.0).flatten(1)
    order = size.argsort(dim=1, descending=True, stable=True)
    rank = torch.empty_like(order).scatter_(
        1, order, torch.arange(size.shape[1], device=x.device).expand_as(order)
    )
    chosen = (rank < k[:, None]) & (size > 0)
    return (torch.sign(g).flatten(1) * chosen).reshape(x.shape)


def full_length(x: torch.Tensor, g: torch.Tensor, size: torch.Tensor) -> torch.Tensor:
    """clamp(s g) to the box around x with the s at which its l2 norm is `size`: float64, shaped as x."""
    room = torch.where(g > 0, 1 - x, x).double()
    rate, wall = (t.flatten(1) for t in (g.double().square(), torch.where(g == 0, 0.0, room).square()))
    squares = climb(torch.ones_like(rate), wall, rate, size.double().square())
    return squares.sqrt().reshape(x.shape) * torch.sign(g)


def step(
    x: torch.Tensor,
    x0: torch.Tensor,
    grad: torch.Tensor,
    norm: str,
    eps: torch.Tensor,
    step_size: torch.Tensor,
    mask: torch.Tensor | None = None,
    k: torch.Tensor | None = None,
    lengthen: bool = False,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Twin of `native.step.step_`; eps, step_size (B,) float32, k (B,) int64, mask boolean (B,1,H,W).

    Returns the new points and which samples had a direction to go.
    """
    g = torch.where(grad.isfinite(), grad, 0.0)
    start = x
    if mask is not None:
        g, start = torch.where(mask, g, 0.0), torch.where(mask, x, x0)
    if norm == "linf":
        low, high = bounds_linf(x0, eps)
        moved = (g != 0).flatten(1).any(1)
        return (start + wide(step_size, x) * torch.sign(g)).minimum(high).maximum(low), moved
    if norm == "l2" and lengthen:
        step = full_length(start, g, step_size)
        moved = ((g != 0) & (torch.where(g > 0, 1 - start, start) > 0)).flatten(1).any(1)
        there = start.double() + step
        shrink = wide(shrink_l2(norm2(there - x0), eps), x)
        new = (there + (shrink - 1) * (there - x0)).float().clamp(0, 1)
    elif norm == "l2":
        length = norm2(g)
        moved = length > 0
        unit = (g.double() / wide(torch.where(moved, length, 1.0), g)).float()
        there = start + wide(step_size, x) * unit
        shrink = shrink_l2(norm2(start.double() - x0 + wide(step_size, x).double() * unit), eps)
        new = (there + wide((shrink - 1).float(), x) * (there - x0)).clamp(0, 1)
    else:
        direction = sparse_sign(start, g, k)
        moved = (direction != 0).flatten(1).any(1)
        share = step_size.double() / direction.abs().double().flatten(1).sum(1).clamp(min=1)
        v = (start - x0) + wide(share.float(), x) * direction
        room = room_of(v, x0)
        new = (x0 + soft(v, room, threshold_l1(v, room, eps)).float()).clamp(0, 1)
    return torch.where(wide(moved, x), new, x), moved
