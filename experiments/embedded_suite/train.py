"""Training one network of the embedded suite: AdamW with a one-cycle schedule on PGD examples, one thread."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from pyadvspur.benchmarks import embedded_scenes as scenes
from pyadvspur.models import embedded_nets
from pyadvspur.native import random
from pyadvspur.streams import TRAIN, stream


def training_images(config: dict, seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """images uint8 (N, 3, 32, 32), labels (N,), ids (N,): epochs one after another, no image shown twice. Every network
    of a seed sees the same images in the same order."""
    n = config["epochs"] * config["images_per_epoch"]
    ids = (seed + 1 << 40) + np.arange(n)
    images, labels = np.empty((n, 3, scenes.SIZE, scenes.SIZE), np.uint8), np.empty(n, np.int64)
    for start in range(0, n, 1000):
        part = slice(start, start + 1000)
        chosen = scenes.agree_with(scenes.draw_scenes(ids[part], train=True), config["agreement"])
        images[part] = scenes.compose(chosen)[0].transpose(0, 3, 1, 2)
        labels[part] = chosen.label
    return torch.from_numpy(images), torch.from_numpy(labels), torch.from_numpy(ids)


def _direction(gradient: torch.Tensor, norm: str) -> torch.Tensor:
    if norm == "linf":
        return gradient.sign()
    return gradient / gradient.flatten(1).norm(dim=1).clamp_min(1e-12).view(-1, 1, 1, 1)


def _into_ball(delta: torch.Tensor, norm: str, eps: float) -> torch.Tensor:
    if norm == "linf":
        return delta.clamp(-eps, eps)
    length = delta.flatten(1).norm(dim=1).clamp_min(1e-12).view(-1, 1, 1, 1)
    return delta * (eps / length).clamp_max(1)


def _start(x: torch.Tensor, ids: torch.Tensor, norm: str, eps: float, seed: int) -> torch.Tensor:
    n = x[0].numel()
    if norm == "linf":
        return eps * (2 * random.draw(ids, n, "uniform", seed, stream(TRAIN)).view_as(x) - 1)
    drawn = random.draw(ids, n + 1, "normal", seed, stream(TRAIN))
    radius = eps * torch.special.ndtr(drawn[:, n]).view(-1, 1, 1, 1)
    return radius * _direction(drawn[:, :n].reshape_as(x), norm)


def perturb(net: nn.Module, x, y, ids, norm: str, eps: float, steps: int, seed: int) -> torch.Tensor:
    """PGD with a random start; the step is min(1, 1.5 / steps) eps."""
    delta = (x + _start(x, ids, norm, eps, seed)).clamp(0, 1) - x
    for _ in range(steps):
        delta.requires_grad_(True)
        (gradient,) = torch.autograd.grad(cross_entropy(net(x + delta), y, reduction="sum"), delta)
        delta = _into_ball(delta.detach() + min(1, 1.5 / steps) * eps * _direction(gradient, norm), norm, eps)
        delta = (x + delta).clamp(0, 1) - x
    return x + delta


def train(arch: str, norm: str | None, eps: float, seed: int, config: dict, data) -> nn.Module:
    """One network, folded and in eval mode. norm None: standard training. eps in [0,1] pixel units."""
    images, labels, ids = data
    torch.manual_seed(seed)
    net = embedded_nets.build(arch).to(memory_format=torch.channels_last).train()
    batch = config["batch_size"]
    n_steps = math.ceil(len(images) / batch)
    optimizer = torch.optim.AdamW(net.parameters(), lr=config["lr"], weight_decay=config["weight_decay"])
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, config["lr"], total_steps=n_steps, pct_start=0.2
    )
    for step, start in enumerate(range(0, len(images), batch)):
        part = slice(start, start + batch)
        x, y = images[part].float().div(255).contiguous(memory_format=torch.channels_last), labels[part]
        if norm is not None:
            # Growing radii let a network find the digit before it has to give it up; one step is enough meanwhile.
            grown = min(1.0, step / (config["ramp"] * n_steps))
            steps = config["attack_steps"] if grown == 1 else 1
            x = perturb(net, x, y, ids[part], norm, eps * grown, steps, seed)
        loss = cross_entropy(net(x), y)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
    return embedded_nets.fold(net.eval(), arch)
