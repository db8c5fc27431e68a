"""Losses to ascend, one value a sample, in forms whose gradients cannot saturate and do not know the logits'
scale.

Every attack here uses a gradient's direction only, so a loss may be replaced by an increasing function of
itself. Cross-entropy is log(1 + exp(u)) with u = logsumexp_{i != y} z_i - z_y: its gradient is a positive
multiple of u's and vanishes in float32 once u < -100, while u's never does. Logits are divided by their own
spread first (a constant for the gradient), so that multiplying all logits by a factor changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from pyadvspur.errors import bad, unknown

Loss = Callable[[torch.Tensor, torch.Tensor, torch.Tensor | None], torch.Tensor]


def _without(z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return z.scatter(1, y[:, None], float("-inf"))


def _at(z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return z.gather(1, y[:, None])[:, 0]


def unit_spread(z: torch.Tensor) -> torch.Tensor:
    """Logits (n, K) over their own spread, the mean absolute deviation; the divisor is a constant for the
    gradient.
    """
    with torch.no_grad():
        spread = (z - z.mean(1, keepdim=True)).abs().mean(1, keepdim=True)
        spread = torch.where((spread > 0) & spread.isfinite(), spread, torch.ones_like(spread))
    return z / spread


def cross_entropy(z, y, target=None):
    """logsumexp_{i != y} z_i - z_y at unit spread; targeted: z_t - logsumexp_{i != t} z_i."""
    z = unit_spread(z) * TEMPERATURE
    if target is not None:
        return _at(z, target) - torch.logsumexp(_without(z, target), 1)
    return torch.logsumexp(_without(z, y), 1) - _at(z, y)


def margin(z, y, target=None):
    """max_{i != y} z_i - z_y at unit spread: positive once broken; targeted: z_t - max_{i != t} z_i."""
    z = unit_spread(z)
    if target is not None:
        return _at(z, target) - _without(z, target).amax(1)
    return _without(z, y).amax(1) - _at(z, y)


def dlr(z, y, target=None):
    """-(z_y - max_{i != y} z_i) / (z_(1) - z_(3)); targeted: -(z_y - z_t) / (z_(1) - (z_(3) + z_(4)) / 2).

    Undefined for fewer than 3 (targeted: 4) classes; refused there. Source: Croce & Hein 2020, section 4.
    """
    k = z.shape[1]
    if k < (3 if target is None else 4):
        raise bad(
            "attacks",
            "loss",
            f"'dlr' for {k} classes",
            "3 classes or more (4 when targeted)",
            "use loss='margin'",
        )
    top = z.topk(min(k, 4), 1).values
    if target is not None:
        return -(_at(z, y) - _at(z, target)) / (top[:, 0] - (top[:, 2] + top[:, 3]) / 2)
    return -(_at(z, y) - _without(z, y).amax(1)) / (top[:, 0] - top[:, 2])


TEMPERATURE = 1.0
_LOSSES: dict[str, Loss] = {"ce": cross_entropy, "margin": margin, "dlr": dlr}


def get(name: str) -> Loss:
    """The loss of a name: "ce", "margin" or "dlr"."""
    if name not in _LOSSES:
        raise unknown("attacks", "loss", name, _LOSSES)
    return _LOSSES[name]


def raw_margin(z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """max_{i != y} z_i - z_y in logit units."""
    return _without(z, y).amax(1) - _at(z, y)
