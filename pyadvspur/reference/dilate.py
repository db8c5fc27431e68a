"""Grey dilation by a plus, round by round, in plain torch."""

from __future__ import annotations

import torch


def dilate(masks: torch.Tensor, rounds: int, reach: int) -> torch.Tensor:
    """Twin of `native.dilate.dilate`; any real dtype."""
    out = masks.clone()
    for _ in range(rounds):
        before = out.clone()
        for step in range(1, reach + 1):
            for dim in (1, 2):
                n = masks.shape[dim]
                if step >= n:
                    continue
                low, high = before.narrow(dim, 0, n - step), before.narrow(dim, step, n - step)
                out.narrow(dim, step, n - step).copy_(torch.maximum(out.narrow(dim, step, n - step), low))
                out.narrow(dim, 0, n - step).copy_(torch.maximum(out.narrow(dim, 0, n - step), high))
    return out
