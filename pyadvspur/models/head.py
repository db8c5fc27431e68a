"""The features of a classifier, and another linear head on them: pixels -> features -> K logits, differentiable.

Features are what goes into the last `torch.nn.Linear`, the one that makes the logits. The network is not changed: a
hook that lives as long as one call reads them.
"""

from __future__ import annotations

import torch
from torch import nn

from pyadvspur.errors import AdvSpurError, bad

_SIZE = 224  # of the image that looks for the last layer where nobody says


class Features(nn.Module):
    """Pixels in [0,1] (B, 3, H, W) -> features (B, D), the input of a model's last linear layer. Eval mode always."""

    def __init__(self, model: nn.Module, last: nn.Linear) -> None:
        super().__init__()
        self.model, self.last = model, last
        self.eval()

    @property
    def width(self) -> int:
        return self.last.in_features

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        seen: list[torch.Tensor] = []
        handle = self.last.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
        try:
            self.model(x)
        finally:
            handle.remove()
        return seen[-1]

    def train(self, mode: bool = True) -> Features:
        """Stays in eval mode: a frozen backbone's statistics do not move."""
        return super().train(False)


class Headed(nn.Module):
    """A frozen model under another head: pixels in [0,1] (B, 3, H, W) -> logits (B, K). Eval mode always."""

    def __init__(self, features: Features, head: nn.Linear, name: str, input_size: int | None) -> None:
        super().__init__()
        self.features, self.head = features, head
        self.name, self.input_size, self.n_outputs = name, input_size, head.out_features
        self.requires_grad_(False)
        self.eval()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.features(x))

    def train(self, mode: bool = True) -> Headed:
        """Stays in eval mode, see `Features.train`."""
        return super().train(False)


def features(model: nn.Module, input_size: int | None = None) -> Features:
    """The features of a model: what goes into the linear layer that makes its logits.

    model: pixels in [0,1] (B, 3, H, W) -> logits (B, K); put in eval mode. input_size: height and width of the image
    that finds the layer; default: the model's own, or 224.
    Raises AdvSpurError where no linear layer makes the logits.
    """
    model.eval()
    return Features(model, _last_linear(model, input_size or getattr(model, "input_size", None) or _SIZE))


def with_head(
    model: nn.Module,
    weight: torch.Tensor,
    bias: torch.Tensor,
    *,
    input_size: int | None = None,
    name: str | None = None,
) -> Headed:
    """The model with its last linear layer's answer replaced: logits = features @ weight.T + bias.

    model, input_size: as in `features`; its parameters are frozen. weight: float (K, D), bias: float (K,), on raw
    features. name: by default the model's.
    """
    found = features(model, input_size)
    if weight.dim() != 2 or weight.shape[1] != found.width or tuple(bias.shape) != (len(weight),):
        got = f"{tuple(weight.shape)}, {tuple(bias.shape)}"
        raise bad("models.with_head", "weight, bias", got, f"(K, {found.width}) and (K,)")
    if not bool(weight.isfinite().all() and bias.isfinite().all()):
        raise bad("models.with_head", "weight, bias", "NaN or infinite values", "finite numbers")
    head = nn.Linear(found.width, len(weight)).to(found.last.weight.device, found.last.weight.dtype)
    with torch.no_grad():
        head.weight.copy_(weight)
        head.bias.copy_(bias)
    return Headed(
        found, head, name or getattr(model, "name", type(model).__name__), getattr(model, "input_size", None)
    )


def _last_linear(model: nn.Module, size: int) -> nn.Linear:
    """The linear layer whose output are the logits, or the only one of their shape where something follows it."""
    calls: list[tuple[nn.Linear, torch.Tensor]] = []

    def note(module: nn.Linear, given: tuple, out: torch.Tensor) -> None:
        calls.append((module, out))

    handles = [m.register_forward_hook(note) for m in model.modules() if isinstance(m, nn.Linear)]
    like = next(model.parameters(), torch.zeros(()))
    ramp = torch.linspace(0, 1, 3 * size * size, device=like.device, dtype=like.dtype).view(1, 3, size, size)
    try:
        with torch.no_grad():
            logits = model(ramp.expand(2, -1, -1, -1))
    finally:
        for handle in handles:
            handle.remove()
    if not isinstance(logits, torch.Tensor) or logits.dim() != 2:
        raise bad("models.features", "model", type(logits).__name__, "a model giving logits (B, K)")
    same = [module for module, out in calls if out.shape == logits.shape and torch.equal(out, logits)]
    alike = [module for module, out in calls if out.shape == logits.shape]
    chosen = same[-1:] or (alike if len(alike) == 1 else [])
    if not chosen or sum(module is chosen[0] for module, _ in calls) != 1:
        raise AdvSpurError(
            f"models.features: {getattr(model, 'name', type(model).__name__)}: no single torch.nn.Linear makes its "
            f"{logits.shape[1]} logits ({len(calls)} linear layers ran, {len(alike)} of that width). A readout needs "
            "one; give the network a last layer of that kind, or outputs that are the benchmark's classes."
        )
    return chosen[0]
