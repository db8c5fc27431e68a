"""Files of networks that were fine-tuned here: they name the network they began as, and its new last layer.

Metadata, as JSON under "advspur": base (how `models.load` names the architecture), head (name of the last linear layer)
and n_outputs. `models.load("FILE.safetensors")` builds the base and gives it that layer; where the base is your own
code, a file alone never runs it: `models.load("package.module:factory@FILE")`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import nn

from pyadvspur.errors import bad
from pyadvspur.models import checkpoint, resnet
from pyadvspur.models.classifier import Classifier
from pyadvspur.models.fitting import wrap

_OWN_BASES = ("embedded", "random")  # whose names take no @FILE
_SAFE = (*_OWN_BASES, "torchvision", "timm")


def base_of(name: str, network: nn.Module) -> str:
    """The name under which `load` builds the architecture of a model of that name, without its weights' file."""
    if name.partition(":")[0] in _OWN_BASES:
        return name
    arch = resnet.recognise(network.state_dict())
    return arch or name.rpartition("@")[0] or name


def load(name: str, path: Path, info: Mapping[str, object], load_name) -> Classifier:
    """A fine-tuned file by itself. load_name: `models.load`."""
    base = str(info["base"])
    source, colon, _ = base.partition(":")
    if (colon and source not in _SAFE) or (not colon and base not in resnet.ARCHITECTURES):
        raise bad(
            "models.load", "name", repr(name), "a file whose network the package can build",
            f"It was fine-tuned from {base!r}: load it as {base}@{path.name}, if you trust that code.",
        )  # fmt: skip
    if source in _OWN_BASES:
        found = load_name(base)
        found = wrap(
            name, found.network, checkpoint.read(path), source=base.encode(), input_size=found.input_size
        )
    else:
        found = load_name(f"{base}@{path}")
        found.name = name
    about = {key: info[key] for key in ("norm", "eps", "arch", "benchmark", "rule") if key in info}
    found.training_info.update(base=base, **about)
    return found
