"""ResNet-18 and ResNet-50 with torchvision's parameter names, so that the published robust weights need no torchvision.

The same layers in the same order: outputs are equal to torchvision's bit for bit (tested where it imports).

Source: He, Zhang, Ren, Sun, "Deep residual learning for image recognition" (CVPR 2016); stride 2 in the 3x3
convolution of a bottleneck, as torchvision has it ("V1.5").
"""

from __future__ import annotations

import functools
from collections.abc import Mapping

import torch
from torch import nn

from pyadvspur.errors import bad, unknown


def _conv3x3(n_in: int, n_out: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False)


def _conv1x1(n_in: int, n_out: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(n_in, n_out, 1, stride, bias=False)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut."""

    expansion = 1

    def __init__(self, n_in: int, width: int, stride: int, downsample: nn.Module | None):
        super().__init__()
        self.conv1, self.bn1 = _conv3x3(n_in, width, stride), nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.conv2, self.bn2 = _conv3x3(width, width), nn.BatchNorm2d(width)
        self.downsample = downsample

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += x if self.downsample is None else self.downsample(x)
        return self.relu(out)


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions and a shortcut; four times as many channels out as inside."""

    expansion = 4

    def __init__(self, n_in: int, width: int, stride: int, downsample: nn.Module | None):
        super().__init__()
        self.conv1, self.bn1 = _conv1x1(n_in, width), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = _conv3x3(width, width, stride), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = _conv1x1(width, width * 4), nn.BatchNorm2d(width * 4)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        out += x if self.downsample is None else self.downsample(x)
        return self.relu(out)


class ResNet(nn.Module):
    """Normalised images (B, 3, H, W) -> logits (B, K). The class is called as torchvision's is, and prints the same."""

    def __init__(self, block: type[BasicBlock | Bottleneck], depths: tuple[int, ...], n_outputs: int = 1000):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        n_in = 64
        for number, depth in enumerate(depths):
            width = 64 << number
            blocks = []
            for position in range(depth):
                stride = 2 if number and not position else 1
                n_out = width * block.expansion
                short = stride != 1 or n_in != n_out
                down = nn.Sequential(_conv1x1(n_in, n_out, stride), nn.BatchNorm2d(n_out)) if short else None
                blocks.append(block(n_in, width, stride, down))
                n_in = n_out
            self.add_module(f"layer{number + 1}", nn.Sequential(*blocks))
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(n_in, n_outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(torch.flatten(self.avgpool(x), 1))


#: batch counters decide no output and are absent from old checkpoints
COUNTERS = "num_batches_tracked"
ARCHITECTURES = {"resnet18": (BasicBlock, (2, 2, 2, 2)), "resnet50": (Bottleneck, (3, 4, 6, 3))}


def build(arch: str, n_outputs: int = 1000) -> ResNet:
    """A network whose weights are not set: load some. arch: "resnet18" or "resnet50"."""
    if arch not in ARCHITECTURES:
        raise unknown("models.resnet.build", "arch", arch, ARCHITECTURES)
    if not 1 <= n_outputs <= 1 << 20:
        raise bad("models.resnet.build", "n_outputs", n_outputs, "an integer in [1, 2**20]")
    with torch.device("meta"):  # no time is spent on random weights that will be replaced
        network = ResNet(*ARCHITECTURES[arch], n_outputs)
    network = network.to_empty(device="cpu")
    for name, buffer in network.named_buffers():
        buffer.fill_(1 if name.endswith("running_var") else 0)
    return network.eval()


@functools.cache
def _shapes(arch: str) -> dict[str, tuple[int, ...]]:
    with torch.device("meta"):
        state = ResNet(*ARCHITECTURES[arch]).state_dict()
    return {key: tuple(value.shape) for key, value in state.items() if not key.endswith(COUNTERS)}


def width(arch: str) -> int:
    """How many features the last layer sees: 512 or 2,048."""
    return _shapes(arch)["fc.weight"][1]


def recognise(weights: Mapping[str, torch.Tensor]) -> str | None:
    """The architecture that a state dict's names and shapes belong to, for nine in ten of them at least (so that a
    file with a mistake in it is told what is wrong); None where it is none of ours. Any number of outputs will do."""
    given = {key: tuple(value.shape) for key, value in weights.items() if not key.endswith(COUNTERS)}
    for arch in ARCHITECTURES:
        expected = _shapes(arch)
        shared = sum(given.get(key) == shape or key.startswith("fc.") for key, shape in expected.items())
        if shared >= 0.9 * len(expected.keys() | given.keys()) and "fc.weight" in given:
            return arch
    return None
