"""Loading image classifiers by name: the embedded suite, checkpoints, torchvision, timm, your own code.

``models.load("embedded:cnn_l2_eps0.5")``, ``models.load("my_package.my_module:build")``: see `load`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyadvspur.models.classifier import Classifier
    from pyadvspur.models.loading import load
    from pyadvspur.models.registry import names, suite

_HOME = {"Classifier": "classifier", "load": "loading", "names": "registry", "suite": "registry"}

__all__ = ["Classifier", "load", "names", "suite"]


def __getattr__(name: str):
    if name in _HOME:
        return getattr(importlib.import_module(f"pyadvspur.models.{_HOME[name]}"), name)
    raise AttributeError(f"module 'pyadvspur.models' has no attribute {name!r}; it has {', '.join(__all__)}")


def __dir__():
    return sorted(__all__)
