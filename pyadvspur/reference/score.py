"""Logits to predictions, probabilities and margins in plain torch."""

from __future__ import annotations

import torch


def score(
    logits: torch.Tensor, labels: torch.Tensor, codes: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Twin of `native.score.score`; codes int32 (K,) as `LabelMap.codes` gives them."""
    z, codes = logits.double(), codes.long()
    z = torch.where(codes == -2, -torch.inf, z)
    broken = ~(z.isfinite() | (codes == -2)).all(1)
    own = (codes[None] == labels[:, None]) & (codes[None] >= 0)
    others = ~own & (codes[None] != -2)
    prediction = codes[z.argmax(1)]
    probability = (z.softmax(1) * own).sum(1)
    best_own = torch.where(own, z, -torch.inf).amax(1)
    best_other = torch.where(others, z, -torch.inf).amax(1)
    nan = torch.full_like(best_own, torch.nan)
    margin = torch.where(broken, nan, best_own - best_other).float()
    prediction = torch.where(broken, -2, prediction)
    correct = (prediction == labels) & (prediction >= 0)
    return prediction, torch.where(broken, nan, probability).float(), margin, correct
