"""Image files to pixels: JPEG by libjpeg-turbo, everything else by PIL. Both give the same pixels."""

from __future__ import annotations

import io
import os
import threading

import numpy as np

from pyadvspur.errors import AdvSpurError

#: Larger images are refused: decoding one takes 3 bytes a pixel, times the readers at work. ImageNet's largest
#: has 61 million.
MAX_PIXELS = 2**26

_DEEP = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")  # more than 8 bits a pixel: PIL would clip, not scale
_TOO_LARGE = f"has more than {MAX_PIXELS:,} pixels. Make it smaller first."
_ALL = "`advspur datasets verify` lists all such files."


def read_rgb(path: str | os.PathLike) -> np.ndarray:
    """uint8 (H, W, 3) of an image file, as PIL's `convert("RGB")` gives it: palettes looked up, alpha dropped, grey
    repeated, CMYK converted. The EXIF orientation is not applied, as in torchvision.

    Raises AdvSpurError that names the file if it cannot be read, is truncated or no image, has more than 8 bits in
    its one channel, or more than MAX_PIXELS pixels.
    """
    return read(path, "RGB")


def read_grey(path: str | os.PathLike) -> np.ndarray:
    """uint8 (H, W) of an image file, as PIL's `convert("L")` gives it. Errors: see `read_rgb`."""
    return read(path, "L")


def read(path: str | os.PathLike, mode: str, keep: bool = True) -> np.ndarray:
    """`read_rgb` or `read_grey`. keep=False: the pixels are overwritten by this thread's next such call, which saves
    the kernel from mapping half a megabyte anew for each image (a third of the decoding time)."""
    try:
        with open(path, "rb", buffering=0) as file:
            data = file.readall()
    except OSError as error:
        raise AdvSpurError(f"pixels: {str(path)!r} cannot be read ({error.strerror or error})") from error
    if not data:
        raise AdvSpurError(f"pixels: {str(path)!r} is empty (0 bytes)")
    pixels = _jpeg(data, path, mode, keep) if data[:2] == b"\xff\xd8" else None
    return _pil(data, path, mode) if pixels is None else pixels


def _jpeg(data: bytes, path: str | os.PathLike, mode: str, keep: bool) -> np.ndarray | None:
    import simplejpeg

    try:
        height, width, space, _ = simplejpeg.decode_jpeg_header(data)
        _check_size(path, height, width)
        if mode == "L" and space != "Gray":
            return None  # PIL's grey is made of RGB, libjpeg's is the luma before it was rounded to RGB
        if space not in ("Gray", "YCbCr", "RGB"):
            return None  # PIL's inks differ from libjpeg's by a rounding
        buffer = None if keep else _kept(height * width * (1 if mode == "L" else 3))
        # exact inverse transform and interpolated chroma: PIL's pixels, bit for bit
        pixels = simplejpeg.decode_jpeg(
            data,
            colorspace="RGB" if mode == "RGB" else "GRAY",
            fastdct=False,
            fastupsample=False,
            buffer=buffer,
        )
        return pixels if mode == "RGB" else pixels[:, :, 0]
    except AdvSpurError:
        raise
    except ValueError:  # damaged: PIL says how
        return None


_local = threading.local()


def _kept(size: int) -> np.ndarray:
    """This thread's buffer, grown to what is needed."""
    buffer = getattr(_local, "buffer", None)
    if buffer is None or len(buffer) < size:
        buffer = _local.buffer = np.empty(size, np.uint8)
    return buffer


def _pil(data: bytes, path: str | os.PathLike, mode: str) -> np.ndarray:
    from PIL import Image, UnidentifiedImageError

    too_large = (Image.DecompressionBombError, Image.DecompressionBombWarning)
    try:
        with Image.open(io.BytesIO(data)) as image:
            _check_size(path, image.height, image.width)
            if image.mode in _DEEP:
                raise AdvSpurError(
                    f"pixels: {str(path)!r} has more than 8 bits a pixel (PIL mode {image.mode!r}). "
                    "Convert it to 8 bits; how to scale it is not for a reader to guess."
                )
            image.info.pop("transparency", None)  # dropped anyway; PIL would warn about some kinds of it
            return np.array(image.convert(mode))
    except AdvSpurError:
        raise
    except too_large as error:  # PIL's own limit is the higher one; its text would name that
        raise AdvSpurError(f"pixels: {str(path)!r} {_TOO_LARGE}") from error
    except UnidentifiedImageError as error:  # its text names an address in memory; rows must not
        raise AdvSpurError(f"pixels: {str(path)!r} is no readable image (no known format). {_ALL}") from error
    except Exception as error:  # a damaged file makes PIL's plug-ins raise nearly anything
        raise AdvSpurError(
            f"pixels: {str(path)!r} is no readable image ({error or type(error).__name__}). {_ALL}"
        ) from error


def _check_size(path: str | os.PathLike, height: int, width: int) -> None:
    if height * width > MAX_PIXELS:
        raise AdvSpurError(f"pixels: {str(path)!r} ({height}x{width}) {_TOO_LARGE}")
