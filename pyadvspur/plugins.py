"""Plug-ins: benchmarks, models, attacks and metrics that other packages add under their own names.

A package announces them as entry points in its pyproject.toml, under `pyadvspur.benchmarks`, `pyadvspur.models`,
`pyadvspur.attacks` or `pyadvspur.metrics`; docs/plugins.md says what each has to be. Listing names reads installed
metadata only; a plug-in's code is imported when its name is used. What is wrong with a plug-in is a warning that names
it, or an error where it was asked for by name; it never breaks the package.
"""

from __future__ import annotations

import functools
import inspect
import re
import sys
import warnings
from collections.abc import Iterable, Iterator
from importlib import metadata

from pyadvspur.errors import AdvSpurError, unknown

GROUPS = ("benchmarks", "models", "attacks", "metrics")
_NAME = re.compile(r"[A-Za-z][\w.-]*")


class PluginWarning(UserWarning):
    """An installed plug-in that cannot be used, and why."""


def names(group: str, taken: Iterable[str] = ()) -> list[str]:
    """Names of the installed plug-ins of a group. taken: the package's own names; plug-ins of these are refused."""
    return sorted(_usable(group, frozenset(taken)))


def load(group: str, name: str) -> object:
    """What a plug-in's entry point names. Raises AdvSpurError, naming the plug-in, where it cannot be imported."""
    entry = _found(group).get(name)
    if entry is None:
        raise unknown("plugins.load", f"plug-in of pyadvspur.{group}", name, _found(group))
    try:
        return entry.load()
    except Exception as error:  # foreign code: anything
        raise AdvSpurError(
            f"{_title(group, entry)} cannot be used: {type(error).__name__}: {error}"
        ) from error


def available(group: str, taken: Iterable[str] = ()) -> Iterator[tuple[str, object]]:
    """(name, object) of the plug-ins of a group that can be imported; a warning names each that cannot."""
    for name in names(group, taken):
        try:
            yield name, load(group, name)
        except AdvSpurError as error:
            warnings.warn(str(error), PluginWarning, stacklevel=2)


def origin(group: str, name: str) -> str:
    """The distribution that brings a plug-in, with its version: "advspur-example 1.0"."""
    return _origin(_found(group)[name])


def identity(group: str, name: str) -> bytes:
    """What a plug-in's code is, as far as can be told: its package, version and the source of its module."""
    entry = _found(group)[name]
    try:
        source = inspect.getsource(sys.modules[entry.module])
    except (KeyError, OSError, TypeError):
        source = ""
    return f"{_origin(entry)} {entry.value}\n{source}".encode()


@functools.cache
def _usable(group: str, taken: frozenset[str]) -> tuple[str, ...]:
    found = _found(group)
    for name in found.keys() & taken:
        text = f"{_title(group, found[name])} is ignored: the package has a {name!r} of its own"
        warnings.warn(text, PluginWarning, stacklevel=3)
    return tuple(found.keys() - taken)


@functools.cache
def _found(group: str) -> dict[str, metadata.EntryPoint]:
    """Entry points by name, once a process; those that no name or two packages can have are refused."""
    by_name: dict[str, list[metadata.EntryPoint]] = {}
    for entry in metadata.entry_points(group=f"pyadvspur.{group}"):
        # an editable and a plain install of one package announce the same thing twice
        if entry.value not in [known.value for known in by_name.get(entry.name, [])]:
            by_name.setdefault(entry.name, []).append(entry)
    found = {}
    for name, entries in by_name.items():
        why = ""
        if not _NAME.fullmatch(name):
            why = "its name is not of letters, digits, '_', '-' and '.'"
        elif not re.fullmatch(r"[\w.]+:[\w.]+", entries[0].value):
            why = f"{entries[0].value!r} is not of the form package.module:name"
        elif len(entries) > 1:
            why = f"{_origin(entries[1])} has one of the same name; uninstall one"
        if why:
            warnings.warn(f"{_title(group, entries[0])} is ignored: {why}", PluginWarning, stacklevel=4)
        else:
            found[name] = entries[0]
    return found


def _title(group: str, entry: metadata.EntryPoint) -> str:
    return f"plug-in {entry.name!r} of pyadvspur.{group} ({_origin(entry)})"


def _origin(entry: metadata.EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.value
