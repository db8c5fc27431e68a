"""The l1 attack: sparse steps through shrinking balls.

In an l1 ball the best perturbation changes few pixels, and which ones is hard to repair later. So a search
starts in a larger ball, finds out there which pixels matter, and is projected into smaller ones: 3 eps, 2
eps, eps for 30, 30 and 40 % of the steps. Source: Croce & Hein 2021, "Mind the box" (radii and shares);
Tramer & Boneh 2019 (sparse steps).
"""

from __future__ import annotations

import torch

from pyadvspur.attacks.loop import Batch, Loop
from pyadvspur.native.project import project_
from pyadvspur.native.step import step_

PHASES = ((0.3, 3.0), (0.6, 2.0), (1.0, 1.0))  # (end, as a share of the steps; radius, in eps)
FIRST_STEP = 1.0  # of the phase's radius
# Values that a step moves, in units of the phase's radius: from the first to the last step, geometrically. Moving a
# fixed share of the image instead (1 to 20 %) leaves up to twice as many samples standing (docs/attacks.md).
WIDTH = (4.0, 1.0)


class SparseLoop(Loop):
    """Loop for the l1 ball. With a step size given there is one phase and no momentum."""

    def phase(self, batch: Batch, k: int) -> tuple[float, int, int]:
        """Radius (in eps), first step and end of the phase of step k."""
        first = 0
        for share, radius in PHASES if batch.size is None else PHASES[-1:]:
            end = round(share * self.steps)
            if k < end:
                return radius, first, end
            first = end
        return 1.0, first, first + 1

    def direction(self, batch: Batch, grad: torch.Tensor, k: int) -> torch.Tensor:
        return grad  # momentum would keep values chosen that have done their work

    def step_size(self, batch: Batch, k: int) -> torch.Tensor:
        if batch.size is not None:
            return batch.size
        radius, first, end = self.phase(batch, k)
        return batch.eps * (radius * FIRST_STEP * (1 - (k - first) / (end - first)))

    def width(self, batch: Batch, k: int) -> torch.Tensor:
        """How many values step k moves: int64 (B,)."""
        first, last = WIDTH
        share = first * (last / first) ** (k / max(self.steps - 1, 1))
        return (batch.eps * (self.phase(batch, k)[0] * share)).ceil().long().clamp_(1)

    def project(self, batch: Batch, direction: torch.Tensor, size: torch.Tensor, k: int) -> None:
        radius, next_radius = self.phase(batch, k)[0], self.phase(batch, k + 1)[0]
        step_(
            batch.x, batch.x0, direction, norm="l1", eps=batch.eps * radius, step_size=size, mask=batch.mask,
            k=self.width(batch, k),
        )  # fmt: skip
        if next_radius < radius:
            self.shrink(batch, batch.eps * next_radius)

    def shrink(self, batch: Batch, eps: torch.Tensor) -> None:
        """Go on from the best point so far, projected into the smaller ball."""
        delta = project_(batch.best - batch.x0, norm="l1", eps=eps, x0=batch.x0, mask=batch.mask)
        batch.x = (batch.x0 + delta).clamp_(0, 1)
        batch.best_loss.fill_(float("-inf"))
