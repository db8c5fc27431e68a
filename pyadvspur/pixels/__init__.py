"""Image files to the pixels a model sees, by named preprocessing: Pillow's result bit for bit, only faster.

p = pixels.preprocessing("pil-bilinear-256-224")     # shorter side to 256, centre crop of 224
images, errors = pixels.read_images(paths, p)        # uint8 (n, 224, 224, 3); errors: one text a file, "" = fine
images, masks, errors = pixels.read_pairs(paths, mask_paths, p)

The names are part of every result's identity; docs/preprocessing.md says what each does.
"""

from __future__ import annotations

from pyadvspur.pixels.decode import MAX_PIXELS, read_grey, read_rgb
from pyadvspur.pixels.preprocessing import Preprocessing, preprocessing
from pyadvspur.pixels.reading import read_images, read_pairs, set_threads

__all__ = [
    "MAX_PIXELS",
    "Preprocessing",
    "preprocessing",
    "read_grey",
    "read_images",
    "read_pairs",
    "read_rgb",
    "set_threads",
]
