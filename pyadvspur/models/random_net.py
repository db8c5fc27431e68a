"""`random:K`: a small network with fixed random weights and K outputs, for dry runs of data at any image size."""

from __future__ import annotations

import torch
from torch import nn

from pyadvspur import streams
from pyadvspur.errors import bad
from pyadvspur.models.classifier import Classifier
from pyadvspur.models.fitting import wrap

_WIDTH = 64
_MOST = 1 << 20
_SPREAD = 10  # of the logits, so that predictions depend on the image and are neither sure nor even


class RandomNet(nn.Module):
    """Two strided convolutions, their mean over the image, a linear layer; about 15 million operations at 224x224."""

    def __init__(self, n_outputs: int):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 16, 7, 4, 3), nn.ReLU(), nn.Conv2d(16, _WIDTH, 3, 2, 1), nn.ReLU()
        )
        self.head = nn.Linear(_WIDTH, n_outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.features(x).mean((2, 3)))


def load_random(name: str, text: str) -> Classifier:
    """text: the number of outputs, 2 to 2**20. The same weights on every machine and in every version of torch."""
    if not (text.isascii() and text.isdigit() and 2 <= int(text[:8]) <= _MOST and len(text) < 8):
        raise bad(
            "models.load", "name", repr(name), f"random:K with K from 2 to {_MOST}, for example random:1000"
        )
    from pyadvspur.native.random import draw

    n_outputs = int(text)
    with torch.device("meta"):
        network = RandomNet(n_outputs)
    network = network.to_empty(device="cpu").eval()
    with torch.no_grad():
        for layer, module in enumerate((network.features[0], network.features[2], network.head)):
            fan_in = module.weight[0].numel()
            rows = torch.arange(
                len(module.weight)
            )  # a row's weights do not depend on how many rows there are
            drawn = draw(rows, fan_in, "normal", seed=0, stream=streams.stream(streams.DRY_RUN, layer))
            scale = (2 / fan_in) ** 0.5 * (_SPREAD if module is network.head else 1)
            module.weight.copy_(drawn.view_as(module.weight) * scale)
            module.bias.zero_()
        # every row sums to zero, or what all features share (how bright the image is) would decide everything
        network.head.weight[:, _WIDTH // 2 :] = -network.head.weight[:, : _WIDTH // 2]
    return wrap(name, network, mean=(0.5,) * 3, std=(0.25,) * 3, n_outputs=n_outputs)
