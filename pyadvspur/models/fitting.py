"""Fitting a checkpoint's weights to a network, strictly."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import nn

from pyadvspur.errors import AdvSpurError, bad
from pyadvspur.models import new_head, resnet
from pyadvspur.models.checkpoint import Checkpoint
from pyadvspur.models.classifier import Classifier, fingerprint_of

# What training frameworks put before a network's own names.
_PREFIXES = ("module.model.", "model.module.", "module.", "model.", "network.", "_orig_mod.", "")
_COPIES = ("module.attacker.model.", "attacker.model.")
_FOREIGN = ("attacker.", "normalizer.")


def stripped(checkpoint: Checkpoint, own: Iterable[str] | None = None) -> tuple[str, dict[str, torch.Tensor]]:
    """The prefix that a training framework left, and the weights without it.

    own: the names to be found; without them, those of a known architecture decide, and else the prefix that all names
    share. The robustness library stores every weight twice (`module.model.*`, `module.attacker.model.*`) and its
    normaliser's statistics beside them: the copies must be equal bit for bit, and none of this is returned.
    """
    tensors = checkpoint.tensors
    options = {prefix: without(tensors, prefix) for prefix in _PREFIXES}
    if own is not None:
        own = set(own)
        prefix = max(options, key=lambda prefix: len(own & options[prefix].keys()))
    else:
        fitting = [prefix for prefix, state in options.items() if resnet.recognise(_plain(state))]
        shared = [prefix for prefix, state in options.items() if len(_plain(state)) == len(_plain(tensors))]
        prefix = (fitting or shared or [""])[0]
    state = _plain(options[prefix])
    if differing := differing_copies(checkpoint, state):
        raise bad(
            "models.load", "checkpoint", str(checkpoint.path), "two equal copies of each weight",
            f"`{differing[0]}` differs from the network's own or stands alone.",
        )  # fmt: skip
    return prefix, state


def differing_copies(checkpoint: Checkpoint, state: Mapping[str, torch.Tensor]) -> list[str]:
    """Names of the robustness library's second copies that are not the first, bit for bit; or that only one has."""
    for prefix in _COPIES:
        if copies := without(checkpoint.tensors, prefix):
            return [
                f"{prefix}{key}"
                for key in sorted(copies.keys() | state.keys())
                if key not in copies or key not in state or not same_bits(copies[key], state[key])
            ]
    return []


def n_copies(checkpoint: Checkpoint) -> int:
    """How many tensors are second copies."""
    return max(len(without(checkpoint.tensors, prefix)) for prefix in _COPIES)


def same_bits(a: torch.Tensor, b: torch.Tensor) -> bool:
    """Equal shape, dtype and bytes: -0 is not 0, and NaN equals itself."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    a, b = (v.detach().contiguous().reshape(-1).view(torch.uint8) for v in (a, b))
    return torch.equal(a, b)


def mismatches(network: nn.Module, state: Mapping[str, torch.Tensor]) -> dict[str, list[str]]:
    """What keeps a state dict from fitting a network: missing and unknown names, other shapes and kinds of numbers."""
    own = network.state_dict()
    needed = {key for key in own if not key.endswith(resnet.COUNTERS)}
    both = sorted(own.keys() & state.keys())
    found = {
        "missing": [key for key in own if key in needed and key not in state],
        "unknown": [key for key in state if key not in own],
        "of another shape": [
            f"{key} {tuple(state[key].shape)} for {tuple(own[key].shape)}"
            for key in both
            if state[key].shape != own[key].shape
        ],
        "of another kind": [
            f"{key} {state[key].dtype} for {own[key].dtype}"
            for key in both
            if state[key].is_floating_point() != own[key].is_floating_point()
        ],
    }
    return {what: keys for what, keys in found.items() if keys}


def fit(network: nn.Module, checkpoint: Checkpoint) -> None:
    """Load the weights into a network, strictly, after stripping what training frameworks added (see `stripped`).

    Raises AdvSpurError that names what is missing, too many or of another shape."""
    _, state = stripped(checkpoint, network.state_dict())
    if wrong := mismatches(network, state):
        said = "; ".join(
            f"{len(keys)} {what}: {', '.join(keys[:3])}{', ...' if len(keys) > 3 else ''}"
            for what, keys in wrong.items()
        )
        arch = resnet.recognise(state) or resnet.recognise(stripped(checkpoint)[1])
        looks = f". The file looks like a {arch}" if arch else ""
        raise bad(
            "models.load", "checkpoint", str(checkpoint.path), f"the weights of {type(network).__name__}",
            f"{said}{looks}.",
        )  # fmt: skip
    network.load_state_dict(state, strict=False)  # all but the counters was found to be there


def wrap(
    name: str,
    network: nn.Module,
    weights: Checkpoint | None = None,
    mean=None,
    std=None,
    *,
    source: bytes = b"",
    **more,
) -> Classifier:
    """A Classifier of a network, with a checkpoint's weights if there is one, its gradients off.

    mean, std: applied to the pixels. Where the file brings its own they must be these; where none are given, the file's
    apply. source: what else decides the outputs, for the fingerprint. more: for Classifier."""
    if weights is not None:
        fit(new_head.fit_head(network, weights.info), weights)
        if (found := weights.statistics) is not None:
            if mean is None:
                mean, std = found
            else:
                check_statistics(weights.path.name, found, (mean, std))
    network.requires_grad_(False)
    pair = None if mean is None else (tuple(map(float, mean)), tuple(map(float, std)))
    fingerprint = fingerprint_of(network, source + repr(pair).encode())
    return Classifier(network, name, mean=mean, std=std, fingerprint=fingerprint, **more)


def same_statistics(found, expected) -> bool:
    """Whether (mean, std) are the same numbers, to float32."""
    return torch.allclose(torch.tensor(found), torch.tensor(expected), rtol=0, atol=1e-6)


def check_statistics(file: str, found, expected) -> None:
    """Refuse a file whose normaliser is not the one that the network takes."""
    if not same_statistics(found, expected):
        raise AdvSpurError(
            f"models: the normaliser in {file} has mean {short(found[0])} and std {short(found[1])}, the network takes "
            f"{short(expected[0])} and {short(expected[1])}: refused, because outputs would be wrong. Name a factory "
            f"of your own that has the file's `mean` and `std`: package.module:factory@{file}."
        )


def without(tensors: Mapping[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {key[len(prefix) :]: value for key, value in tensors.items() if key.startswith(prefix)}


def _plain(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Without what belongs to the robustness library's wrapper: the attacker's copy and the statistics."""
    if not any(key.endswith("normalizer.new_mean") or "attacker.model." in key for key in state):
        return dict(state)
    return {
        key: value for key, value in state.items() if not key.removeprefix("module.").startswith(_FOREIGN)
    }


def short(values) -> str:
    return "(" + ", ".join(f"{float(v):.4g}" for v in values) + ")"
