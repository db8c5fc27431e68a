"""The small networks whose trained weights lie in the developers' data folder, and the images to try them
on.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

_IMAGENET_MEAN = (0.485, 0.456, 0.406)


class Normalised(nn.Module):
    """Pixels in [0,1] -> (x - mean) / std -> network."""

    def __init__(self, network: nn.Module, mean: tuple[float, ...], std: tuple[float, ...]):
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1))

    def forward(self, x):
        return self.network((x - self.mean) / self.std)


class Block(nn.Module):
    """Basic block with the parameter-free shortcut (option A: subsample, pad channels with zeros)."""

    def __init__(self, n_in: int, n_out: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(n_out)
        self.conv2 = nn.Conv2d(n_out, n_out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(n_out)
        self.pad = (n_out - n_in) // 2
        self.stride = stride

    def forward(self, x):
        out = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if self.pad:
            x = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.pad, self.pad))
        return F.relu(out + x)


class ResNet20(nn.Module):
    """He et al. 2016, section 4.2, n = 3."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = nn.Sequential(Block(16, 16, 1), Block(16, 16, 1), Block(16, 16, 1))
        self.layer2 = nn.Sequential(Block(16, 32, 2), Block(32, 32, 1), Block(32, 32, 1))
        self.layer3 = nn.Sequential(Block(32, 64, 2), Block(64, 64, 1), Block(64, 64, 1))
        self.linear = nn.Linear(64, 10)

    def forward(self, x):
        x = self.layer3(self.layer2(self.layer1(F.relu(self.bn1(self.conv1(x))))))
        return self.linear(x.mean(dim=(2, 3)))


class LeNet5(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3, padding=1)
        self.conv2 = nn.Conv2d(32, 64, 3, padding=1)
        self.linear1 = nn.Linear(3136, 200)
        self.linear2 = nn.Linear(200, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.linear2(F.relu(self.linear1(x.flatten(1))))


def small_cnn(channels: int, flat: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, 16, 4, 2, 1), nn.ReLU(), nn.Conv2d(16, 32, 4, 2, 1), nn.ReLU(), nn.Flatten(),
        nn.Linear(flat, 100), nn.ReLU(), nn.Linear(100, 10),
    )  # fmt: skip


# name -> (file, network, data set, mean and std of the input normalisation)
_NETWORKS = {
    "cifar_resnet20": (ResNet20, "cifar", (_IMAGENET_MEAN, (0.229, 0.224, 0.225))),
    "cifar_cnn_adv": (lambda: small_cnn(3, 2048), "cifar", (_IMAGENET_MEAN, (0.225, 0.225, 0.225))),
    "mnist_lenet5_clean": (LeNet5, "mnist", None),
    "mnist_cnn_pgd": (lambda: small_cnn(1, 1568), "mnist", None),
}
NAMES = tuple(_NETWORKS)


def folder_of(run) -> Path:
    """Where a script's --data says that weights and images are; ends the script if it does not."""
    if not run.options.data:
        raise SystemExit(f"{run.name}: say where weights and images are: --data DIR, or ADVSPUR_DEV_DATA")
    folder = Path(run.options.data)
    return folder / "data" if (folder / "data").is_dir() else folder


def load(folder: str | Path, name: str, n: int = 500) -> tuple[nn.Module, torch.Tensor, torch.Tensor]:
    """A network in eval mode (pixels in [0,1] -> logits), n images (n, C, H, W) and their labels."""
    import numpy as np
    from safetensors.torch import load_file

    folder = Path(folder)
    build, data, normalisation = _NETWORKS[name]
    network = build()
    network.load_state_dict(load_file(folder / f"{name}.safetensors"), strict=False)
    if normalisation:
        network = Normalised(network, *normalisation)
    file = {"cifar": "cifar10_test_500.npz", "mnist": "mnist_test_1000.npz"}[data]
    arrays = np.load(folder / file)
    images, labels = (arrays[key] for key in sorted(arrays.files, key=lambda k: arrays[k].ndim, reverse=True))
    x = torch.from_numpy(images[:n]).float().div(255)
    x = x.permute(0, 3, 1, 2) if x.dim() == 4 else x[:, None]
    return network.eval(), x.contiguous(), torch.from_numpy(labels[:n]).long()
