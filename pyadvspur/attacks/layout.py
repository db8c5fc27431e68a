"""Convolution weights in the order in which the CPU's kernels are fastest, for the calls of a search.

With weights that lie channels last torch keeps the values between convolutions in that order too: max pooling is then a
tenth of its time, convolutions of small images are a third faster, and a network that reads one channel, whose images
lie in both orders at once, gets there as well. Last bits differ, so what a search finds is verified by the model with
its own weights.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from pyadvspur.attacks.chunking import LARGEST


class LastWeights:
    """Inside `with` the model's 2d convolutions have weights that lie channels last; afterwards its own parameters."""

    def __init__(self, model: nn.Module):
        self.kept = [(module, module.weight) for module in model.modules() if _can_change(module)]
        last = {id(weight): _channels_last(weight) for _, weight in self.kept}  # a shared weight stays shared
        self.last = [(module, last[id(weight)]) for module, weight in self.kept]

    def __enter__(self) -> LastWeights:
        _set(self.last)
        return self

    def __exit__(self, *_) -> None:
        _set(self.kept)


def last_weights(model: Callable, x: torch.Tensor) -> LastWeights | None:
    """For a model in eval mode that is called with images like x: None where they are large (those come channels last
    themselves) or not on the CPU, and for a model without convolutions or that counts on memory order.
    """
    small = x.dim() == 4 and not x.is_cuda and 0 < x.shape[1:].numel() <= LARGEST
    if not small or not isinstance(model, nn.Module) or not any(map(_can_change, model.modules())):
        return None
    weights = LastWeights(model)
    try:
        with weights, torch.no_grad():
            model(x.new_zeros(1, *x.shape[1:]))
    except (
        Exception
    ):  # whatever a foreign module raises; what is wrong without them is said when it is called in earnest
        return None
    return weights


def _can_change(module: nn.Module) -> bool:
    weight = module._parameters.get("weight") if type(module) is nn.Conv2d else None
    return type(weight) is nn.Parameter and weight.device.type == "cpu" and weight.dtype == torch.float32


def _channels_last(weight: nn.Parameter) -> nn.Parameter:
    # a copy, not `contiguous`: weights of one channel count as lying in either order and would stay as they are
    last = torch.empty_like(weight, memory_format=torch.channels_last).copy_(weight.detach())
    return nn.Parameter(last, requires_grad=weight.requires_grad)


def _set(weights: list[tuple[nn.Module, nn.Parameter]]) -> None:
    for module, weight in weights:
        module._parameters["weight"] = weight
