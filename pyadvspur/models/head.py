"""The features of a classifier, and another linear head on them: pixels -> features -> K logits, differentiable.

Features are what goes into the last `torch.nn.Linear`, the one that makes the logits. They are taken from a copy of the
module tree that shares all weights, so the model handed in is not changed in any way.
"""

from __future__ import annotations

import copy

import torch
from torch import nn

from pyadvspur.errors import AdvSpurError, bad

_SIZE = 224  # of the image that looks for the last layer where nobody says


class _Tap(nn.Module):
    """A linear layer that keeps what went into it until it is taken."""

    def __init__(self, last: nn.Linear) -> None:
        super().__init__()
        self.last = last
        self.seen: torch.Tensor | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.seen = x
        return self.last(x)


class Features(nn.Module):
    """Pixels in [0,1] (B, 3, H, W) -> features (B, D), the input of a model's last linear layer. Eval mode always.

    model: the tree, in which `tap` stands for that layer.
    """

    def __init__(self, model: nn.Module, tap: _Tap) -> None:
        super().__init__()
        self.model, self.tap = model, tap
        self.eval()

    @property
    def width(self) -> int:
        return self.tap.last.in_features

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.model(x)
        seen, self.tap.seen = self.tap.seen, None
        return seen

    def train(self, mode: bool = True) -> Features:
        """Stays in eval mode: a frozen backbone's statistics do not move."""
        return super().train(False)


class Headed(nn.Module):
    """A frozen model under another head: pixels in [0,1] (B, 3, H, W) -> logits (B, K). Eval mode always."""

    def __init__(self, features: Features, head: nn.Linear, name: str, input_size: int | None) -> None:
        super().__init__()
        self.features, self.head = features, head
        self.name, self.input_size, self.n_outputs = name, input_size, head.out_features
        self.eval()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.features(x))

    def train(self, mode: bool = True) -> Headed:
        """Stays in eval mode, see `Features.train`."""
        return super().train(False)


def features(model: nn.Module, input_size: int | None = None) -> Features:
    """The features of a model: what goes into the linear layer that makes its logits.

    model: pixels in [0,1] (B, 3, H, W) -> logits (B, K). input_size: height and width of the image that finds the
    layer; default: the model's own, or 224. A model that cannot be copied gets a layer around its last one, and eval
    mode.
    Raises AdvSpurError where no linear layer makes the logits.
    """
    tree = _shared_copy(model).eval()
    name = last_linear(tree, input_size or getattr(model, "input_size", None) or _SIZE)
    last = tree.get_submodule(name)
    tap = _Tap(last)
    for owner in list(tree.modules()):  # it may have several names
        for key, child in list(owner._modules.items()):
            if child is last:
                setattr(owner, key, tap)
    return Features(tap if last is tree else tree, tap)


def with_head(
    model: nn.Module,
    weight: torch.Tensor,
    bias: torch.Tensor,
    *,
    input_size: int | None = None,
    name: str | None = None,
) -> Headed:
    """The model with its last linear layer's answer replaced: logits = features @ weight.T + bias.

    model, input_size: as in `features`. weight: float (K, D), bias: float (K,), on raw
    features. name: by default the model's.
    """
    found = features(model, input_size)
    if weight.dim() != 2 or weight.shape[1] != found.width or tuple(bias.shape) != (len(weight),):
        got = f"{tuple(weight.shape)}, {tuple(bias.shape)}"
        raise bad("models.with_head", "weight, bias", got, f"(K, {found.width}) and (K,)")
    if not bool(weight.isfinite().all() and bias.isfinite().all()):
        raise bad("models.with_head", "weight, bias", "NaN or infinite values", "finite numbers")
    like = found.tap.last.weight
    head = nn.Linear(found.width, len(weight)).to(like.device, like.dtype)
    with torch.no_grad():
        head.weight.copy_(weight)
        head.bias.copy_(bias)
    head.requires_grad_(False)
    return Headed(
        found, head, name or getattr(model, "name", type(model).__name__), getattr(model, "input_size", None)
    )


def _shared_copy(model: nn.Module) -> nn.Module:
    """Another tree of the same modules over the same weights; the model itself where it cannot be copied."""
    shared = {id(t): t for t in (*model.parameters(), *model.buffers())}
    try:
        return copy.deepcopy(model, shared)
    except Exception:  # whatever a foreign module raises
        return model


def last_linear(model: nn.Module, size: int) -> str:
    """The name of the linear layer whose output are the logits, or of the only one of their shape where something
    follows it. model: in eval mode. size: height and width of the image that is tried."""
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
    return next(name for name, module in model.named_modules() if module is chosen[0])
