"""The inner maximisation: plain PGD on cross-entropy, with the network as it is while it trains.

Training needs many cheap examples rather than the strongest ones, so none of what the evaluating attacks do (momentum,
larger balls, survivors) is done here. The random start belongs to (seed, sample, epoch).
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from pyadvspur.native import random
from pyadvspur.native.step import step_
from pyadvspur.streams import TRAIN, stream


def direction(gradient: torch.Tensor, norm: str) -> torch.Tensor:
    """Steepest ascent: sign(g) or g / ||g||_2 of each sample, 0 where g is 0; however small g is."""
    if norm == "linf":
        return gradient.sign()
    length = _length(gradient)
    if bool((length < 1e-12).any()):  # squares would underflow: such samples are scaled first
        top = gradient.abs().flatten(1).amax(1).view_as(length)
        small = (length < 1e-12) & (top > 0)
        gradient = torch.where(small, gradient / torch.where(small, top, 1), gradient)
        length = _length(gradient)
    return gradient / torch.where(length > 0, length, 1)


def into_ball(delta: torch.Tensor, norm: str, eps: float) -> torch.Tensor:
    """The nearest point of the ball of radius eps."""
    if norm == "linf":
        return delta.clamp(-eps, eps)
    return delta * (eps / _length(delta).clamp_min(1e-12)).clamp_max(1)


def start(
    x: torch.Tensor, ids: torch.Tensor, norm: str, eps: float, seed: int, epoch: int = 0
) -> torch.Tensor:
    """A random point of the ball for each sample. linf: uniform. l2, l1: random direction, uniform length."""
    n, number = x[0].numel(), stream(TRAIN, epoch)
    if norm == "linf":
        return eps * (2 * random.draw(ids, n, "uniform", seed, number).view(x.shape) - 1)
    if norm == "l1":  # Laplace draws over their l1 length are uniform on the sphere
        drawn = random.draw(ids, n + 1, "uniform", seed, number)
        sided = 2 * drawn[:, :n] - 1
        laplace = -sided.sign() * (1 - sided.abs()).clamp_min(1e-30).log()
        length = eps * drawn[:, n:] / laplace.abs().sum(1, keepdim=True).clamp_min(1e-12)
        return (length * laplace).view(x.shape)
    drawn = random.draw(ids, n + 1, "normal", seed, number)
    radius = eps * torch.special.ndtr(drawn[:, n]).view(-1, *[1] * (x.dim() - 1))
    return radius * direction(drawn[:, :n].reshape(x.shape), norm)


def ascend(
    net: nn.Module,
    x: torch.Tensor,
    y: torch.Tensor,
    delta: torch.Tensor,
    norm: str,
    eps: float,
    steps: int,
    size: float,
) -> torch.Tensor:
    """The perturbation after `steps` steps of length size * eps from delta, inside the ball and the box."""
    if norm == "l1":
        return _ascend_l1(net, x, y, delta, eps, steps, size)
    delta = (x + delta).clamp(0, 1) - x
    for _ in range(steps):
        delta.requires_grad_(True)
        (gradient,) = torch.autograd.grad(cross_entropy(net(x + delta), y, reduction="sum"), delta)
        delta = into_ball(delta.detach() + size * eps * direction(gradient, norm), norm, eps)
        delta = (x + delta).clamp(0, 1) - x
    return delta


def _ascend_l1(net, x, y, delta, eps: float, steps: int, size: float) -> torch.Tensor:
    """The same in l1, where a step moves the 5 % of the elements that count most (Tramer & Boneh 2019) and the nearest
    point of ball and box is exact: `native.step`."""
    moved = (x + delta).clamp(0, 1)
    for _ in range(steps):
        leaf = moved.detach().requires_grad_(True)
        (gradient,) = torch.autograd.grad(cross_entropy(net(leaf), y, reduction="sum"), leaf)
        moved = step_(leaf.detach(), x, gradient, norm="l1", eps=eps, step_size=size * eps)
    return moved - x


def _length(value: torch.Tensor) -> torch.Tensor:
    return value.flatten(1).norm(dim=1).view(-1, *[1] * (value.dim() - 1))
