"""Many files at once, on threads; a file that cannot be read costs its own place, not the others'."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from pyadvspur.errors import AdvSpurError, bad
from pyadvspur.pixels.decode import read, read_grey
from pyadvspur.pixels.preprocessing import Preprocessing

_PathLike = str | os.PathLike
_MOST_THREADS = 16
_default: int | None = None


def read_images(
    paths: Sequence[_PathLike], p: Preprocessing, threads: int | None = None
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Images of files, preprocessed: (uint8 (n, size, size, 3), errors).

    errors: one text a file, "" = fine; where it is not, the image is zeros. Never raises for a bad file.
    threads: how many files are decoded at a time; default: see `set_threads`.
    """
    images = np.empty((len(paths), p.size, p.size, 3), np.uint8)

    def one(k: int) -> str:
        _into(images[k], paths[k], p.image, read(paths[k], "RGB", keep=False))
        return ""

    return images, _each(one, len(paths), threads, lambda k: images[k].fill(0))


def read_pairs(
    paths: Sequence[_PathLike],
    mask_paths: Sequence[_PathLike | None],
    p: Preprocessing,
    mask_p: Preprocessing | None = None,
    threads: int | None = None,
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Images with their masks: (uint8 (n, size, size, 3), uint8 (n, size, size), errors).

    mask_paths: image files, read as grey; None = no mask, zeros. mask_p: how masks are preprocessed; by default as
    the images, and then a mask must have its image's size. Where there is an error, image and mask are zeros.
    """
    if len(mask_paths) != len(paths):
        raise bad("pixels.read_pairs", "mask_paths", len(mask_paths), f"one for each of {len(paths)} images")
    how = mask_p or p
    if how.size != p.size:
        raise bad("pixels.read_pairs", "mask_p", how.name, f"an output side of {p.size}, as {p.name}")
    images = np.empty((len(paths), p.size, p.size, 3), np.uint8)
    masks = np.empty((len(paths), p.size, p.size), np.uint8)

    def one(k: int) -> str:
        image = read(paths[k], "RGB", keep=False)
        if mask_paths[k] is None:
            masks[k].fill(0)
        else:
            mask = read_grey(mask_paths[k])
            if mask_p is None and mask.shape != image.shape[:2]:
                raise AdvSpurError(
                    f"pixels: mask {str(mask_paths[k])!r} is {mask.shape[0]}x{mask.shape[1]}, its image "
                    f"{str(paths[k])!r} is {image.shape[0]}x{image.shape[1]}"
                )
            _into(masks[k], mask_paths[k], how.mask, mask)
        _into(images[k], paths[k], p.image, image)
        return ""

    def clear(k: int) -> None:
        images[k].fill(0)
        masks[k].fill(0)

    return images, masks, _each(one, len(paths), threads, clear)


def _each(
    work: Callable[[int], str], n: int, threads: int | None, clear: Callable[[int], None]
) -> tuple[str, ...]:
    """work(0..n-1) on threads; the errors' texts."""

    def guarded(k: int) -> str:
        try:
            return work(k)
        except AdvSpurError as error:
            clear(k)
            return str(error)

    threads = _threads(threads)
    if threads == 1 or n < 2:
        return tuple(guarded(k) for k in range(n))
    with ThreadPoolExecutor(min(threads, n), thread_name_prefix="advspur-pixels") as pool:
        return tuple(pool.map(guarded, range(n)))


def set_threads(threads: int | None) -> int | None:
    """How many files this process decodes at a time where a call does not say; None: the CPUs it may use, at most 16.
    Returns what held before. Several processes that read side by side share the CPUs by this."""
    global _default
    before, _default = _default, None if threads is None else _threads(threads)
    return before


def _threads(threads: int | None) -> int:
    if threads is None:
        cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return _default or min(_MOST_THREADS, cpus)
    if isinstance(threads, bool) or not isinstance(threads, int) or threads < 1:
        raise bad("pixels", "threads", repr(threads), "an integer >= 1")
    return threads


def _into(out: np.ndarray, path: _PathLike, work: Callable[..., np.ndarray], pixels: np.ndarray) -> None:
    try:
        work(pixels, out)
    except AdvSpurError as error:
        raise AdvSpurError(f"pixels: {str(path)!r}: {error}") from error
