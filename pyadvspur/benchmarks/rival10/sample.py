"""A small copy of RIVAL10 in its true layout: real digits as objects, real photographs as backgrounds.

Class k shows the digit k; each of its two ImageNet classes has backgrounds of its own. The copy holds what a reader
must survive: images of all shapes, a grey one, masks with the ringing of JPEG, an empty mask, a full one, one that is
missing, and attribute files that end the process of whoever unpickles them.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from pyadvspur.benchmarks import material
from pyadvspur.benchmarks.rival10.classes import SYNSETS
from pyadvspur.benchmarks.rival10.layout import IMAGES, MASKS, SPLITS

_MASK_QUALITY = 50  # rings visibly
_PICKLE = b"cbuiltins\nexit\n(S'attribute files of RIVAL10 must not be unpickled'\ntR."
#: in the test split, the last image of these ImageNet classes (places in SYNSETS)
GREY, EMPTY_MASK, FULL_MASK, NO_MASK = 0, 2, 4, 6


def write(folder: Path, per_class: int, seed: int) -> int:
    """Write both splits, per_class images of each of the 20 ImageNet classes. Returns the number of files."""
    count = 0
    for split in SPLITS:
        for place, synset in enumerate(SYNSETS):
            for k in range(per_class):
                turn = k + per_class * SPLITS.index(split)
                last = split == "test" and k == per_class - 1
                rest = f"ILSVRC2012_val_{place * 1000 + turn:08d}" if k == 0 else f"{synset.wnid}_{turn}"
                image, mask = compose(place, turn, seed)
                if last and place == GREY:
                    image = image[..., 1]
                if last and place in (EMPTY_MASK, FULL_MASK):
                    mask = np.full_like(mask, 0 if place == EMPTY_MASK else 255)
                beside = folder / split / IMAGES / f"{synset.wnid}_{rest}"
                material.write_jpeg(beside.with_name(f"{beside.name}.JPEG"), image)
                count += 1 + _write_attributes(beside, mask)
                if not (last and place == NO_MASK):
                    path = folder / split / MASKS / f"{beside.name}.JPEG"
                    material.write_jpeg(path, mask, _MASK_QUALITY)
                    count += 1
    material.write_mark(folder, "RIVAL10", per_class, seed)
    return count + 1


def compose(place: int, turn: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """One image of an ImageNet class, uint8 (H, W, 3), and its mask (H, W) of 0 and 255."""
    rng = material.generator(seed, place, turn)
    height, width = (int(v) for v in rng.integers(72, 129, size=2))
    drawn = material.strokes(SYNSETS[place].label, rng, int(min(height, width) * 0.7))
    return material.compose(
        material.place(drawn, height, width, rng), material.background(place, rng, height, width)
    )


def _write_attributes(beside: Path, mask: np.ndarray) -> int:
    """The attribute files of an image: nothing of ours reads them."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|O", "fortran_order": False, "shape": (2, 18)})
    beside.with_name(f"{beside.name}_attr_labels.npy").write_bytes(header.getvalue() + _PICKLE)
    beside.with_name(f"{beside.name}_attr_dict.pkl").write_bytes(_PICKLE)
    material.write_jpeg(beside.with_name(f"{beside.name}_merged_mask.JPEG"), mask, _MASK_QUALITY)
    return 3
