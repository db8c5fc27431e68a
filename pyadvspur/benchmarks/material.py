"""What generated copies of benchmarks are made of: real handwritten digits as objects, real photographs as backgrounds.

Both come with scikit-learn, so a copy needs no download. A copy of K classes shows digit (class % 10) in class k, and
the class's own backgrounds are crops of one photograph in one tint: `background(k, ...)`. Everything is drawn from the
generator that is passed, so the same seed writes the same files.
"""

from __future__ import annotations

import json
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from pyadvspur.errors import AdvSpurError

#: In the root of every generated copy: what it is, per_class, seed. Readers take their expected counts from it.
MARK = "SAMPLE.json"
_QUALITY = 92
_FOREGROUND = 0.35  # strokes at least so strong belong to the object
_TINT = 40.0


def generator(seed: int, *key: int) -> np.random.Generator:
    """Random numbers of one thing of a copy, say of image k of a class: generator(seed, label, k).

    key: up to three numbers in [0, 2^21).
    """
    packed = 0
    for part in key:
        packed = packed << 21 | part
    return np.random.Generator(np.random.Philox(key=[seed % 2**64, packed]))


def strokes(digit: int, rng: np.random.Generator, size: int) -> np.ndarray:
    """One handwritten digit, float64 (size, size) in [0, 1]: 1 on the strokes, 0 off them. digit: taken modulo 10."""
    from PIL import Image

    digits = _digits()[digit % 10]
    drawn = Image.fromarray((digits[int(rng.integers(len(digits)))] * 255).astype(np.uint8))
    return np.asarray(drawn.resize((size, size), Image.Resampling.BICUBIC)) / 255


def background(kind: int, rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """A crop of the kind's photograph in the kind's tint, float64 (height, width, 3) in [0, 255]. kind: any integer."""
    photo = _photograph(kind % 2, height, width)
    top = int(rng.integers(photo.shape[0] - height + 1))
    left = int(rng.integers(photo.shape[1] - width + 1))
    crop = photo[top : top + height, left : left + width].astype(np.float64)
    angle = 2.399963 * kind  # the golden angle: neighbours differ, and no two kinds agree
    tint = _TINT * np.array([np.cos(angle), np.cos(angle - 2.1), np.cos(angle + 2.1)])
    return (0.75 * crop + 20 + tint).clip(0, 255)


def place(drawn: np.ndarray, height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """Strokes (s, s) somewhere in an empty frame (height, width)."""
    side = len(drawn)
    top, left = int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
    frame = np.zeros((height, width))
    frame[top : top + side, left : left + side] = drawn
    return frame


def foreground(frame: np.ndarray) -> np.ndarray:
    """The exact mask of strokes in a frame: bool, same shape."""
    return frame > _FOREGROUND


def shade(scene: np.ndarray, mask: np.ndarray) -> float:
    """Light or dark, whichever stands out against a background (H, W, 3) where the mask (H, W) is set."""
    return 235.0 if not mask.any() or scene[mask].mean() < 128 else 20.0


def compose(frame: np.ndarray, scene: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Strokes (H, W) on a background (H, W, 3): the image, uint8 (H, W, 3), and the mask, uint8 (H, W), 255 inside."""
    mask = foreground(frame)
    image = np.where(mask[..., None], shade(scene, mask), scene)
    return to_pixels(image), mask.astype(np.uint8) * 255


def example(label: int, rng: np.random.Generator, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """A whole image of a class on its own background, and its mask: see `compose`."""
    frame = place(strokes(label, rng, int(min(height, width) * 0.64)), height, width, rng)
    return compose(frame, background(label, rng, height, width))


def to_pixels(image: np.ndarray) -> np.ndarray:
    """Floats in 0..255 as uint8, rounded."""
    return np.rint(image).clip(0, 255).astype(np.uint8)


def write_jpeg(path: Path, pixels: np.ndarray, quality: int = _QUALITY) -> None:
    """A JPEG file from uint8 (H, W, 3) or grey (H, W); folders are made."""
    import simplejpeg

    path.parent.mkdir(parents=True, exist_ok=True)
    grey = pixels.ndim == 2
    shaped = np.ascontiguousarray(pixels[..., None] if grey else pixels)
    kind = {"colorspace": "GRAY", "colorsubsampling": "Gray"} if grey else {"colorsubsampling": "444"}
    path.write_bytes(simplejpeg.encode_jpeg(shaped, quality=quality, **kind))


def write_png(path: Path, pixels: np.ndarray, mode: str | None = None) -> None:
    """A PNG file from uint8 (H, W), (H, W, 3) or (H, W, 4); mode "P" makes a palette image. Folders are made."""
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(path, "PNG")


def write_mark(folder: Path, name: str, per_class: int, seed: int, **more: Any) -> None:
    """Say in the copy's root what it is."""
    what = f"generated sample in the layout of {name}; not {name}"
    text = {"what": what, "per_class": per_class, "seed": seed, **more}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).write_text(json.dumps(text))


def read_mark(folder: Path) -> dict[str, Any] | None:
    """What a copy's root says of it; None where there is no mark, so the data are the real ones. Raises AdvSpurError
    for a damaged mark."""
    path = folder / MARK
    if not path.is_file():
        return None
    try:
        found = json.loads(path.read_text())
        return {**found, "per_class": int(found["per_class"])}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AdvSpurError(
            f"benchmarks: {str(path)!r} is damaged ({error}). Write the sample again."
        ) from error


@cache
def _digits() -> list[np.ndarray]:
    from sklearn.datasets import load_digits

    found = load_digits()
    return [found.images[found.target == k] / 16 for k in range(10)]


@lru_cache(8)
def _photograph(which: int, height: int, width: int) -> np.ndarray:
    """A photograph with room for a crop of that size: enlarged if it must be."""
    from PIL import Image

    photo = _photographs()[which]
    scale = max(1.0, 1.25 * height / photo.shape[0], 1.25 * width / photo.shape[1])
    if scale == 1:
        return photo
    to = (int(photo.shape[1] * scale), int(photo.shape[0] * scale))
    return np.asarray(Image.fromarray(photo).resize(to, Image.Resampling.BILINEAR))


@cache
def _photographs() -> list[np.ndarray]:
    from sklearn.datasets import load_sample_images

    return list(load_sample_images().images)
