"""Losses to ascend in plain torch; gradients by automatic differentiation.

Every attack here uses a gradient's direction only, so a loss may be replaced by an increasing function of itself.
Cross-entropy is log(1 + exp(u)) with u = logsumexp_{i != y} z_i - z_y: its gradient is a positive multiple of u's and
vanishes in float32 once u < -100, while u's never does. Before that the logits are divided by their own spread (a
constant for the gradient), so that a model with all logits multiplied by a factor is the same model.
"""

from __future__ import annotations

import torch

# Spread (mean absolute deviation) that logits get before the exponential. At 3 the few best wrong classes share the
# gradient; on adversarially trained networks this finds more than the network's own scale (docs/attacks.md).
SPREAD = 3.0


def _without(z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return z.scatter(1, y[:, None], float("-inf"))


def _at(z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return z.gather(1, y[:, None])[:, 0]


def unit_spread(z: torch.Tensor) -> torch.Tensor:
    """Logits (n, K) divided by their own mean absolute deviation, which is a constant for the gradient. Two logits stay
    as they are: their gap over their deviation is always the same, and could not rank points.
    """
    if z.shape[1] == 2:
        return z
    with torch.no_grad():
        spread = (z - z.mean(1, keepdim=True)).abs().mean(1, keepdim=True)
        spread = torch.where((spread > 0) & spread.isfinite(), spread, 1)
    return z / spread


def _best(z: torch.Tensor) -> torch.Tensor:
    """The largest of each row; the gradient goes to the first of equal ones."""
    return _at(z, z.argmax(1))


def cross_entropy(z, y, target=None):
    z = unit_spread(z) * SPREAD
    if target is not None:
        return _at(z, target) - torch.logsumexp(_without(z, target), 1)
    return torch.logsumexp(_without(z, y), 1) - _at(z, y)


def margin(z, y, target=None):
    z = unit_spread(z)
    if target is not None:
        return _at(z, target) - _best(_without(z, target))
    return _best(_without(z, y)) - _at(z, y)


def dlr(z, y, target=None, by_four: bool = False):
    by_four = by_four or target is not None
    if z.shape[1] < (4 if by_four else 3):
        return margin(z, y, target)
    z = unit_spread(z)
    if target is None:
        gap = _best(_without(z, y)) - _at(z, y)
    else:  # a target that is the label itself has to beat the others
        gap = _at(z, target) - torch.where(target == y, _best(_without(z, target)), _at(z, y))
    top = z.sort(dim=1, descending=True, stable=True).values
    scale = top[:, 0] - ((top[:, 2] + top[:, 3]) / 2 if by_four else top[:, 2])
    # where three (four) lead together: the gradient of the margin
    return torch.where(
        scale > 0, gap / torch.where(scale > 0, scale, 1), gap + gap.detach().sign() * torch.inf
    )


def loss(logits: torch.Tensor, y: torch.Tensor, target: torch.Tensor | None, kind: str) -> torch.Tensor:
    """Values (n,) of a loss: twin of `native.loss.loss`."""
    if kind == "ce":
        value = cross_entropy(logits, y, target)
    elif kind == "margin":
        value = margin(logits, y, target)
    else:
        value = dlr(logits, y, target, kind == "dlr_targeted")
    return torch.where(logits.isfinite().all(1), value, torch.nan)


def loss_gradient(
    logits: torch.Tensor, y: torch.Tensor, target: torch.Tensor | None, kind: str
) -> torch.Tensor:
    with torch.enable_grad():
        z = logits.detach().float().requires_grad_()
        (grad,) = torch.autograd.grad(loss(z, y, target, kind).sum(), z)
    return torch.where(logits.isfinite().all(1, keepdim=True), grad, 0)
