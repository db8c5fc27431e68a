"""What attacks count for a `GradientReport`: signs that a model's gradients mislead them."""

from __future__ import annotations

import torch

from pyadvspur.gradient_report import SHARE, GradientReport

__all__ = ["NO_SIGNS", "SHARE", "GradientReport", "saturated"]

NO_SIGNS = GradientReport()


def saturated(logits: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Whether the softmax probability of y is 1 in float32: bool (B,)."""
    return torch.softmax(logits.float(), 1).gather(1, y[:, None])[:, 0] == 1
