"""A small copy of Salient ImageNet in its true layout, with the ImageNet images that it needs.

Digits are the core, a patch of the photograph is the spurious part. `write(DIR, ...)` makes DIR/salient and
DIR/imagenet; `SalientImageNet(DIR)` finds both. The copy holds what a reader must survive: images in several features,
columns of unequal length, empty cells and repeated names in a csv, a grey image, masks with the ringing of JPEG, an
empty one, a full one, one that is missing, a class without core and one without spurious features, a pickle beside the
lists.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from pyadvspur import pixels
from pyadvspur.benchmarks import material
from pyadvspur.benchmarks.salient import layout
from pyadvspur.benchmarks.salient.features import spurious
from pyadvspur.benchmarks.salient.masks import SIDE, VIEW

_MASK_QUALITY = 50  # rings visibly
_PICKLE = b"cbuiltins\nexit\n(S'nothing beside the lists must be unpickled'\ntR."
#: class -> wnid and core features; spurious ones are in `features`
CLASSES = {
    0: ("n01440764", (59, 686, 701, 2030, 1696)),
    2: ("n01484850", (2034, 1823, 227, 686)),
    3: ("n01491361", (686, 1823, 905)),
    9: ("n01518878", (569, 1830, 1236, 1964)),
    83: ("n01798484", (1297,)),
    379: ("n02492660", ()),
    999: ("n15075141", (1777, 1154, 1412, 1290)),
}
#: classes with one odd thing each, always at the first image of the first feature
GREY_IMAGE, FULL_MASK, NO_MASK, EMPTY_MASK = 0, 2, 3, 83


class Scene(NamedTuple):
    """An image, uint8 (H, W, 3), and soft masks of its core and of its spurious part, uint8 (224, 224)."""

    image: np.ndarray
    core: np.ndarray
    spurious: np.ndarray


def write(folder: Path, per_class: int, seed: int) -> int:
    """Write both folders, per_class images a feature. Returns the number of files."""
    root, train = folder / "salient", folder / "imagenet" / "train"
    count = 0
    for label, (wnid, core) in CLASSES.items():
        features = (*core, *sorted(spurious().get(label, ())))
        stems = [f"{wnid}_{100 + k}" for k in range(per_class + 1)]
        scenes = [compose(label, k, seed) for k in range(len(stems))]
        for k, (stem, scene) in enumerate(zip(stems, scenes)):
            grey = label == GREY_IMAGE and k == 0
            material.write_jpeg(
                layout.image_path(train, wnid, stem), scene.image[..., 1] if grey else scene.image
            )
            count += 1
        columns = [[(j + k) % len(stems) for k in range(per_class)] for j in range(len(features))]
        for j, (feature, column) in enumerate(zip(features, columns)):
            for k in column:
                mask = _part(scenes[k], feature in core, j)
                if j == k == 0 and label in (EMPTY_MASK, FULL_MASK):
                    mask = np.full_like(mask, 255 * (label == FULL_MASK))
                if j == k == 0 and label == NO_MASK:
                    continue
                material.write_jpeg(layout.mask_path(root, wnid, feature, stems[k]), mask, _MASK_QUALITY)
                count += 1
        _write_map(root / wnid / layout.MAP, features, [[stems[k] for k in column] for column in columns])
        count += 1
    wnids = {label: wnid for label, (wnid, _) in CLASSES.items()}
    (root / layout.WORDNET).write_text(f"{wnids!r}\n")
    (root / "feature_metadata.pkl").write_bytes(_PICKLE)
    material.write_mark(root, "Salient ImageNet", per_class, seed)
    return count + 3


def compose(label: int, k: int, seed: int) -> Scene:
    """One image of a class."""
    rng = material.generator(seed, label, k)
    height, width = (int(v) for v in rng.integers(200, 300, size=2))
    frame = material.place(material.strokes(label, rng, int(min(height, width) * 0.6)), height, width, rng)
    image, _ = material.compose(frame, material.background(label, rng, height, width))
    rows, columns = np.mgrid[:height, :width]
    at = rng.uniform(0.2, 0.8, size=2) * (height, width)
    away = np.hypot(rows - at[0], columns - at[1]) / (0.3 * min(height, width))
    view = pixels.preprocessing(VIEW)
    masks = (view.mask(material.to_pixels(255 * soft)) for soft in (frame.clip(0, 1), (1 - away).clip(0, 1)))
    return Scene(image, *masks)


def _part(scene: Scene, is_core: bool, j: int) -> np.ndarray:
    """What feature j sees of a part: its upper or left or right or lower half, or all of it."""
    mask = (scene.core if is_core else scene.spurious).copy()
    half = SIDE // 2
    for which, hidden in enumerate((np.s_[half:], np.s_[:, half:], np.s_[:, :half], np.s_[:half])):
        if j == which + 1:
            mask[hidden] = 0
    return mask


def _write_map(path: Path, features: tuple[int, ...], columns: list[list[str]]) -> None:
    """The list of a class; the last column is one name shorter and the first repeats a name."""
    if len(columns) > 1 and len(columns[-1]) > 1:
        columns = [[*columns[0], columns[0][0]], *columns[1:-1], columns[-1][:-1]]
    lines = [",".join(map(str, features))]
    for k in range(max(map(len, columns))):
        lines.append(",".join(column[k] if k < len(column) else "" for column in columns))
    path.write_text("\n".join(lines) + "\n")
