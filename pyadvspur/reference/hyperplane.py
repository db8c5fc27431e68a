"""The point of a hyperplane and of the pixel box that is nearest to a point, and FAB's step, in plain torch, float64.

Bisection for the one number that decides a sample, then that number exactly, from the piece it lies on.
"""

from __future__ import annotations

import torch

from pyadvspur.reference.project import wide


def _reach(x: torch.Tensor, w: torch.Tensor, gap: torch.Tensor):
    """Direction, size and room of every element, float64: moving by up to `room` gains `size` for each unit."""
    way = torch.sign(w) * wide(torch.where(gap < 0, -1.0, 1.0), w)
    room = torch.where(way > 0, 1 - x, x)
    return way.double(), w.abs().double(), torch.where(way == 0, 0.0, room).double()


def climb(size: torch.Tensor, room: torch.Tensor, rate: torch.Tensor, need: torch.Tensor) -> torch.Tensor:
    """min(s rate, room) with the s at which sum size min(s rate, room) = need; all of the room where it is too
    little. Everything (B, n), need (B,).
    """
    low = torch.zeros_like(need)
    wall = torch.where(rate > 0, room / torch.where(rate > 0, rate, 1.0), 0.0)
    high = wall.amax(1) if wall.shape[1] else low.clone()
    for _ in range(120):
        middle = (low + high) / 2
        short = (size * torch.minimum(middle[:, None] * rate, room)).sum(1) < need
        low, high = torch.where(short, middle, low), torch.where(short, high, middle)
    held = wall <= low[:, None]
    free = torch.where(held, 0.0, size * rate).sum(1)
    exact = (need - torch.where(held, size * room, 0.0).sum(1)) / torch.where(free > 0, free, 1.0)
    s = torch.where(free > 0, torch.minimum(exact.maximum(low), high), high)
    return torch.minimum(s[:, None] * rate, room)


def _largest_first(size: torch.Tensor, room: torch.Tensor, need: torch.Tensor) -> torch.Tensor:
    """Whole rooms in the order of falling size until the need is met; the last ones, equal in size, in proportion."""
    order = size.argsort(dim=1, descending=True, stable=True)
    s, r = size.gather(1, order), room.gather(1, order)
    total = (s * r).cumsum(1)
    # the size at which the need is met: its elements share what the larger ones leave over
    at = (total < need[:, None]).sum(1, keepdim=True).clamp(max=max(size.shape[1] - 1, 0))
    edge = s.gather(1, at) if size.shape[1] else s
    above = (size * room * (size > edge)).sum(1)
    ties = (size * room * (size == edge)).sum(1)
    share = torch.where(ties > 0, (need - above) / torch.where(ties > 0, ties, 1.0), 0.0).clamp(0, 1)
    return torch.where(size > edge, room, torch.where(size == edge, share[:, None] * room, 0.0))


def to_plane(x: torch.Tensor, w: torch.Tensor, gap: torch.Tensor, norm: str) -> torch.Tensor:
    """Twin of `native.hyperplane.to_plane`, float64."""
    w = torch.where(w.isfinite(), w, 0.0)
    way, size, room = (t.flatten(1) for t in _reach(x, w, gap))
    need = gap.double().abs()
    if norm == "l1":
        d = _largest_first(size, room, need)
    else:
        d = climb(size, room, size if norm == "l2" else (size > 0).double(), need)
    return (way * torch.where(need[:, None] > 0, d, 0.0)).reshape(x.shape)


def length(d: torch.Tensor, norm: str) -> torch.Tensor:
    """Norm of each sample, float64 (B,)."""
    flat = d.double().flatten(1)
    if norm == "linf":
        return flat.abs().amax(1) if flat.shape[1] else flat.new_zeros(len(flat))
    return flat.abs().sum(1) if norm == "l1" else flat.square().sum(1).sqrt()


def fab_step(
    x: torch.Tensor,
    x0: torch.Tensor,
    w: torch.Tensor,
    value: torch.Tensor,
    norm: str,
    pull: torch.Tensor,
    eta: float,
    alpha_max: float,
    mask: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Twin of `native.hyperplane.fab_step_`; value, pull (B,), mask boolean (B,1,H,W). New points, and which moved."""
    w = torch.where(w.isfinite(), w, 0.0)
    if mask is not None:
        w, x = torch.where(mask, w, 0.0), torch.where(mask, x, x0)
    away = (x - x0).double()
    dot = (w.double() * away).flatten(1).sum(1)
    back = (x0.double() + wide(pull.double(), x) * away).float()
    # the plane {z : value + <w, z - x> = 0}, as seen from the pulled-back point and from the clean one
    here, clean = -(value - (1 - pull.double()) * dot), -(value - dot)
    moved = (w != 0).flatten(1).any(1) & value.isfinite()
    d1 = to_plane(back, w, torch.where(moved, here, 0.0), norm)
    d2 = to_plane(x0, w, torch.where(moved, clean, 0.0), norm)
    a1, a2 = length(d1, norm), length(d2, norm)
    alpha = (a1 / torch.where(a1 + a2 > 0, a1 + a2, 1.0)).clamp(max=alpha_max)
    there, there0 = back.double() + eta * d1, x0.double() + eta * d2
    new = (there + wide(alpha, x) * (there0 - there)).clamp(0, 1).float()
    return torch.where(wide(moved, x), new, x), moved
