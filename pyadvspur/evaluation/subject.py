"""The models of a run: names for `models.load`, or modules handed in."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from pyadvspur.attacks.guard import evaluating
from pyadvspur.errors import bad


@dataclass(frozen=True)
class Subject:
    """A model with its identity. source: what to load it from, a name or the module itself. n_outputs: None where a
    module does not say."""

    name: str
    fingerprint: str
    source: Any
    training_info: dict[str, Any] = field(default_factory=dict)
    input_size: int | None = None
    n_outputs: int | None = None

    def outputs(self, size: int) -> int | None:
        """How many outputs the model has, by one grey image of that size where it does not say; None where it gives
        none (what is wrong with it, the first images will tell)."""
        if self.n_outputs is not None or isinstance(self.source, str):
            return self.n_outputs
        return _probed(self.source, size)

    def load(self) -> torch.nn.Module:
        """The module: pixels in [0,1] NCHW -> logits."""
        if not isinstance(self.source, str):
            return self.source
        from pyadvspur import models

        model = models.load(self.source)
        if model.fingerprint != self.fingerprint:
            raise bad(
                "evaluate", f"model {self.name!r}", "other weights than at the start", "the same weights",
                "A factory that draws its weights has to seed them, or is given a file: package.module:factory@FILE.",
            )  # fmt: skip
        return model


def subjects(given: Iterable[Any] | Mapping[str, Any] | str | torch.nn.Module) -> list[Subject]:
    """Names, modules, (name, module) pairs or a mapping, as subjects with names that differ."""
    if isinstance(given, (str, torch.nn.Module)):
        given = [given]
    items = list(given.items()) if isinstance(given, Mapping) else list(given)
    found = [_subject(item) for item in items]
    if not found:
        raise bad("evaluate", "models", "none", "one or more names, modules or (name, module) pairs")
    names = [subject.name for subject in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise bad(
            "evaluate", "models", f"{twice[0]!r} twice", "names that differ", "Pass (name, module) pairs."
        )
    return found


def _subject(item: Any) -> Subject:
    name = None
    if isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], str):
        name, item = item
    if isinstance(item, str):
        from pyadvspur import models

        model = models.load(item)
        outputs = model.n_outputs or _probed(model, model.input_size or 224)
        info = _plain(model.training_info)
        return Subject(name or item, model.fingerprint, item, info, model.input_size, outputs)
    if not isinstance(item, torch.nn.Module):
        raise bad("evaluate", "models", repr(item)[:80], "names, torch modules or (name, module) pairs")
    fingerprint = getattr(item, "fingerprint", None) or _fingerprint(item)
    info = getattr(item, "training_info", None) or {}
    title = name or getattr(item, "name", None) or type(item).__name__
    facts = (getattr(item, "input_size", None), getattr(item, "n_outputs", None))
    return Subject(title, fingerprint, item, _plain(info), *facts)


def _probed(model: torch.nn.Module, size: int) -> int | None:
    like = next(model.parameters(), torch.zeros(()))
    try:
        with evaluating(model), torch.no_grad():
            logits = model(torch.full((1, 3, size, size), 0.5, device=like.device))
    except Exception:  # of a module of the user's
        return None
    return logits.shape[1] if isinstance(logits, torch.Tensor) and logits.dim() == 2 else None


def _fingerprint(module: torch.nn.Module) -> str:
    """SHA-256 of the class names and of every weight and buffer, bit for bit."""
    total = hashlib.sha256()
    for name, part in module.named_modules():
        total.update(
            f"{name}={type(part).__module__}.{type(part).__qualname__}({part.extra_repr()});".encode()
        )
    tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    for name, tensor in tensors.items():
        total.update(f"{name}:{tensor.dtype}{tuple(tensor.shape)};".encode())
        total.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy())
    return total.hexdigest()


def _plain(info: Mapping[str, Any]) -> dict[str, Any]:
    keep = (str, int, float, bool, type(None))
    return {str(key): value if isinstance(value, keep) else str(value) for key, value in info.items()}
