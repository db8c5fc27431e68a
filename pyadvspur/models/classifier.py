"""The one form that every model takes: pixels in [0,1] -> logits, in eval mode, with a name and a fingerprint."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import torch
from torch import nn

from pyadvspur.errors import bad


class Classifier(nn.Module):
    """A network that takes pixels in [0,1], float (B, 3, H, W), and gives logits (B, K). Normalisation is inside.

    network: any module; if it returns a tuple, the first entry is taken as the logits. mean, std: three numbers each,
    subtracted and divided by before the network (both or neither). fingerprint: SHA-256 of what decides the outputs;
    by default of the weights and the statistics. training_info: how the network was trained, as far as known (arch,
    norm, eps, seed). n_outputs and input_size: None where unknown until the first image.
    """

    def __init__(
        self,
        network: nn.Module,
        name: str,
        *,
        mean: Sequence[float] | torch.Tensor | None = None,
        std: Sequence[float] | torch.Tensor | None = None,
        n_outputs: int | None = None,
        input_size: int | None = None,
        fingerprint: str | None = None,
        training_info: Mapping[str, object] | None = None,
    ):
        super().__init__()
        if not isinstance(network, nn.Module):
            raise bad("models.Classifier", "network", type(network).__name__, "a torch.nn.Module")
        if (mean is None) != (std is None):
            raise bad("models.Classifier", "mean, std", (mean, std), "both or neither")
        self.network = network
        self.register_buffer("mean", _statistic("mean", mean), persistent=False)
        self.register_buffer("std", _statistic("std", std), persistent=False)
        if self.std is not None and not bool((self.std > 0).all()):
            raise bad("models.Classifier", "std", self.std.flatten().tolist(), "numbers > 0")
        self.name = name
        self.n_outputs = n_outputs
        self.input_size = input_size
        self.training_info = dict(training_info or {})
        self.fingerprint = fingerprint or fingerprint_of(network, repr((mean, std)).encode())
        self.eval()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: float (B, 3, H, W) in [0,1] -> logits (B, K)."""
        if self.mean is not None:
            x = (x - self.mean) / self.std
        logits = self.network(x)
        return logits[0] if isinstance(logits, tuple) else logits

    def probe(self, size: int | None = None) -> int:
        """The number of outputs, found with one grey image where it was not known."""
        if self.n_outputs is None:
            like = next(self.parameters(), torch.zeros(()))
            size = size or self.input_size or 224
            with torch.no_grad():
                logits = self(torch.full((1, 3, size, size), 0.5, device=like.device, dtype=like.dtype))
            if logits.dim() != 2 or logits.shape[0] != 1:
                raise bad(f"models: {self.name}", "output", tuple(logits.shape), "logits of shape (B, K)")
            self.n_outputs = logits.shape[1]
        return self.n_outputs

    def extra_repr(self) -> str:
        return f"name={self.name!r}, n_outputs={self.n_outputs}, fingerprint={self.fingerprint[:12]}"


def _statistic(argument: str, value) -> torch.Tensor | None:
    if value is None:
        return None
    value = torch.as_tensor(value, dtype=torch.float32).flatten()
    if value.numel() != 3 or not bool(value.isfinite().all()):
        raise bad("models.Classifier", argument, value.tolist(), "three finite numbers, one for each channel")
    return value.view(3, 1, 1)


def fingerprint_of(network: nn.Module, source: bytes = b"") -> str:
    """SHA-256 over a module's structure, its parameters and buffers (names, shapes, bytes), and some source."""
    digest = hashlib.sha256(repr(network).encode() + source)
    for key, value in sorted(
        [*network.named_parameters(), *network.named_buffers()], key=lambda item: item[0]
    ):
        value = value.detach().cpu().contiguous()
        digest.update(f"{key} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
