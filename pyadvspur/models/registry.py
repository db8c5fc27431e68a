"""Which networks are known by name. Reads the manifest of the shipped weights only; imports no torch."""

from __future__ import annotations

import functools
import json
from fnmatch import fnmatchcase
from pathlib import Path

from pyadvspur.errors import unknown

WEIGHTS = Path(__file__).parent / "weights"


@functools.cache
def manifest() -> dict:
    """Of the embedded suite: recipe, seed, and for every network its file, SHA-256, arch, norm, eps (in [0,1] pixel
    units) and name."""
    return json.loads((WEIGHTS / "manifest.json").read_text())


def names(pattern: str = "*") -> list[str]:
    """The names that `load` knows without a file or code of yours, those that match a glob pattern.

    >>> names("embedded:*_standard")
    ['embedded:cnn_standard', 'embedded:resnet_standard']
    """
    return [name for name in suite("embedded20") if fnmatchcase(name, pattern)]


def suite(name: str) -> list[str]:
    """The names of a suite's networks. "embedded20": twenty adversarially trained ones and the two standard ones of
    the same architectures; by architecture, then norm, then radius, the standard one first."""
    if name != "embedded20":
        raise unknown("models.suite", "name", name, ["embedded20"])
    return [f"embedded:{network}" for network in manifest()["networks"]]
