"""Small generated networks: nothing is read, nothing takes longer than a second."""

from __future__ import annotations

import pytest
import torch
from torch import nn


class SmallCNN(nn.Module):
    """Convolutions, BatchNorm with uneven statistics, dropout, pooling and a matrix product."""

    def __init__(self, n_classes: int = 6):
        super().__init__()
        self.conv1, self.bn = nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8)
        self.conv2 = nn.Conv2d(8, 16, 3, 2, 1)
        self.dropout, self.linear = nn.Dropout(0.3), nn.Linear(16 * 9, n_classes)

    def forward(self, x):
        x = torch.relu(self.bn(self.conv1(x)))
        x = torch.relu(self.conv2(x))
        return self.linear(self.dropout(x).flatten(1))


class Scaled(nn.Module):
    """The same classifier with its logits multiplied by a factor."""

    def __init__(self, network: nn.Module, factor: float):
        super().__init__()
        self.network, self.factor = network, factor

    def forward(self, x):
        return self.network(x) * self.factor


@pytest.fixture(scope="session")
def network() -> nn.Module:
    torch.manual_seed(0)
    network = SmallCNN()
    x = torch.rand(256, 3, 12, 12)
    for _ in range(3):
        network(x)  # running statistics
    with torch.no_grad():
        network.linear.bias -= network.eval()(x).mean(0)  # no class that always wins
    return network.eval()


@pytest.fixture(scope="session")
def images(network) -> tuple[torch.Tensor, torch.Tensor]:
    """67 images and their labels: the network's own prediction, except for every eighth."""
    x = torch.rand(67, 3, 12, 12, generator=torch.Generator().manual_seed(1))
    y = network(x).argmax(1)
    y[::8] = (y[::8] + 1) % 6
    return x, y


RADII = {"linf": (0.003, 0.008, 0.02), "l2": (0.05, 0.15, 0.4), "l1": (0.4, 1.0, 3.0)}


@pytest.fixture(params=list(RADII))
def norm(request) -> str:
    return request.param


@pytest.fixture
def radii(norm) -> tuple[float, ...]:
    return RADII[norm]


@pytest.fixture
def scaled():
    return Scaled
