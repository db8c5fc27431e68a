"""Image files to pixels: JPEG by libjpeg-turbo, everything else by PIL. Both give the same pixels."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np

from pyadvspur.errors import AdvSpurError

#: Larger images are refused: decoding one takes 3 bytes a pixel, times the readers at work. ImageNet's largest
#: has 61 million.
MAX_PIXELS = 2**26

_DEEP = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")  # more than 8 bits a pixel: PIL would clip, not scale


def read_rgb(path: str | os.PathLike) -> np.ndarray:
    """uint8 (H, W, 3) of an image file, as PIL's `convert("RGB")` gives it: palettes looked up, alpha dropped, grey
    repeated, CMYK converted. The EXIF orientation is not applied, as in torchvision.

    Raises AdvSpurError that names the file if it cannot be read, is truncated or no image, has more than 8 bits in
    its one channel, or more than MAX_PIXELS pixels.
    """
    return _read(path, "RGB")


def read_grey(path: str | os.PathLike) -> np.ndarray:
    """uint8 (H, W) of an image file, as PIL's `convert("L")` gives it. Errors: see `read_rgb`."""
    return _read(path, "L")


def _read(path: str | os.PathLike, mode: str) -> np.ndarray:
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise AdvSpurError(f"pixels: {str(path)!r} cannot be read ({error.strerror or error})") from error
    if not data:
        raise AdvSpurError(f"pixels: {str(path)!r} is empty (0 bytes)")
    pixels = _jpeg(data, path) if mode == "RGB" and data[:2] == b"\xff\xd8" else None
    return _pil(data, path, mode) if pixels is None else pixels


def _jpeg(data: bytes, path: str | os.PathLike) -> np.ndarray | None:
    import simplejpeg

    try:
        height, width, space, _ = simplejpeg.decode_jpeg_header(data)
        _check_size(path, height, width)
        if space in ("CMYK", "YCCK"):
            return None  # PIL's inks differ from libjpeg's by a rounding
        # exact inverse transform and interpolated chroma: PIL's pixels, bit for bit
        return simplejpeg.decode_jpeg(data, colorspace="RGB", fastdct=False, fastupsample=False)
    except AdvSpurError:
        raise
    except ValueError:  # damaged: PIL says how
        return None


def _pil(data: bytes, path: str | os.PathLike, mode: str) -> np.ndarray:
    from PIL import Image

    too_large = (Image.DecompressionBombError, Image.DecompressionBombWarning)
    try:
        with Image.open(io.BytesIO(data)) as image:
            _check_size(path, image.height, image.width)
            if image.mode in _DEEP:
                raise AdvSpurError(
                    f"pixels: {str(path)!r} has more than 8 bits a pixel (PIL mode {image.mode!r}). "
                    "Convert it to 8 bits; how to scale it is not for a reader to guess."
                )
            return np.array(image.convert(mode))
    except AdvSpurError:
        raise
    except too_large as error:
        raise AdvSpurError(f"pixels: {str(path)!r} is too large ({error})") from error
    except Exception as error:  # a damaged file makes PIL's plug-ins raise nearly anything
        raise AdvSpurError(
            f"pixels: {str(path)!r} is no readable image ({error or type(error).__name__}). "
            "`advspur datasets verify` lists all such files."
        ) from error


def _check_size(path: str | os.PathLike, height: int, width: int) -> None:
    if height * width > MAX_PIXELS:
        raise AdvSpurError(
            f"pixels: {str(path)!r} is {height}x{width}, more than {MAX_PIXELS:,} pixels. Make it smaller first."
        )
