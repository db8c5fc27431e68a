"""Architectures of torchvision and timm, with their published weights or with a checkpoint's."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from torch import nn

from pyadvspur.errors import bad, unknown
from pyadvspur.models import checkpoint, resnet, salman
from pyadvspur.models.checkpoint import Checkpoint
from pyadvspur.models.classifier import Classifier
from pyadvspur.models.fitting import stripped, wrap


def load_resnet(name: str, arch: str, weights: Checkpoint, **more) -> Classifier:
    """Our own ResNet with a checkpoint's weights; as many outputs as they have. ImageNet's normalisation is inside."""
    _, state = stripped(weights, resnet.build(arch).state_dict())
    head = state.get("fc.weight")
    n_outputs = head.shape[0] if head is not None and head.dim() == 2 else 1000
    network = resnet.build(arch, n_outputs)
    return wrap(
        name, network, weights, salman.MEAN, salman.STD, n_outputs=n_outputs, input_size=224, **more
    )  # fmt: skip


def load_torchvision(name: str, target: str, file: Path | None) -> Classifier:
    """target: ARCH or ARCH.VERSION, for example resnet50.IMAGENET1K_V2."""
    arch, _, version = target.partition(".")
    if file and arch in resnet.ARCHITECTURES:
        return load_resnet(
            name, arch, checkpoint.read(file)
        )  # the same network, bit for bit, without needing torchvision
    _extra("torchvision", name)
    from torchvision import models as zoo

    classifiers = zoo.list_models(module=zoo)  # without segmentation, detection and video
    if arch not in classifiers:
        known = [f"torchvision:{each}" for each in classifiers]
        raise unknown("models.load", "name", f"torchvision:{target}", known)
    # The first published weights are the default: the literature's numbers are theirs.
    choices = {entry.name: entry for entry in zoo.get_model_weights(arch)}
    version = version or next(iter(choices))
    if version not in choices:
        raise unknown(
            "models.load", "name", f"torchvision:{target}", [f"torchvision:{arch}.{v}" for v in choices]
        )
    transform = choices[version].transforms()
    network = _fetch(name, lambda: zoo.get_model(arch, weights=None if file else choices[version]))
    weights = checkpoint.read(file) if file else None
    return wrap(name, network, weights, transform.mean, transform.std, input_size=transform.crop_size[0])


def load_timm(name: str, target: str, file: Path | None) -> Classifier:
    """target: ARCH or ARCH.TAG, for example resnet50.a1_in1k."""
    timm = _extra("timm", name)
    if target.partition(".")[0] not in timm.list_models():
        raise unknown(
            "models.load", "name", f"timm:{target}", [f"timm:{known}" for known in timm.list_models()]
        )
    network = _fetch(name, lambda: timm.create_model(target, pretrained=file is None))
    settings = network.pretrained_cfg
    size = settings["input_size"][-1]
    weights = checkpoint.read(file) if file else None
    return wrap(name, network, weights, settings["mean"], settings["std"], input_size=size)


def _extra(package: str, name: str) -> ModuleType:
    try:
        return importlib.import_module(package)
    except Exception as error:  # a torchvision built for another torch raises almost anything
        hint = f"Install the extra: pip install 'pyadvspur[vision]'. ({type(error).__name__}: {error})"
        if isinstance(error, RuntimeError):
            hint = f"The one here was built for another torch. ({type(error).__name__}: {error})"
        own = " or ".join(f"{arch}@FILE" for arch in resnet.ARCHITECTURES)
        takes = f"{package} to be installed and to import"
        raise bad("models.load", "name", repr(name), takes, f"{hint} {own} need neither.") from error


def _fetch(name: str, build: Callable[[], nn.Module]) -> nn.Module:
    try:
        return build()
    except Exception as error:  # of torch.hub, urllib, huggingface_hub
        hint = f"({type(error).__name__}: {error}) Without a network, give a file: {name}@FILE."
        raise bad("models.load", "name", repr(name), "weights that can be fetched", hint) from error
