"""Whether a search may still get there: where its progress, drawn on over the steps that are left, ends.

Searches that stand still close to their end are the most of what robust samples cost. Progress falls about with the
logarithm of the steps: as much from 20 to 40 as from 10 to 20. A search is left at a mark where even `pace` times as
much for every doubling would not take it there. docs/attacks.md has what the paces are drawn from.
"""

from __future__ import annotations

import math

import torch


class Marks:
    """Steps at which prospects are judged, by what happened since half of them."""

    def __init__(self, steps: int, shares: tuple[float, ...], pace: float):
        self.steps, self.pace = steps, pace
        self.at = {at for share in shares if (at := int(share * steps)) >= 2}
        self.half = {at // 2 for at in self.at}
        self.last = max(self.at, default=-1)

    def end(self, now: torch.Tensor, before: torch.Tensor, k: int) -> torch.Tensor:
        """Where a value that falls, `before` at step k // 2 and `now` at step k, may be after the last step."""
        return now - self.pace * math.log2(self.steps / k) * (before - now)
