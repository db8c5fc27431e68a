"""Checks of what callers pass: each returns a clean value or raises AdvSpurError naming the argument."""

from __future__ import annotations

import math

import numpy as np

from pyadvspur.errors import bad


def check_array(where: str, argument: str, value: object, shape: tuple[int | None, ...]) -> np.ndarray:
    """A finite float64 C-ordered copy of `value` with the wanted shape (None: any length >= 1)."""
    wanted = (
        "(" + ", ".join("d" if n is None else str(n) for n in shape) + ("," if len(shape) == 1 else "") + ")"
    )
    takes = f"finite real numbers of shape {wanted}"
    try:
        given = np.asarray(value)
        if given.dtype.kind == "c":
            raise TypeError("complex numbers")
        array = np.array(given, dtype=np.float64, order="C")
    except (TypeError, ValueError) as error:
        raise bad(where, argument, f"{type(value).__name__} ({error})", takes) from None
    fits = array.ndim == len(shape) and all(
        length >= 1 and wanted_length in (None, length) for length, wanted_length in zip(array.shape, shape)
    )
    if not fits:
        raise bad(where, argument, f"shape {array.shape}", takes)
    if not np.isfinite(array).all():
        raise bad(
            where, argument, f"{int((~np.isfinite(array)).sum())} values that are NaN or infinite", takes
        )
    return array


def check_real(where: str, argument: str, value: object) -> float:
    """A finite float, or AdvSpurError."""
    given = np.asarray(value)
    if given.ndim or given.dtype.kind not in "biuf":
        raise bad(where, argument, repr(value), "a finite number")
    number = float(given)
    if not math.isfinite(number):
        raise bad(where, argument, number, "a finite number")
    return number


def check_nonnegative(where: str, argument: str, value: object) -> float:
    """A finite float >= 0, or AdvSpurError."""
    number = check_real(where, argument, value)
    if number < 0:
        raise bad(where, argument, number, "a finite number >= 0")
    return number


def check_eps(where: str, eps) -> np.ndarray:
    """Radii as a float64 array of the given shape, all finite and >= 0."""
    try:
        radii = np.asarray(eps)
    except ValueError:  # a ragged list
        radii = np.asarray(None)
    if radii.dtype.kind not in "biuf" and radii.size:
        raise bad(where, "eps", repr(eps), "a number >= 0 or an array of them")
    radii = radii.astype(np.float64)
    if not np.isfinite(radii).all() or (radii < 0).any():
        raise bad(where, "eps", f"values from {radii.min()} to {radii.max()}", "finite numbers >= 0")
    return radii


def check_core(where: str, core: object, d: int) -> np.ndarray:
    """A bool mask (d,) from a mask or from indices."""
    takes = f"a bool mask of shape ({d},) or indices in [0, {d})"
    given = np.asarray(core)
    if given.ndim == 1 and given.size == 0:
        return np.zeros(d, dtype=bool)
    if given.dtype.kind == "b":
        if given.shape != (d,):
            raise bad(where, "core", f"a mask of shape {given.shape}", takes)
        return given.copy()
    if given.dtype.kind not in "iu" or given.ndim != 1:
        raise bad(where, "core", f"{given.dtype} of shape {given.shape}", takes)
    if given.min() < 0 or given.max() >= d:
        raise bad(where, "core", f"indices from {given.min()} to {given.max()}", takes)
    mask = np.zeros(d, dtype=bool)
    mask[given] = True
    return mask
