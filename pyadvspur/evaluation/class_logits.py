"""A model seen through a benchmark's label map: one logit a class."""

from __future__ import annotations

from collections.abc import Callable

import torch

from pyadvspur.labels import LabelMap


class ClassLogits(torch.nn.Module):
    """The best logit of each class, and of "no class" where the map has such outputs: what attacks attack.

    model: pixels in [0,1] -> logits (B, K). label_map: from K to the map. With many-to-one maps an attack then has to
    change the class, not merely the output: from one breed of dog to another is no success.
    """

    def __init__(self, model: torch.nn.Module, label_map: Callable[[int], LabelMap]) -> None:
        super().__init__()
        self.model, self.label_map = model, label_map
        self.n_classes = -1  # known once the model has been called, as is `found`
        self.found: LabelMap | None = None

    @property
    def known_as(self) -> torch.nn.Module:
        """Whose room in memory this needs (attacks.forward)."""
        return self.model

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits = self.model(x)
        if not isinstance(logits, torch.Tensor) or logits.dim() != 2 or len(logits) != len(x):
            return logits  # the caller's check names what is wrong
        self.found = self.label_map(logits.shape[1])
        self.n_classes = self.found.n_classes
        return self.found.class_logits(logits)
