"""Reading weights from files without ever running code from them, and fitting them to a network."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from pyadvspur.errors import AdvSpurError, bad

SUFFIXES = (".safetensors", ".pt", ".pth", ".ckpt")
_INSIDE = ("model", "state_dict", "model_state_dict", "net")
# What training frameworks put before a network's own names; the longest that fits is stripped.
_PREFIXES = ("module.model.", "model.module.", "module.", "model.", "network.", "_orig_mod.", "")
_ATTACKER = "module.attacker.model."
_STATISTICS = (
    ("module.normalizer.new_mean", "module.normalizer.new_std"),
    ("normalizer.new_mean", "normalizer.new_std"),
)


@dataclass(frozen=True)
class Checkpoint:
    """What a file holds. tensors: by name, on the CPU. metadata: text, from safetensors files only."""

    path: Path
    tensors: Mapping[str, torch.Tensor]
    metadata: Mapping[str, str]

    @property
    def statistics(self) -> tuple[torch.Tensor, torch.Tensor] | None:
        """Mean and standard deviation of the pixels, where the file brings them (robustness library)."""
        for mean, std in _STATISTICS:
            if mean in self.tensors and std in self.tensors:
                return self.tensors[mean].float().flatten(), self.tensors[std].float().flatten()
        return None


def read(path: str | Path) -> Checkpoint:
    """Read a checkpoint: safetensors, or torch's own format strictly with `weights_only=True`. A file that would
    have to be unpickled is refused, because unpickling runs whatever code the file names."""
    path = Path(path)
    where = f"models.load: {path.name}"
    if path.suffix.lower() not in SUFFIXES:
        raise bad("models.load", "checkpoint", str(path), f"a file ending in {', '.join(SUFFIXES)}")
    if not path.is_file():
        raise bad(
            "models.load", "checkpoint", str(path), "an existing file", f"Looked in {path.parent.resolve()}."
        )
    with path.open("rb") as file:
        start = file.read(512).lstrip().lower()
    if not start:
        raise bad("models.load", "checkpoint", str(path), "weights", "The file is empty.")
    if start.startswith((b"<!doctype", b"<html")):
        raise bad(
            "models.load", "checkpoint", str(path), "weights", "The file is a web page: download it again."
        )
    if path.suffix.lower() == ".safetensors":
        return _read_safetensors(path, where)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # about pickle protocols that will be refused anyway
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise AdvSpurError(
            f"{where}: refused. The file holds Python objects other than tensors, and unpickling them would run code "
            "from the file. Save only the weights (torch.save(model.state_dict(), ...)) or convert to safetensors "
            "where you trust the file."
        ) from error
    except Exception as error:  # damaged files raise almost anything
        raise bad(
            "models.load", "checkpoint", str(path), "a file written by torch.save", _first_line(error)
        ) from error
    return Checkpoint(path, _tensors_of(content, where), {})


def _read_safetensors(path: Path, where: str) -> Checkpoint:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            return Checkpoint(path, {key: file.get_tensor(key) for key in file.keys()}, file.metadata() or {})  # noqa: SIM118
    except SafetensorError as error:
        raise bad("models.load", "checkpoint", str(path), "a safetensors file", _first_line(error)) from error


def _first_line(error: Exception) -> str:
    return f"({type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''})"


def _tensors_of(content: object, where: str) -> dict[str, torch.Tensor]:
    """The state dict in a loaded file: the file itself, or what it keeps under one of the usual names."""
    if isinstance(content, Mapping):
        for state in (content, *(content[key] for key in _INSIDE if isinstance(content.get(key), Mapping))):
            tensors = {str(key): value for key, value in state.items() if isinstance(value, torch.Tensor)}
            if tensors and len(tensors) == len(state):
                return tensors
    kind = f"keys {list(content)[:6]}" if isinstance(content, Mapping) else type(content).__name__
    raise bad(where, "content", kind, f"tensors by name, at the top or under {', '.join(map(repr, _INSIDE))}")


def fit(network: nn.Module, checkpoint: Checkpoint) -> None:
    """Load the weights into a network, strictly, after stripping the prefix that a training framework left.

    The robustness library stores every weight twice (`module.model.*`, `module.attacker.model.*`); the copies must be
    equal. Raises AdvSpurError that names what is missing, too many or of another shape."""
    own = network.state_dict()
    state = max(
        (_without(checkpoint.tensors, prefix) for prefix in _PREFIXES),
        key=lambda state: len(own.keys() & state.keys()),
    )
    copies = _without(checkpoint.tensors, _ATTACKER)
    differing = [key for key, value in copies.items() if key in state and not torch.equal(state[key], value)]
    if differing:
        raise bad(
            "models.load", "checkpoint", str(checkpoint.path), "two equal copies of each weight",
            f"`{_ATTACKER}{differing[0]}` differs from the network's own.",
        )  # fmt: skip
    missing = sorted(own.keys() - state.keys() - {key for key in own if key.endswith("num_batches_tracked")})
    extra = sorted(key for key in state.keys() - own.keys() if not _is_foreign(key, checkpoint))
    shapes = [
        f"{key} {tuple(state[key].shape)} for {tuple(own[key].shape)}"
        for key in sorted(own.keys() & state.keys())
        if state[key].shape != own[key].shape
    ]
    if missing or extra or shapes:
        said = "; ".join(
            f"{len(found)} {what}: {', '.join(found[:3])}{', ...' if len(found) > 3 else ''}"
            for what, found in (("missing", missing), ("unknown", extra), ("of another shape", shapes))
            if found
        )
        raise bad(
            "models.load",
            "checkpoint",
            str(checkpoint.path),
            f"the weights of {type(network).__name__}",
            said,
        )
    network.load_state_dict({key: value for key, value in state.items() if key in own}, strict=False)


def _without(tensors: Mapping[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {key[len(prefix) :]: value for key, value in tensors.items() if key.startswith(prefix)}


def _is_foreign(key: str, checkpoint: Checkpoint) -> bool:
    """Entries of a robustness checkpoint that belong to its wrapper: the attacker's copy and the statistics."""
    return checkpoint.statistics is not None and ("attacker." in key or "normalizer." in key)
