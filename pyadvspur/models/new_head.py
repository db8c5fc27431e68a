"""A new last linear layer for a network: what fine-tuning begins with, and what its files ask for."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from pyadvspur.errors import bad
from pyadvspur.models.head import last_linear


def new_head(network: nn.Module, n_outputs: int, input_size: int) -> str:
    """Put a fresh last linear layer of n_outputs into a network; its name. Weights from torch's generator."""
    network.eval()
    name = last_linear(network, input_size)
    _replace(network, name, n_outputs)
    return name


def fit_head(network: nn.Module, info: Mapping[str, object]) -> nn.Module:
    """The network with the last layer that a fine-tuned file's metadata asks for; untouched for other files."""
    if "head" not in info:
        return network
    name, n_outputs = str(info["head"]), info.get("n_outputs")
    if type(n_outputs) is not int or not 2 <= n_outputs <= 1 << 20:
        raise bad("models.load", "n_outputs in the metadata", repr(n_outputs), "an integer >= 2")
    if not isinstance(dict(network.named_modules()).get(name), nn.Linear):
        takes = "the name of a linear layer of the network"
        raise bad("models.load", "head in the metadata", repr(name)[:80], takes)
    _replace(network, name, n_outputs)
    return network


def _replace(network: nn.Module, name: str, n_outputs: int) -> None:
    parent, _, last = name.rpartition(".")
    owner = network.get_submodule(parent)
    old = network.get_submodule(name)
    fresh = nn.Linear(old.in_features, n_outputs, device=old.weight.device, dtype=old.weight.dtype)
    setattr(owner, last, fresh)
