"""The l2 and l1 attacks: through larger balls into the one asked for.

What a search settles on early (in l1, which values it moves) is hard to repair later. So it begins in larger balls and
is projected back from the best point found there; in l2 a few steps in the ball itself come first and end the easy
samples. Steps are without momentum and fall to 0 in every ball. Source: Croce & Hein 2021, "Mind the box" (3 eps, 2
eps, eps in l1, and a sparsity of about 3 eps); Tramer & Boneh 2019 (sparse l1 steps).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from pyadvspur.attacks.loop import Loop
from pyadvspur.attacks.searcher import Batch, Found
from pyadvspur.native.step import step_

# (end, as a share of the steps; radius, in eps)
PHASES = {
    "l2": ((0.1, 1.0), (0.4, 3.0), (0.6, 1.5), (1.0, 1.0)),
    "l1": ((0.3, 3.0), (0.6, 2.0), (1.0, 1.0)),
}
# l1: values that a step moves, in units of the ball's radius, from the first to the last step, geometrically. Few are
# best where the loss goes on rising along a step, as on robust networks. Where it does not, the step was too long for
# the values it moved: a sample whose loss fell spreads the next one WIDER times as far, one whose loss rose goes back.
# It never spreads over more than the share WIDEST of the image.
WIDTH = (6.0, 0.25)
WIDER, NARROWER, WIDEST = 2.0, 1.2, 0.02


@dataclass
class SpreadBatch(Batch):
    spread: torch.Tensor | None = None  # (B,): on top of the width of the step
    last_loss: torch.Tensor | None = None


class PhasedLoop(Loop):
    """Loop for l2 and l1. With a step size given there is one ball, and constant steps."""

    def phase(self, batch: Batch, k: int) -> tuple[float, int, int]:
        """Radius (in eps), first step and end of the phase of step k."""
        first = 0
        phases = PHASES[self.norm]
        for share, radius in phases if batch.size is None else phases[-1:]:
            end = round(share * self.steps)
            if k < end:
                return radius, first, end
            first = end
        return 1.0, first, first + 1

    def direction(self, batch: Batch, grad: torch.Tensor, k: int) -> torch.Tensor:
        return grad

    def step_size(self, batch: Batch, k: int) -> torch.Tensor:
        if batch.size is not None:
            return batch.size
        radius, first, end = self.phase(batch, k)
        return batch.eps * (radius * (1 - (k - first) / (end - first)))

    def climb(self, batch: Batch, found: Found, restart: int) -> Batch | None:
        if self.norm == "l1":
            lowest = torch.full_like(batch.eps, float("-inf"))
            batch = batch.extended(SpreadBatch, spread=torch.ones_like(batch.eps), last_loss=lowest)
        return super().climb(batch, found, restart)

    def move(self, batch: Batch, grad: torch.Tensor, loss: torch.Tensor, k: int) -> None:
        if self.norm == "l1":
            if k > self.phase(batch, k)[1]:  # the first point in a ball was brought in: no step led there
                wide = torch.where(loss < batch.last_loss, batch.spread * WIDER, batch.spread / NARROWER)
                batch.spread = wide.clamp(1.0, batch.x0[0].numel())
            batch.last_loss = loss
        super().move(batch, grad, loss, k)

    def width(self, batch: Batch, k: int) -> torch.Tensor | None:
        """How many values step k moves: int64 (B,); None: all."""
        if self.norm != "l1":
            return None
        first, last = WIDTH
        share = first * (last / first) ** (k / max(self.steps - 1, 1))
        width = batch.eps * (self.phase(batch, k)[0] * share)
        spread = (width * batch.spread).clamp(max=WIDEST * batch.x0[0].numel())
        return width.maximum(spread).ceil().long().clamp_(1)

    def project(self, batch: Batch, direction: torch.Tensor, size: torch.Tensor, k: int) -> None:
        radius, next_radius = self.phase(batch, k)[0], self.phase(batch, k + 1)[0]
        # l2: steps that the box cuts would be short of their size, on images with many black and white pixels by far
        lengthen = self.norm == "l2" and batch.size is None
        self._move(batch, direction, radius, size, k=self.width(batch, k), lengthen=lengthen)
        if next_radius < radius:  # from the best point so far, by a step of length 0, into the smaller ball
            batch.x = batch.best.clone()
            self._move(batch, torch.ones_like(direction), next_radius, 0.0)
        if next_radius != radius:
            batch.best_loss.fill_(float("-inf"))

    def look(self, batch: Batch, found: Found, k: int) -> Batch:
        """l1: the worst point of a larger ball, brought into the one asked for, halfway and at the end: what breaks
        there need not go through the rest. In l2 hardly anything does.
        """
        radius, first, end = self.phase(batch, k)
        now = (
            k + 1 in ((first + end) // 2, end) and self.phase(batch, k + 1)[0] > 1
        )  # else the loop looks itself
        if self.norm != "l1" or batch.size is not None or radius == 1 or not now:
            return batch
        there = replace(batch, x=batch.best.clone())
        self._move(there, torch.ones_like(there.x), 1.0, 0.0)
        logits, loss = self.forward.values(there.x, self.loss, *batch.labels)
        kept = self.take_hits(there, logits, self._worth(logits, loss), found)
        return batch if kept is None else batch.select(kept)

    def _move(self, batch: Batch, direction: torch.Tensor, radius: float, size, **more) -> None:
        eps = batch.eps * radius
        step_(
            batch.x, batch.x0, direction, norm=self.norm, eps=eps, step_size=size, mask=batch.mask, **more
        )  # fmt: skip
