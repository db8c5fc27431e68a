"""Benchmarks: labelled images, the conditions they are shown under, and the measures derived from them.

``benchmarks.Embedded()`` needs no download; the others take the folder of a data set in its original layout.
Classes load when first used.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

from pyadvspur.errors import bad, unknown

if TYPE_CHECKING:
    from pyadvspur.benchmarks.base import Batch, Benchmark, Condition
    from pyadvspur.benchmarks.embedded import Embedded
    from pyadvspur.benchmarks.imagenet9 import ImageNet9

# name on the command line -> (module, class, whether it reads a folder)
_BENCHMARKS = {
    "embedded": ("embedded", "Embedded", False),
    "imagenet9": ("imagenet9", "ImageNet9", True),
}
_BASE = ("Batch", "Benchmark", "Condition")

__all__ = ["Batch", "Benchmark", "Condition", "Embedded", "ImageNet9", "get", "names", "parse"]


def names() -> list[str]:
    """The benchmarks that `get` knows."""
    return sorted(_BENCHMARKS)


def get(name: str, root: str | Path | None = None) -> Benchmark:
    """A benchmark by name. root: the folder of its data, for those that read one."""
    if name not in _BENCHMARKS:
        raise unknown("benchmarks.get", "name", name, _BENCHMARKS)
    module, class_name, reads_folder = _BENCHMARKS[name]
    if reads_folder != (root is not None):
        takes = f"the folder that holds {name}" if reads_folder else f"nothing: {name!r} is made at run time"
        raise bad(
            "benchmarks.get", "root", repr(root), takes, f"On the command line: {name}=DIR." * reads_folder
        )
    cls = getattr(importlib.import_module(f"pyadvspur.benchmarks.{module}"), class_name)
    return cls(root) if reads_folder else cls()


def parse(text: str) -> Benchmark:
    """A benchmark from "embedded" or "imagenet9=DIR"."""
    name, given, root = text.partition("=")
    return get(name.strip(), root if given else None)


def __getattr__(name: str):
    if name in _BASE:
        return getattr(importlib.import_module("pyadvspur.benchmarks.base"), name)
    for module, class_name, _ in _BENCHMARKS.values():
        if name == class_name:
            return getattr(importlib.import_module(f"pyadvspur.benchmarks.{module}"), class_name)
    raise AttributeError(
        f"module 'pyadvspur.benchmarks' has no attribute {name!r}; it has {', '.join(__all__)}"
    )


def __dir__():
    return sorted(__all__)
