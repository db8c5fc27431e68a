"""Benchmarks: labelled images, the conditions they are shown under, and the measures derived from them.

``benchmarks.Embedded()`` needs no download; the others take the folder of a data set in its original layout.
Classes load when first used.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyadvspur import plugins
from pyadvspur.errors import bad, unknown

if TYPE_CHECKING:
    from pyadvspur.benchmarks.base import Benchmark

# name on the command line -> (module, class, whether it reads a folder)
_BENCHMARKS = {
    "embedded": ("embedded", "Embedded", False),
    "imagenet9": ("imagenet9", "ImageNet9", True),
    "objectnet": ("objectnet", "ObjectNet", True),
    "rival10": ("rival10", "Rival10", True),
    "salient": ("salient", "SalientImageNet", True),
    "waterbirds": ("waterbirds", "Waterbirds", True),
}
_BASE = ("Batch", "Benchmark", "Condition")

__all__ = [
    *_BASE,
    *(found[1] for found in _BENCHMARKS.values()),
    "find",
    "get",
    "names",
    "options_of",
    "parse",
]


def names() -> list[str]:
    """The benchmarks that `get` knows."""
    return sorted([*_BENCHMARKS, *plugins.names("benchmarks", _BENCHMARKS)])


def find(name: str) -> type[Benchmark]:
    """The class of a benchmark, by name."""
    if name not in _BENCHMARKS:
        if name not in names():
            raise unknown("benchmarks", "name", name, names())
        return _plugin(name)
    module, class_name, _ = _BENCHMARKS[name]
    return getattr(importlib.import_module(f"pyadvspur.benchmarks.{module}"), class_name)


def get(name: str, root: str | Path | None = None, **options: Any) -> Benchmark:
    """A benchmark by name. root: the folder of its data, for those that read one. options: what its class takes.

    Raises AdvSpurError for unknown names and options, and for a folder that is missing or not wanted.
    """
    cls = find(name)
    reads_folder = _BENCHMARKS[name][2] if name in _BENCHMARKS else _takes_root(cls)
    if reads_folder != (root is not None):
        takes = f"the folder that holds {name}" if reads_folder else f"nothing: {name!r} is made at run time"
        raise bad(
            "benchmarks.get", "root", repr(root), takes, f"On the command line: {name}=DIR." * reads_folder
        )
    taken = options_of(cls)
    for option in options:
        if not taken:
            raise bad("benchmarks.get", "options", option, f"none: {name!r} has no options")
        if option not in taken:
            raise unknown("benchmarks.get", f"an option of {name!r}", option, taken)
    return cls(root, **options) if reads_folder else cls(**options)


def _plugin(name: str) -> type[Benchmark]:
    from pyadvspur.benchmarks.base import Benchmark

    found = plugins.load("benchmarks", name)
    if not (isinstance(found, type) and issubclass(found, Benchmark)):
        raise bad("benchmarks", f"plug-in {name!r}", repr(found)[:80], "a subclass of benchmarks.Benchmark")
    return found


def _takes_root(cls: type) -> bool:
    """Whether the first argument of a plug-in's class is the folder of its data: it is called `root`."""
    return next(iter(inspect.signature(cls).parameters), None) == "root"


def parse(text: str) -> Benchmark:
    """A benchmark from text: "embedded", "imagenet9=DIR", "imagenet9=DIR?size=32".

    Options follow the first question mark, joined by "&": `size=32&readout=probe`. A value becomes an integer, a
    number, or true or false where the class takes one, and otherwise stays text.
    """
    head, asked, query = text.partition("?")
    name, given, root = head.partition("=")
    options: dict[str, Any] = {}
    taken = options_of(find(name.strip()))
    for part in query.split("&") if asked else ():
        option, is_pair, value = part.partition("=")
        if not is_pair or not option:
            takes = "options as NAME=DIR?option=value&option=value"
            raise bad("benchmarks.parse", f"{text!r}, after '?'", repr(part), takes)
        if option in options:
            raise bad("benchmarks.parse", f"{text!r}, option {option!r}", "two values", "one")
        annotation = taken.get(option, "")
        if annotation == "bool" and value not in ("true", "false"):
            raise bad("benchmarks.parse", f"{text!r}, option {option!r}", repr(value), "true or false")
        options[option] = _value(value, annotation)
    found = get(name.strip(), root if given else None, **options)
    found.written = text
    return found


def options_of(cls: type[Benchmark]) -> dict[str, str]:
    """The options that a benchmark's class takes, its keyword arguments without its folder, and their types."""
    parameters = list(inspect.signature(cls).parameters.values())
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {p.name: str(p.annotation) for p in parameters if p.kind in named and p.name != "root"}


def _value(text: str, annotation: str) -> int | float | bool | str:
    """What a text means where a value of that type is taken."""
    if "bool" in annotation and text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        if kind.__name__ in annotation:
            with contextlib.suppress(ValueError):
                return kind(text)
    return text


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
