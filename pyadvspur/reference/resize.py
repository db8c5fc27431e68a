"""Slow twins of `native.resize`: Pillow itself, one pass at a time, and its arithmetic in numpy."""

from __future__ import annotations

import numpy as np

from pyadvspur.native.resize import columns_first

_BITS = 32 - 8 - 2  # Pillow's PRECISION_BITS: weights are integers in units of 2**-22


def resize_pillow(pixels: np.ndarray, height: int, width: int, order: str = "pillow13") -> np.ndarray:
    """uint8 (H, W, 3) or (H, W) to height x width by Pillow's bilinear filter.

    Two calls that resize one side each, so that the order of the passes is ours and not the installed version's.
    """
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(pixels))
    sides = [(width, image.height), (width, height)]
    if columns_first(order, *pixels.shape[:2], height, width):
        sides[0] = (image.width, height)
    for side in sides:
        image = image.resize(side, Image.Resampling.BILINEAR)
    return np.asarray(image)


def resize_numpy(pixels: np.ndarray, height: int, width: int, order: str = "pillow13") -> np.ndarray:
    """The same without Pillow: weights in double precision, rounded to 2**-22, integer sums, 8 bits a pass."""
    first = columns_first(order, *pixels.shape[:2], height, width)
    for axis in (0, 1) if first else (1, 0):
        pixels = _along(pixels, axis, (height, width)[axis])
    return pixels


def _along(pixels: np.ndarray, axis: int, to: int) -> np.ndarray:
    weights = _weights(pixels.shape[axis], to)
    moved = np.moveaxis(pixels, axis, -1).astype(np.int64)
    sums = moved @ weights.T + (1 << (_BITS - 1))
    return np.ascontiguousarray(np.moveaxis((sums >> _BITS).clip(0, 255).astype(np.uint8), -1, axis))


def _weights(size: int, to: int) -> np.ndarray:
    """int64 (to, size): what each input adds to each output."""
    scale = size / to
    support = max(scale, 1.0)
    table = np.zeros((to, size), np.int64)
    for i in range(to):
        center = (i + 0.5) * scale
        low, high = max(0, int(center - support + 0.5)), min(size, int(center + support + 0.5))
        # added up one by one, as Pillow does: numpy's own sum rounds otherwise
        shares = [max(0.0, 1.0 - abs((k - center + 0.5) * (1.0 / support))) for k in range(low, high)]
        total = 0.0
        for share in shares:
            total += share
        table[i, low:high] = [int(0.5 + share / total * (1 << _BITS)) for share in shares]
    return table
