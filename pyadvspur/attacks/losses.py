"""Losses to ascend, one value a sample, whose gradients cannot saturate and do not know the scale of the logits.

The arithmetic is `native.loss` (twin: reference/loss.py, which tells why each loss has its form).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from pyadvspur.errors import unknown
from pyadvspur.native import loss as native
from pyadvspur.reference.loss import unit_spread

__all__ = ["AnyLoss", "Loss", "get", "shortage", "signed_margin", "unit_spread"]

LEAST = {"dlr": 3, "dlr_targeted": 4}  # classes that a loss needs; with fewer it is the margin


@dataclass(frozen=True)
class Loss:
    """A loss by name: called with logits (n, K), y (n,) and the class to lead to (n,) or None, it gives values (n,).

    "ce": logsumexp_{i != y} z_i - z_y, logits at spread 3; "margin": max_{i != y} z_i - z_y, logits at spread 1; "dlr":
    -(z_y - max_{i != y} z_i) / (z_(1) - z_(3)); "dlr_targeted": as dlr, over z_(1) - (z_(3) + z_(4)) / 2, also without
    a target. With a target t: z_t against the others; DLR: -(z_y - z_t) / (z_(1) - (z_(3) + z_(4)) / 2).
    """

    name: str

    def __call__(self, logits, y, target=None) -> torch.Tensor:
        return native.loss(logits, y, self.name, target, gradient=False)[0]

    def gradient(self, logits, y, target=None) -> tuple[torch.Tensor, torch.Tensor]:
        """Values (n,), and gradients (n, K) with respect to the logits."""
        return native.loss(logits, y, self.name, target)


cross_entropy, margin, dlr, dlr_targeted = (Loss(name) for name in native.KINDS)

#: What a search may climb: a Loss, or any differentiable function of the same arguments.
AnyLoss = Callable[[torch.Tensor, torch.Tensor, torch.Tensor | None], torch.Tensor]


def shortage(name: str, classes: int, targeted: bool = False) -> str:
    """What to say where a loss of this name has too few classes to be itself; "" otherwise."""
    least = LEAST["dlr_targeted"] if targeted and name == "dlr" else LEAST.get(name, 2)
    return (
        f"loss {name!r} needs {least} classes, the model has {classes}: margin instead"
        if classes < least
        else ""
    )


def signed_margin(z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """z_y - max_{i != y} z_i in logit units: what is reported."""
    return z.gather(1, y[:, None])[:, 0] - z.scatter(1, y[:, None], float("-inf")).amax(1)


def get(name: str) -> Loss:
    """The loss of a name: "ce", "margin", "dlr" or "dlr_targeted"."""
    if name not in native.KINDS:
        raise unknown("attacks", "loss", name, native.KINDS)
    return Loss(name)
