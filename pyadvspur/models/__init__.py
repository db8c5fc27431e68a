"""Loading image classifiers by name: the embedded suite, the released robust ImageNet networks, checkpoints,
torchvision, timm, your own code, plug-ins.

``models.load("embedded:cnn_l2_eps0.5")``, ``models.load("resnet50_l2_eps3", root="weights")``,
``models.load("my_package.my_module:build")``: see `load`. docs/models.md tells where networks come from.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyadvspur.models.classifier import Classifier
    from pyadvspur.models.conversion import convert
    from pyadvspur.models.head import features, with_head
    from pyadvspur.models.loading import load
    from pyadvspur.models.registry import SUITES, ModelInfo, Pair, info, names, pairs, suite
    from pyadvspur.models.verification import verify

_HOME = {
    "SUITES": "registry",
    "Classifier": "classifier",
    "ModelInfo": "registry",
    "Pair": "registry",
    "convert": "conversion",
    "features": "head",
    "info": "registry",
    "load": "loading",
    "names": "registry",
    "pairs": "registry",
    "suite": "registry",
    "verify": "verification",
    "with_head": "head",
}

__all__ = [
    "SUITES",
    "Classifier",
    "ModelInfo",
    "Pair",
    "convert",
    "features",
    "info",
    "load",
    "names",
    "pairs",
    "suite",
    "verify",
    "with_head",
]


def __getattr__(name: str):
    if name in _HOME:
        return getattr(importlib.import_module(f"pyadvspur.models.{_HOME[name]}"), name)
    raise AttributeError(f"module 'pyadvspur.models' has no attribute {name!r}; it has {', '.join(__all__)}")


def __dir__():
    return sorted(__all__)
