"""Philox4x32-10 and Box-Muller in plain torch (int64 arithmetic, float64 transcendental functions)."""

from __future__ import annotations

import math

import torch

_MASK = 0xFFFFFFFF


def _multiply(a: int, b: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    # 32 x 32 -> 64 bits; int64 wraps around, and the mask after an arithmetic shift gives the right high word.
    product = b * a
    return (product >> 32) & _MASK, product & _MASK


def philox(counter: list[torch.Tensor], key: tuple[int, int]) -> list[torch.Tensor]:
    """Four words (int64 tensors holding uint32 values) from a counter of four words and a key of two."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        high0, low0 = _multiply(0xD2511F53, c0)
        high1, low1 = _multiply(0xCD9E8D57, c2)
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
        k0, k1 = (k0 + 0x9E3779B9) & _MASK, (k1 + 0xBB67AE85) & _MASK
    return [c0, c1, c2, c3]


def _words(ids: torch.Tensor, n: int, seed: int, stream: int) -> torch.Tensor:
    """(B, blocks, 4) words as int64."""
    blocks = torch.arange((n + 3) // 4, device=ids.device)
    shape = (len(ids), len(blocks))
    low, high = (ids & _MASK)[:, None].expand(shape), ((ids >> 32) & _MASK)[:, None].expand(shape)
    counter = [blocks.expand(shape), torch.full(shape, stream, device=ids.device), low, high]
    return torch.stack(philox(counter, (seed & _MASK, (seed >> 32) & _MASK)), dim=-1)


def draw(ids: torch.Tensor, n: int, kind: str, seed: int, stream: int) -> torch.Tensor:
    """Twin of `native.random.draw`."""
    words = _words(ids, n, seed, stream)
    if kind == "bits":
        value = words.to(torch.int32)
    elif kind == "uniform":
        value = (words >> 8).to(torch.float32) * 2.0**-24
    else:
        u = ((words[..., 0::2] >> 8) + 1).double() * 2.0**-24
        angle = (words[..., 1::2] >> 8).double() * (2.0**-24 * 2.0 * math.pi)
        radius = torch.sqrt(-2.0 * torch.log(u))
        value = torch.stack([radius * torch.cos(angle), radius * torch.sin(angle)], dim=-1).float()
    return value.flatten(1)[:, :n].contiguous()
