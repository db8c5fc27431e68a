"""Losses to ascend, one value a sample, whose gradients cannot saturate and do not know the scale of the
logits.

Every attack here uses a gradient's direction only, so a loss may be replaced by an increasing function of
itself. Cross-entropy is log(1 + exp(u)) with u = logsumexp_{i != y} z_i - z_y: its gradient is a positive
multiple of u's and vanishes in float32 once u < -100, while u's never does. Before that the logits are
divided by their own spread (a constant for the gradient), so that a model with all logits multiplied by a
factor is the same model.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from pyadvspur.errors import bad, unknown

Loss = Callable[[torch.Tensor, torch.Tensor, torch.Tensor | None], torch.Tensor]

# Spread (mean absolute deviation) that logits get before the exponential. At 3 the few best wrong classes
# share the gradient; on adversarially trained networks this finds more than the network's own scale
# (docs/attacks.md).
SPREAD = 3.0


def _without(z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return z.scatter(1, y[:, None], float("-inf"))


def _at(z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return z.gather(1, y[:, None])[:, 0]


def unit_spread(z: torch.Tensor) -> torch.Tensor:
    """Logits (n, K) divided by their own mean absolute deviation, which is a constant for the gradient."""
    with torch.no_grad():
        spread = (z - z.mean(1, keepdim=True)).abs().mean(1, keepdim=True)
        spread = torch.where((spread > 0) & spread.isfinite(), spread, 1)
    return z / spread


def cross_entropy(z, y, target=None):
    """logsumexp_{i != y} z_i - z_y; targeted: z_t - logsumexp_{i != t} z_i; logits at spread 3."""
    z = unit_spread(z) * SPREAD
    if target is not None:
        return _at(z, target) - torch.logsumexp(_without(z, target), 1)
    return torch.logsumexp(_without(z, y), 1) - _at(z, y)


def margin(z, y, target=None):
    """max_{i != y} z_i - z_y, positive once broken; targeted: z_t - max_{i != t} z_i; logits at spread 1."""
    z = unit_spread(z)
    if target is not None:
        return _at(z, target) - _without(z, target).amax(1)
    return _without(z, y).amax(1) - _at(z, y)


def dlr(z, y, target=None):
    """-(z_y - max_{i != y} z_i) / (z_(1) - z_(3)); targeted: -(z_y - z_t) / (z_(1) - (z_(3) + z_(4)) / 2).

    Undefined for fewer than 3 (targeted: 4) classes, and refused there. Source: Croce & Hein 2020, section 4.
    """
    k, least = z.shape[1], 3 if target is None else 4
    if k < least:
        raise bad(
            "attacks", "loss", f"'dlr' for {k} classes", f"{least} or more classes", "take loss='margin'"
        )
    z = unit_spread(z)
    top = z.topk(least, 1).values
    if target is not None:
        return _at(z, target).sub(_at(z, y)) / (top[:, 0] - (top[:, 2] + top[:, 3]) / 2)
    return _without(z, y).amax(1).sub(_at(z, y)) / (top[:, 0] - top[:, 2])


def signed_margin(z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """z_y - max_{i != y} z_i in logit units: what is reported."""
    return _at(z, y) - _without(z, y).amax(1)


LOSSES: dict[str, Loss] = {"ce": cross_entropy, "margin": margin, "dlr": dlr}


def get(name: str) -> Loss:
    """The loss of a name: "ce", "margin" or "dlr"."""
    if name not in LOSSES:
        raise unknown("attacks", "loss", name, LOSSES)
    return LOSSES[name]
