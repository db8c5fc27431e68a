"""A small copy of ObjectNet in its true layout, with ImageNet validation images of the same classes under `imagenet`.

Digits on photographs stand for objects; ObjectNet's are turned and lie anywhere, ImageNet's stand in the middle of
their class's own background.

Awkward on purpose: red borders, one image without; PNGs with alpha and with a palette; images of many sizes, one of
them smaller than the model's input; a class folder with a blank in place of "_"; folders outside the 113; only some of
the 113 folders; a grey JPEG among ImageNet's, and a class there that ObjectNet does not have.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from pyadvspur.benchmarks import material
from pyadvspur.benchmarks.imagenet_wnids import WNIDS
from pyadvspur.benchmarks.objectnet import layout
from pyadvspur.benchmarks.objectnet.classes import FOLDERS, OUTPUTS

#: one, two and three outputs; at both ends of the listing; names that sort oddly
CLASSES = (
    "alarm_clock",
    "banana",
    "chair",
    "full_sized_towel",
    "pen",
    "skirt",
    "t-shirt",
    "tv",
    "wheel",
    "wok",
)
_OUTSIDE = {"air_freshener": "Air freshener", "ziploc_bag": "Ziploc bag"}
_BLANK = {"alarm_clock": "alarm clock"}  # the folder's name on disk
_IMAGENET = "imagenet"


def write(folder: Path, per_class: int, seed: int) -> int:
    """Write images, mapping files, ImageNet's part, and a mark that says what the folder is. Returns the files."""
    count = 0
    for label, name in enumerate((*CLASSES, *_OUTSIDE)):
        for k in range(per_class):
            path = folder / "images" / _BLANK.get(name, name) / f"{_hex(label, k, seed)}.png"
            _write(path, _object(label, k, seed), label, k)
            count += 1
    wnids = {WNIDS[output]: label for label, name in enumerate(CLASSES) for output in OUTPUTS[name]}
    for number, wnid in enumerate((*wnids, WNIDS[0])):
        for k in range(per_class):
            image = _plain(wnids.get(wnid, 0), number, k, seed)
            if (number, k) == (1, 0):  # a grey JPEG
                image = image[..., 1]
            name = f"ILSVRC2012_val_{number * per_class + k + 1:08d}.JPEG"
            material.write_jpeg(folder / _IMAGENET / "val" / wnid / name, image)
            count += 1
    count += _mappings(folder / layout.MAPPINGS)
    counts = dict.fromkeys(CLASSES, per_class)
    held = {"counts": counts, "outside": len(_OUTSIDE), "imagenet": dict.fromkeys(wnids, per_class)}
    material.write_mark(folder, "ObjectNet", per_class, seed, **held)
    return count + 1


def _object(label: int, k: int, seed: int) -> np.ndarray:
    """A digit, turned, somewhere on any background, in a frame of any size, with ObjectNet's red border."""
    from PIL import Image

    rng = material.generator(seed, label, k)
    height, width = (int(v) for v in rng.integers(240, 420, size=2))
    if (label, k) == (1, 0):
        height, width = 96, 70
    drawn = material.strokes(label, rng, int(min(height, width) * 0.6))
    turned = Image.fromarray((drawn * 255).clip(0, 255).astype(np.uint8)).rotate(float(rng.uniform(-40, 40)))
    frame = material.place(np.asarray(turned) / 255, height, width, rng)
    scene = material.background(int(rng.integers(len(FOLDERS))), rng, height, width)
    image = material.compose(frame, scene)[0]
    image[[0, -1]] = layout.RED
    image[:, [0, -1]] = layout.RED
    return image


def _write(path: Path, image: np.ndarray, label: int, k: int) -> None:
    """A PNG; the first of some classes in a mode that PNGs in the wild have, one without the border."""
    if (label, k) == (2, 0):
        alpha = np.full((*image.shape[:2], 1), 255, np.uint8)
        alpha[: len(alpha) // 2] = 90
        material.write_png(path, np.concatenate([image, alpha], axis=2))
    elif (label, k) == (3, 0):
        material.write_png(path, image, mode="P")
    elif (label, k) == (4, 0):
        material.write_png(path, np.ascontiguousarray(image[1:-1, 1:-1]))
    else:
        material.write_png(path, image)


def _plain(label: int, number: int, k: int, seed: int) -> np.ndarray:
    """As ImageNet shows it: upright, in the middle, on its own background."""
    rng = material.generator(seed, 1000 + number, k)
    height, width = (int(v) for v in rng.integers(200, 340, size=2))
    side = int(min(height, width) * 0.7)
    frame = np.zeros((height, width))
    top, left = (height - side) // 2, (width - side) // 2
    frame[top : top + side, left : left + side] = material.strokes(label, rng, side)
    return material.compose(frame, material.background(label, rng, height, width))[0]


def _mappings(folder: Path) -> int:
    """Two of the mapping files: labels of all folders here and of the 113, and as many names as each has outputs."""
    folder.mkdir(parents=True)
    labels = {name: name.replace("_", " ").capitalize() for name in FOLDERS} | _OUTSIDE
    names = {labels[name]: "; ".join(WNIDS[output] for output in OUTPUTS[name]) for name in FOLDERS}
    (folder / "folder_to_objectnet_label.json").write_text(json.dumps(labels, indent=0))
    (folder / "objectnet_to_imagenet_1k.json").write_text(json.dumps(names, indent=0))
    return 2


def _hex(label: int, k: int, seed: int) -> str:
    """15 hex digits, as ObjectNet names its files."""
    return f"{int(material.generator(seed, label, k).integers(16**15)):015x}"
