"""The two small architectures of the embedded suite: 32x32 pixels in [0,1], ten outputs, about 50,000 weights each.

Networks are trained with batch normalisation and shipped with it folded into the convolutions, so what is evaluated has
no training mode at all.
"""

from __future__ import annotations

import torch
from torch import nn

from pyadvspur.errors import unknown

MEAN = (0.42, 0.42, 0.42)
STD = (0.2, 0.2, 0.2)


def _conv(n_in: int, n_out: int, stride: int, kernel: int = 3, norm: bool = True) -> nn.Sequential:
    conv = nn.Conv2d(n_in, n_out, kernel, stride, kernel // 2, bias=not norm)
    return nn.Sequential(conv, nn.BatchNorm2d(n_out, momentum=0.02)) if norm else nn.Sequential(conv)


class _Normalised(nn.Module):
    """Pixels in [0,1] -> logits; centring and scaling are part of the network."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.tensor(MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(3, 1, 1), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.features((x - self.mean) / self.std).flatten(1))


class PlainNet(_Normalised):
    """Four convolutions, three of them with stride 2."""

    def __init__(self, norm: bool = True):
        super().__init__()
        layers: list[nn.Module] = []
        for n_in, n_out, stride, kernel in ((3, 16, 2, 5), (16, 32, 2, 3), (32, 48, 1, 3), (48, 48, 2, 3)):
            layers += [_conv(n_in, n_out, stride, kernel, norm), nn.ReLU()]
        self.features = nn.Sequential(*layers)
        self.head = nn.Linear(48 * 16, 10)


class _Block(nn.Module):
    """Two convolutions and a shortcut; the first has stride 2."""

    def __init__(self, n_in: int, n_out: int, norm: bool):
        super().__init__()
        self.first = _conv(n_in, n_out, 2, norm=norm)
        self.second = _conv(n_out, n_out, 1, norm=norm)
        self.shortcut = _conv(n_in, n_out, 2, kernel=1, norm=norm)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.second(torch.relu(self.first(x))) + self.shortcut(x))


class ResidualNet(_Normalised):
    """A convolution and two residual blocks."""

    def __init__(self, norm: bool = True):
        super().__init__()
        self.features = nn.Sequential(
            _conv(3, 16, 2, 5, norm), nn.ReLU(), _Block(16, 32, norm), _Block(32, 48, norm)
        )
        self.head = nn.Linear(48 * 16, 10)


ARCHITECTURES = {"cnn": PlainNet, "resnet": ResidualNet}


def build(arch: str, norm: bool = True) -> nn.Module:
    """A network with random weights. norm: with batch normalisation, for training; shipped networks have none."""
    if arch not in ARCHITECTURES:
        raise unknown("models.embedded_nets.build", "arch", arch, ARCHITECTURES)
    return ARCHITECTURES[arch](norm)


def fold(trained: nn.Module, arch: str) -> nn.Module:
    """The same function without batch normalisation (fold in float64, keep float32)."""
    folded = build(arch, norm=False).eval()
    state = {}
    for name, module in trained.named_modules():
        if isinstance(module, nn.Sequential) and len(module) == 2 and isinstance(module[1], nn.BatchNorm2d):
            conv, norm = module
            factor = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
            state[f"{name}.0.weight"] = (conv.weight.double() * factor[:, None, None, None]).float()
            state[f"{name}.0.bias"] = (norm.bias.double() - norm.running_mean.double() * factor).float()
    state.update({f"head.{key}": value for key, value in trained.head.state_dict().items()})
    folded.load_state_dict(state)
    return folded
