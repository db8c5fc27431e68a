"""Shortening a perturbation: the nearest point on the segment from the clean image that still breaks the sample."""

from __future__ import annotations

import torch

from pyadvspur.attacks.balls import distance
from pyadvspur.attacks.forward import Forward
from pyadvspur.attacks.searcher import Batch, Found

ROUNDS = 6


def shorten(
    forward: Forward, batch: Batch, x: torch.Tensor, nearest: float = 0.0, rounds: int = ROUNDS
) -> torch.Tensor:
    """The points x0 + t (x - x0) with the smallest t in (nearest, 1] that bisection finds to break their samples.

    Every x must break its sample; the answer then does too. Samples are left alone by their neighbours.
    """
    best, shape = x, (-1, *[1] * (x.dim() - 1))
    low = torch.full((len(x),), nearest, device=x.device)
    high = torch.ones_like(low)
    for _ in range(rounds):
        middle = (low + high) / 2
        point = (batch.x0 + middle.view(shape) * (x - batch.x0)).clamp_(0, 1)
        logits = forward.logits(point)
        predicted = logits.argmax(1)
        hit = (predicted != batch.y) if batch.target is None else (predicted == batch.target)
        hit &= logits.isfinite().all(1)
        best = torch.where(hit.view(shape), point, best)
        low, high = torch.where(hit, low, middle), torch.where(hit, middle, high)
    return best


def shorten_hints(forward: Forward, norm: str, batch: Batch, found: Found) -> None:
    """Pull the nearest finds of these samples towards their clean images; those that come into their balls broke."""
    rows = found.hint_distance[batch.row].isfinite().nonzero()[:, 0]
    batch = batch.select(rows)
    if not len(batch):
        return
    batch.x = shorten(forward, batch, found.hint[batch.row], nearest=0.8)
    found.note(batch, distance(batch.x, batch.x0, norm))
    found.steps[batch.row] += ROUNDS
