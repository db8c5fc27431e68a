"""The window updates of the Square attack in plain torch: samples one after the other, float64."""

from __future__ import annotations

import torch

from pyadvspur.reference.project import project
from pyadvspur.reference.random import draw
from pyadvspur.reference.step import bounds_linf


def _place(bits: int, first: int, end: int, side: int, length: int) -> int:
    low = min(first, length - side)
    high = max(low, end - side)
    return low + ((bits & 0xFFFFFFFF) * (high - low + 1) >> 32)


def windows(ids, field, side, size, seed: int, stream: int, query: int):
    """For each sample: the slices of its two windows, which pattern, and the signs of its channels."""
    channels, height, width = size
    blocks = 2 + -(-channels // 128)
    bits = draw(ids, 4 * blocks * (query + 1), "bits", seed, stream)[:, 4 * blocks * query :].tolist()
    for word, (top, bottom, left, right), (h, w) in zip(bits, field.tolist(), side.tolist()):
        row, row2 = (_place(word[i], top, bottom, h, height) for i in (0, 2))
        column, column2 = (_place(word[i], left, right, w, width) for i in (1, 3))
        first = (slice(row, row + h), slice(column, column + w))
        second = (slice(row2, row2 + h), slice(column2, column2 + w))
        signs = [(word[8 + c // 32] >> (c % 32)) & 1 for c in range(channels)]
        yield first, second, word[4] & 1, torch.tensor(signs, dtype=torch.bool)


def _length(d: torch.Tensor, norm: str) -> torch.Tensor:
    return d.square().sum((-2, -1)).sqrt() if norm == "l2" else d.abs().sum((-2, -1))


def square(best, x0, norm, eps, ids, field, side, patterns, seed, stream, query, mask=None):
    """Twin of `native.square.square_`: candidates, and the top left corners of their windows.

    patterns: (h, w) -> the two patterns of such a window, float32 (2, h, w). mask: boolean (B,1,H,W).
    """
    x, corner = best.clone(), []
    low, high = bounds_linf(x0, eps)
    free = torch.ones_like(x0[:, :1], dtype=torch.bool) if mask is None else mask
    drawn = windows(ids, field, side, x0.shape[1:], seed, stream, query)
    for i, (first, second, turned, signs) in enumerate(drawn):
        corner.append((first[0].start, first[1].start))
        here = (i, slice(None), *first)
        may = free[(i, slice(0, 1), *first)]
        if norm == "linf":
            up = signs[:, None, None]
            for way in (up, ~up):
                x[here] = torch.where(may, torch.where(way, high[here], low[here]), best[here])
                if not torch.equal(x[here], best[here]):
                    break
            continue
        old = (best[i] - x0[i]).double()
        used = torch.zeros(x0.shape[2:], dtype=torch.bool)
        used[first] = used[second] = True
        total = _length(old, norm)
        total = total.square().sum().sqrt() if norm == "l2" else total.sum()
        inside = old[(slice(None), *first)]
        share = _length(inside, norm)[:, None, None]
        pattern = patterns(*inside.shape[1:])[turned].double()
        new = pattern * torch.where(signs, 1.0, -1.0)[:, None, None].double()
        new = new + torch.where(share > 0, inside / torch.where(share > 0, share, 1.0), 0.0)
        new = torch.where(may, new, 0.0)
        length = _length(new, norm)
        windows_used = _length(old * used, norm)
        if norm == "l2":
            left = (eps[i].double() ** 2 - total**2).clamp(min=0) / len(old)
            budget = (left + windows_used**2).sqrt()
        else:
            budget = ((eps[i].double() - total).clamp(min=0) / len(old) + windows_used) * len(old)
        scale = torch.where(length > 0, budget / torch.where(length > 0, length, 1.0), 0.0)
        old[(slice(None), *second)] = 0
        old[(slice(None), *first)] = new * scale[:, None, None]
        if norm == "l2":
            size = old.square().sum().sqrt()
            wanted = (eps[i].double() * (1 - 2e-7) - 4e-8).clamp(min=0)
            x[i] = (x0[i] + old * torch.where(size > 0, wanted / size, 0.0)).clamp(0, 1).float()
        else:
            u = project(old.float()[None], "l1", eps[i : i + 1], x0[i : i + 1])
            x[i] = (x0[i] + u[0]).clamp(0, 1)
    return x, torch.tensor(corner, dtype=torch.int32, device=x0.device).reshape(-1, 2)
