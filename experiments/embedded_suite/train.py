"""One network of the embedded suite: its images, and the recipe that `attacks.train` follows, on one thread."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from pyadvspur import attacks
from pyadvspur.benchmarks import embedded_scenes as scenes
from pyadvspur.models import embedded_nets


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


def recipe(norm: str | None, eps: float, seed: int, config: dict) -> attacks.Recipe:
    """The suite's recipe at one norm and radius. One pass, in order: every epoch has images of its own."""
    return attacks.Recipe(
        norm, eps, "pgd", config["attack_steps"], epochs=1, batch_size=config["batch_size"], shuffle=False,
        optimizer="adamw", lr=config["lr"], weight_decay=config["weight_decay"], schedule="one-cycle",
        ramp=0.0 if norm is None else config["ramp"], seed=seed,
    )  # fmt: skip


def train(arch: str, norm: str | None, eps: float, seed: int, config: dict, data) -> nn.Module:
    """One network, folded and in eval mode. norm None: standard training. eps in [0,1] pixel units."""
    torch.manual_seed(seed)
    net = embedded_nets.build(arch).to(memory_format=torch.channels_last)
    attacks.train(net, data, recipe(norm, eps, seed, config), progress=False)
    return embedded_nets.fold(net, arch)
