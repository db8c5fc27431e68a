"""A small copy of ImageNet-9 in its true layout: real digits as objects, real photographs as backgrounds.

Class k shows the digit k; its own backgrounds are crops of one photograph in one tint. So the copy has what
ImageNet-9 has: objects, exact masks, backgrounds that agree with the class, and all eight variations of mixing them.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np

from pyadvspur.benchmarks.imagenet9_classes import DIRECTORIES
from pyadvspur.benchmarks.imagenet9_layout import SAMPLE_MARK, SIZE, VARIATIONS

_QUALITY = 92
_OBJECT = 144  # height and width of a digit
_WNID = "n{:08d}"


def write(folder: Path, per_class: int, seed: int) -> int:
    """Write every variation, masks, and a mark that says what the folder is. Returns the number of files."""
    import simplejpeg

    count = 0
    for label, directory in enumerate(DIRECTORIES):
        for k in range(per_class):
            stem = f"{_WNID.format(2000000 + label)}_{k}"
            images, mask = compose(label, k, seed)
            for variation in VARIATIONS:
                path = folder / variation / "val" / directory / f"{stem}.JPEG"
                path.parent.mkdir(parents=True, exist_ok=True)
                pixels = np.ascontiguousarray(images[variation])
                path.write_bytes(simplejpeg.encode_jpeg(pixels, quality=_QUALITY, colorsubsampling="444"))
                count += 1
            path = folder / "fg_mask" / "val" / directory / f"{stem}.npy"
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, mask, allow_pickle=False)
            count += 1
    text = {
        "what": "generated sample in the layout of ImageNet-9; not ImageNet-9",
        "per_class": per_class,
        "seed": seed,
    }
    (folder / SAMPLE_MARK).write_text(json.dumps(text))
    return count + 1


def compose(label: int, k: int, seed: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """All variations of object k of a class, uint8 (224, 224, 3), and its mask (224, 224) of 0 and 1."""
    rng = np.random.Generator(np.random.Philox(key=[seed % 2**64, label << 32 | k]))
    strokes, box = _object(label, rng)
    mask = (strokes > 0.35).astype(np.uint8)
    own, same = _background(label, rng), _background(label, rng)
    rand = _background(int(rng.integers(len(DIRECTORIES))), rng)
    following = _background((label + 1) % len(DIRECTORIES), rng)
    # strokes are light or dark, whichever stands out against the own background
    light = own[mask > 0].mean() < 128 if mask.any() else True
    shade = np.full_like(own, 235.0 if light else 20.0)
    m = mask[..., None].astype(np.float64)
    top, left, bottom, right = box
    boxed, tiled = own.copy(), own.copy()
    boxed[top:bottom, left:right] = 0
    patch = (
        own[:top] if top >= SIZE - bottom else own[bottom:]
    )  # the larger strip beside the box, repeated over it
    rows = np.arange(bottom - top) % max(1, len(patch))
    tiled[top:bottom, left:right] = patch[rows][:, left:right]
    images = {
        "original": own * (1 - m) + shade * m,
        "mixed_same": same * (1 - m) + shade * m,
        "mixed_rand": rand * (1 - m) + shade * m,
        "mixed_next": following * (1 - m) + shade * m,
        "only_fg": shade * m,
        "only_bg_b": boxed,
        "only_bg_t": tiled,
        "no_fg": own * (1 - m),
    }
    return {name: np.rint(image).clip(0, 255).astype(np.uint8) for name, image in images.items()}, mask


def _object(label: int, rng: np.random.Generator) -> tuple[np.ndarray, tuple[int, int, int, int]]:
    """Strokes in [0, 1] of a digit somewhere in the frame, and its bounding box."""
    from PIL import Image

    digits = _digits()[label]
    digit = digits[int(rng.integers(len(digits)))]
    large = Image.fromarray((digit * 255).astype(np.uint8)).resize(
        (_OBJECT, _OBJECT), Image.Resampling.BICUBIC
    )
    top, left = (int(v) for v in rng.integers(8, SIZE - _OBJECT - 8, size=2))
    frame = np.zeros((SIZE, SIZE))
    frame[top : top + _OBJECT, left : left + _OBJECT] = np.asarray(large) / 255
    return frame, (top, left, top + _OBJECT, left + _OBJECT)


def _background(kind: int, rng: np.random.Generator) -> np.ndarray:
    """A crop of the kind's photograph in the kind's tint, float (224, 224, 3) in [0, 255]."""
    photo = _photographs()[kind % 2]
    top = int(rng.integers(photo.shape[0] - SIZE))
    left = int(rng.integers(photo.shape[1] - SIZE))
    crop = photo[top : top + SIZE, left : left + SIZE].astype(np.float64)
    angle = 2 * np.pi * kind / len(DIRECTORIES)
    tint = 40 * np.array([np.cos(angle), np.cos(angle - 2.1), np.cos(angle + 2.1)])
    return (0.75 * crop + 20 + tint).clip(0, 255)


@cache
def _digits() -> list[np.ndarray]:
    from sklearn.datasets import load_digits

    found = load_digits()
    return [found.images[found.target == k] / 16 for k in range(len(DIRECTORIES))]


@cache
def _photographs() -> list[np.ndarray]:
    from sklearn.datasets import load_sample_images

    return list(load_sample_images().images)
