"""Image files to pixels: JPEG by libjpeg-turbo, everything else by PIL. Both give the same pixels."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from pyadvspur.errors import AdvSpurError


def read_rgb(path: Path, size: int | None = None) -> np.ndarray:
    """uint8 (H, W, 3) of an image file, whatever its colour space (grey, CMYK, palette, alpha).

    size: what height and width must become. An image of another size is resized to it on its shorter side (PIL,
    bilinear) and cut at the centre; one of that size is left alone.

    Raises AdvSpurError that names the file if it cannot be read, is truncated or is no image.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise AdvSpurError(f"benchmarks: {str(path)!r} cannot be read ({error.strerror or error})") from error
    pixels = _jpeg(data) if data[:2] == b"\xff\xd8" else None
    if pixels is None:
        pixels = _pil(data, path)
    if size is not None and pixels.shape[:2] != (size, size):
        pixels = _fit(pixels, size)
    return pixels


def _jpeg(data: bytes) -> np.ndarray | None:
    import simplejpeg

    try:
        if simplejpeg.decode_jpeg_header(data)[2] in ("CMYK", "YCCK"):
            return None  # PIL's inks differ from libjpeg's by a rounding
        # exact inverse transform and interpolated chroma: PIL's pixels, bit for bit
        return simplejpeg.decode_jpeg(data, colorspace="RGB", fastdct=False, fastupsample=False)
    except ValueError:  # damaged: PIL says how
        return None


def _pil(data: bytes, path: Path) -> np.ndarray:
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as image:
            return np.array(image.convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise AdvSpurError(
            f"benchmarks: {str(path)!r} is no readable image ({error}). `advspur datasets verify` lists all such files."
        ) from error


def _fit(pixels: np.ndarray, size: int) -> np.ndarray:
    from PIL import Image

    height, width = pixels.shape[:2]
    scale = size / min(height, width)
    to = (max(size, round(width * scale)), max(size, round(height * scale)))
    resized = np.asarray(Image.fromarray(pixels).resize(to, Image.Resampling.BILINEAR))
    top, left = (to[1] - size) // 2, (to[0] - size) // 2
    return np.ascontiguousarray(resized[top : top + size, left : left + size])
