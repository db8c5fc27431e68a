"""Slow twins of `native.resize`: Pillow itself, and its arithmetic in numpy."""

from __future__ import annotations

import numpy as np

_BITS = 32 - 8 - 2  # Pillow's PRECISION_BITS: coefficients are integers in units of 2**-22


def resize_pillow(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """uint8 (H, W, 3) or (H, W) to height x width by Pillow's `resize(..., BILINEAR)`."""
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(pixels))
    return np.asarray(image.resize((width, height), Image.Resampling.BILINEAR))
