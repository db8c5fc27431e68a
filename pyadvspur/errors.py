"""The one error of the package."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_SHOWN = 16  # names that an error lists


class AdvSpurError(ValueError):
    """Something the caller passed cannot be used. The text names the argument, what it got and what it takes."""


def bad(where: str, argument: str, got: object, takes: str, hint: str = "") -> AdvSpurError:
    """The package's error in its one form, ready to raise.

    >>> str(bad("attacks.pgd", "eps", -1.0, "a number >= 0", "radii are in [0,1] pixel units, 8/255 not 8"))
    'attacks.pgd: eps got -1.0, takes a number >= 0. radii are in [0,1] pixel units, 8/255 not 8'
    """
    text = f"{where}: {argument} got {got}, takes {takes}."
    return AdvSpurError(f"{text} {hint}" if hint else text)


def unknown(where: str, argument: str, got: str, known: Iterable[str], hint: str = "") -> AdvSpurError:
    """An unknown name, with the nearest known ones."""
    known = list(known)
    near = difflib.get_close_matches(str(got), known, n=3)
    listed = ", ".join(repr(name) for name in (near or known[:_SHOWN]))
    if not near and len(known) > _SHOWN:
        listed += f" and {len(known) - _SHOWN} more"
    near_or_all = f"Did you mean {listed}?" if near else f"Known: {listed}."
    return AdvSpurError(
        f"{where}: {argument} got {got!r}, which is unknown. {near_or_all}" + (f" {hint}" if hint else "")
    )
