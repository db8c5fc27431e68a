"""Pillow's 8-bit bilinear resize, bit for bit, of the part of the result that is wanted. Without the GIL."""

from __future__ import annotations

import numpy as np

from pyadvspur.errors import bad, unknown
from pyadvspur.native.core import core

_WHERE = "native.resize"
_ORDERS = ("pillow13", "pillow12")
_MOST = 2**31 - 1  # sides, as in Pillow


def resize(
    pixels: np.ndarray,
    height: int,
    width: int,
    *,
    top: int = 0,
    left: int = 0,
    out_height: int | None = None,
    out_width: int | None = None,
    out: np.ndarray | None = None,
    order: str = "pillow13",
    threads: int = 1,
) -> np.ndarray:
    """Rows top.. and columns left.. of `pixels` resized to height x width.

    pixels: uint8 (H, W, 3) or (H, W), at least one pixel; rows may lie apart (a crop of a larger image needs no copy).
    out_height, out_width: how much of the result, by default what is left of it. out: uint8, contiguous, of that
    size. order: which pass comes first, "pillow13" or "pillow12", see `columns_first`. threads: bands of the result;
    one is right where many images are resized at a time.

    Equal to `Image.fromarray(pixels).resize((width, height), BILINEAR).crop(...)` of Pillow 13, or of 3.3 to 12:
    antialiased triangle filter, weights in units of 2**-22, rounded to 8 bits after each of two passes. Source:
    Pillow, src/libImaging/Resample.c. Raises AdvSpurError for other types and for a part outside the result.
    """
    shape = pixels.shape
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3) or shape[2:] not in ((), (3,)) or 0 in shape:
        raise bad(_WHERE, "pixels", f"{pixels.dtype} {shape}", "uint8 (H, W, 3) or (H, W), not empty")
    channels = 1 if pixels.ndim == 2 else 3
    tight = (channels, 1)[: pixels.ndim - 1] if channels == 3 else (1,)
    if pixels.strides[1:] != tight or pixels.strides[0] < shape[1] * channels:
        pixels = np.ascontiguousarray(pixels)
    if not (1 <= height <= _MOST and 1 <= width <= _MOST):
        raise bad(_WHERE, "height, width", (height, width), f"integers from 1 to {_MOST}")
    rows = height - top if out_height is None else out_height
    columns = width - left if out_width is None else out_width
    if top < 0 or left < 0 or rows < 1 or columns < 1 or top + rows > height or left + columns > width:
        got = f"rows {top}..{top + rows}, columns {left}..{left + columns}"
        raise bad(_WHERE, "top, left, out_height, out_width", got, f"a part of {height}x{width}")
    if order not in _ORDERS:
        raise unknown(_WHERE, "order", order, _ORDERS)
    if isinstance(threads, bool) or not isinstance(threads, int) or threads < 1:
        raise bad(_WHERE, "threads", repr(threads), "an integer >= 1")
    to = (rows, columns, *shape[2:])
    if out is None:
        out = np.empty(to, np.uint8)
    elif out.dtype != np.uint8 or out.shape != to or not out.flags.c_contiguous or not out.flags.writeable:
        raise bad(_WHERE, "out", f"{out.dtype} {out.shape}", f"contiguous writable uint8 {to}")
    core.resize_cpu(
        input=pixels.ctypes.data, stride=pixels.strides[0], in_height=shape[0], in_width=shape[1],
        channels=channels, height=height, width=width, top=top, left=left, out_height=rows, out_width=columns,
        out=out.ctypes.data, columns_first=columns_first(order, *shape[:2], height, width), threads=threads,
    )  # fmt: skip
    return out


def columns_first(order: str, in_height: int, in_width: int, height: int, width: int) -> bool:
    """Whether columns are resized before rows. Pillow up to 12 resized rows first, always; Pillow 13 resizes columns
    first where height loses more than twice the pixels that width does. As each pass rounds to 8 bits, the two orders
    can differ by a level of 255.
    """
    return order == "pillow13" and in_height - height > max(0, 2 * (in_width - width))
