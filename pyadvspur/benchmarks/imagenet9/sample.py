"""A small copy of ImageNet-9 in its true layout: real digits as objects, real photographs as backgrounds.

Class k shows the digit k; its own backgrounds are crops of one photograph in one tint. So the copy has what
ImageNet-9 has: objects, exact masks, backgrounds that agree with the class, and all eight variations of mixing them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pyadvspur.benchmarks import material
from pyadvspur.benchmarks.imagenet9.classes import DIRECTORIES
from pyadvspur.benchmarks.imagenet9.layout import SIZE, VARIATIONS

_OBJECT = 144  # height and width of a digit
_BORDER = 8
_GREY = ("only_fg", 5, 0)  # this file is a greyscale JPEG


def write(folder: Path, per_class: int, seed: int) -> int:
    """Write every variation, masks, and a mark that says what the folder is. Returns the number of files."""
    count = 0
    for label, directory in enumerate(DIRECTORIES):
        for k in range(per_class):
            stem = f"n{2000000 + label:08d}_{k}"
            images, mask = compose(label, k, seed)
            for variation in VARIATIONS:
                pixels = images[variation]
                if (variation, label, k) == _GREY:
                    pixels = pixels[..., 0]
                material.write_jpeg(folder / variation / "val" / directory / f"{stem}.JPEG", pixels)
                count += 1
            path = folder / "fg_mask" / "val" / directory / f"{stem}.npy"
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, mask, allow_pickle=False)
            count += 1
    material.write_mark(folder, "ImageNet-9", per_class, seed)
    return count + 1


def compose(label: int, k: int, seed: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """All variations of object k of a class, uint8 (224, 224, 3), and its mask (224, 224) of 0 and 1."""
    rng = material.generator(seed, label, k)
    frame, box = _object(label, rng)
    mask = material.foreground(frame)
    own, same = _background(label, rng), _background(label, rng)
    rand = _background(int(rng.integers(len(DIRECTORIES))), rng)
    following = _background((label + 1) % len(DIRECTORIES), rng)
    shade = material.shade(own, mask)  # of the object, in every variation
    m = mask[..., None]
    top, left, bottom, right = box
    boxed, tiled = own.copy(), own.copy()
    boxed[top:bottom, left:right] = 0
    # the larger strip beside the box, repeated over it
    patch = own[:top] if top >= SIZE - bottom else own[bottom:]
    rows = np.arange(bottom - top) % max(1, len(patch))
    tiled[top:bottom, left:right] = patch[rows][:, left:right]
    images = {
        "original": np.where(m, shade, own),
        "mixed_same": np.where(m, shade, same),
        "mixed_rand": np.where(m, shade, rand),
        "mixed_next": np.where(m, shade, following),
        "only_fg": np.where(m, shade, 0.0),
        "only_bg_b": boxed,
        "only_bg_t": tiled,
        "no_fg": np.where(m, 0.0, own),
    }
    pixels = {name: material.to_pixels(np.broadcast_to(image, own.shape)) for name, image in images.items()}
    return pixels, mask.astype(np.uint8)


def _object(label: int, rng: np.random.Generator) -> tuple[np.ndarray, tuple[int, int, int, int]]:
    """Strokes in [0, 1] of a digit somewhere in the frame, and its bounding box."""
    drawn = material.strokes(label, rng, _OBJECT)
    top, left = (int(v) for v in rng.integers(_BORDER, SIZE - _OBJECT - _BORDER, size=2))
    frame = np.zeros((SIZE, SIZE))
    frame[top : top + _OBJECT, left : left + _OBJECT] = drawn
    return frame, (top, left, top + _OBJECT, left + _OBJECT)


def _background(kind: int, rng: np.random.Generator) -> np.ndarray:
    return material.background(kind, rng, SIZE, SIZE)
