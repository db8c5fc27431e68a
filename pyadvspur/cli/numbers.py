"""Numbers as people write them on a command line: fractions, lists, grids."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from pyadvspur.errors import bad


def read_number(text: str, argument: str) -> float:
    """ "0.5", "1e-3" or "8/255" as a float; AdvSpurError naming the argument otherwise."""
    try:
        return float(text) if "/" not in text else float(Fraction(text.strip()))
    except (ValueError, ZeroDivisionError):
        raise bad("theory", argument, repr(text), "a number or a fraction, such as 0.5 or 8/255") from None


def read_list(text: str, argument: str) -> list[float]:
    """ "1, 1/2, 0" as floats."""
    return [read_number(part, argument) for part in text.split(",") if part.strip()]


def read_grid(text: str, argument: str) -> np.ndarray:
    """ "0:2:50" (start:stop:how many, both ends included), a list "0,1/255,2/255", or one number; float64 (E,)."""
    parts = text.split(":")
    if len(parts) == 1:
        values = np.array(read_list(text, argument))
        if len(values):
            return values
    elif len(parts) == 3 and parts[2].strip().isdecimal() and int(parts[2]) >= 1:
        return np.linspace(read_number(parts[0], argument), read_number(parts[1], argument), int(parts[2]))
    raise bad(
        "theory", argument, repr(text), "start:stop:count such as 0:2:50, or a list such as 0,1/255,2/255"
    )
