"""Square's windows: how large they are at which query, what is painted into them, and where an attack begins.

Andriushchenko et al. 2020. Windows are squares; where the image is too narrow for one, rectangles of the same area.
"""

from __future__ import annotations

from functools import lru_cache

import torch

from pyadvspur.native.project import project_
from pyadvspur.native.random import draw
from pyadvspur.native.step import step_
from pyadvspur.streams import SQUARE_START, stream

# After this many of 10,000 queries the area is halved again (half, a quarter, ..., 1/512 of p).
_HALVINGS = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)


def share(query: int, queries: int, p: float) -> float:
    """The share of the free pixels that the windows of a query cover."""
    at = query * 10_000 // queries
    return p / 2 ** sum(at > bound for bound in _HALVINGS)


@lru_cache(maxsize=64)
def changes(queries: int, p: float) -> frozenset[int]:
    """The queries from which windows have another share."""
    shares = [share(query, queries, p) for query in range(queries)]
    return frozenset(query for query in range(1, queries) if shares[query] != shares[query - 1])


def sides(area: torch.Tensor, height: int, width: int, norm: str) -> torch.Tensor:
    """Heights and widths of windows of these areas (B,), in pixels: int32 (B, 2).

    l2 and l1: odd, and at least 3, where the image allows it (a pattern has an upper and a lower half).
    """
    side = area.double().sqrt().round().long()
    if norm == "linf":
        side = side.clamp(min=1)
    else:
        side = side.clamp(min=3)
        side = side + (side % 2 == 0)
    tall, wide = side.clamp(max=height), side.clamp(max=width)
    wide = torch.where(tall < side, (side * side // tall).clamp(max=width), wide)
    tall = torch.where(wide < side, (side * side // wide).clamp(max=height), tall)
    return torch.stack([tall, wide], 1).int()


@lru_cache(maxsize=4096)
def patterns(height: int, width: int, norm: str) -> torch.Tensor:
    """The two patterns of a window, norm 1: positive in the upper half and negative below, or left and right.

    Each half falls off from its middle: sums of nested squares of heights 1 / k^2 (l2) or 1 / k^4 (l1).
    """
    turned = _pattern(width, height, norm).T
    return torch.stack([_pattern(height, width, norm), turned]).float()


def _pattern(height: int, width: int, norm: str) -> torch.Tensor:
    upper = height // 2
    parts = [_hill(upper, width, norm), -_hill(height - upper, width, norm)]
    return _normed(torch.cat(parts), norm)


def _hill(height: int, width: int, norm: str) -> torch.Tensor:
    if not height or not width:
        return torch.zeros(height, width, dtype=torch.float64)
    rows = (torch.arange(height) - height // 2).abs()
    columns = (torch.arange(width) - width // 2).abs()
    levels = max(height // 2, width // 2) + 1
    steps = torch.arange(1, levels + 1, dtype=torch.float64) ** (-2 if norm == "l2" else -4)
    from_level = steps.flip(0).cumsum(0).flip(0)  # everything from this level outwards
    return _normed(from_level[torch.maximum(rows[:, None], columns[None])], norm)


def _normed(d: torch.Tensor, norm: str) -> torch.Tensor:
    return d / (d.square().sum().sqrt() if norm == "l2" else d.abs().sum())


def table(side: torch.Tensor, norm: str) -> tuple[torch.Tensor, torch.Tensor]:
    """The patterns of these windows (B, 2), one after the other, and where each sample's begin: float32, int64 (B,)."""
    kinds = sorted(set(map(tuple, side.tolist())))
    parts = [patterns(*kind, norm).flatten() for kind in kinds]
    starts, at = {}, 0
    for kind, part in zip(kinds, parts):
        starts[kind], at = at, at + len(part)
    where = torch.tensor([starts[tuple(s)] for s in side.tolist()], dtype=torch.int64)
    return torch.cat(parts).to(side.device), where.to(side.device)


def free_field(mask: torch.Tensor | None, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The smallest box around the free pixels, int32 (B, 4) as `native.square` takes it, and their number (B,)."""
    n, (height, width) = len(x), x.shape[2:]
    if mask is None:
        box = torch.tensor([0, height, 0, width], dtype=torch.int32, device=x.device)
        return box.expand(n, 4).contiguous(), torch.full((n,), height * width, device=x.device)
    ends = []
    for line, length in ((mask.any(2), height), (mask.any(1), width)):
        place = torch.arange(length, device=x.device)
        ends += [torch.where(line, place, length).amin(1), torch.where(line, place, -1).amax(1) + 1]
    return torch.stack(ends, 1).int().contiguous(), mask.flatten(1).sum(1)


def first_point(x0, ids, norm: str, eps: torch.Tensor, seed: int, restart: int, mask) -> torch.Tensor:
    """Where an attack begins: vertical stripes of +-eps (linf), or a grid of patterns with random signs (l2, l1)."""
    number = stream(SQUARE_START, restart)
    n, channels, _, width = x0.shape
    if norm == "linf":
        signs = _signs(ids, channels * width, seed, number).view(n, channels, 1, width)
        d = signs.expand(x0.shape).contiguous()
    else:
        d = _tiles(x0, ids, norm, seed, number)
    return to_radius(x0, d, norm, eps, mask)


def to_radius(x0, d, norm: str, eps: torch.Tensor, mask) -> torch.Tensor:
    """x0 plus the perturbation in the direction of d (linf: its signs) that ball and box allow."""
    if norm == "l1":
        d = d if mask is None else torch.where(mask[:, None], d, 0)
        length = d.double().abs().flatten(1).sum(1).clamp(min=1e-30)
        d = d * (eps.double() / length).float().view(-1, 1, 1, 1)
        return (x0 + project_(d, norm="l1", eps=eps * (1 - 1e-6), x0=x0)).clamp_(0, 1)
    size = eps * 2 if norm == "linf" else eps
    return step_(x0.clone(), x0, d, norm=norm, eps=eps, step_size=size, mask=mask)


def _signs(ids, count: int, seed: int, number: int) -> torch.Tensor:
    return (draw(ids, count, "bits", seed, number) & 1).float() * 2 - 1


def _tiles(x0, ids, norm: str, seed: int, number: int) -> torch.Tensor:
    n, channels, height, width = x0.shape
    side = max(1, min(height, width) // 5)
    rows, columns = height // side, width // side
    bits = _signs(ids, (channels + 1) * rows * columns, seed, number).view(
        n, channels + 1, rows, columns, 1, 1
    )
    upright, turned = patterns(side, side, norm).to(x0.device)
    tile = torch.where(bits[:, channels:] > 0, upright, turned) * bits[:, :channels]
    d = torch.zeros_like(x0)
    top, left = (height - side * rows) // 2, (width - side * columns) // 2
    grid = tile.permute(0, 1, 2, 4, 3, 5).reshape(n, channels, rows * side, columns * side)
    d[:, :, top : top + rows * side, left : left + columns * side] = grid
    return d
