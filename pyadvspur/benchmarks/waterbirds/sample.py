"""A small copy of Waterbirds in its true layout: digits as birds, two tinted photographs as land and water.

Digits 0-4 are the land birds, 5-9 the water birds, one species each. Training images show a class on its own place in
95 of 100 cases, as the original; validation and test images show both places equally often.

Awkward on purpose: the csv has a byte-order mark, CRLF line ends, columns in another order, one column more and quoted
names; one species' folder has a space; some JPEGs are grey; images differ in size and aspect.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from pyadvspur.benchmarks import material
from pyadvspur.benchmarks.waterbirds.layout import FOLDERS, METADATA, SPLITS

_SPECIES = (
    "Zero", "One", "Two", "Three handed", "Four", "Five", "Six", "Seven, crossed", "Eight", "Nine",
)  # fmt: skip
_COLUMNS = ("split", "img_id", "place", "y", "note", "img_filename", "place_filename")
_GREY_EVERY = 11


def counts(per_class: int) -> dict[str, tuple[int, int, int, int]]:
    """Images of each split by group: about the shares of the original."""
    p = per_class
    train = (max(1, 19 * p // 2), max(1, p // 2), max(1, p // 4), max(1, 19 * p // 4))
    return {"train": train, "val": (2 * p, 2 * p, p, p), "test": (2 * p, 2 * p, p, p)}


def write(folder: Path, per_class: int, seed: int) -> int:
    """Write images, csv and a mark that says what the folder is. Returns the number of files."""
    root = folder / FOLDERS[0]
    rows = []
    for split, name in enumerate(SPLITS):
        for group, n in enumerate(counts(per_class)[name]):
            for k in range(n):
                rows.append(_image(root, split, group, k, seed))
    for number, row in enumerate(rows, 1):
        row |= {"img_id": number, "note": 'said "so", twice' if number == 2 else ""}
    with (root / METADATA).open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, _COLUMNS, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n")
        writer.writeheader()
        writer.writerows(rows)
    material.write_mark(root, "Waterbirds", per_class, seed, counts=counts(per_class))
    return len(rows) + 2


def _image(root: Path, split: int, group: int, k: int, seed: int) -> dict[str, object]:
    """Write one image; its row of the csv, without the number."""
    label, place = divmod(group, 2)
    rng = material.generator(seed, split * 4 + group, k)
    digit = 5 * label + k % 5
    height, width = (int(v) for v in rng.integers(180, 320, size=2))
    drawn = material.strokes(digit, rng, int(min(height, width) * 0.7))
    image, _ = material.compose(
        material.place(drawn, height, width, rng), material.background(place, rng, height, width)
    )
    if k % _GREY_EVERY == 1:
        image = np.rint(image.mean(axis=2)).astype(np.uint8)
    species = _SPECIES[digit]
    name = f"{digit + 1:03d}.{species}/{species}_{split}{group}_{k:04d}.jpg"
    material.write_jpeg(root / name, image)
    place_name = f"/{'lo' if place else 'fb'}/{('ocean', 'forest')[1 - place]}/{k:08d}.jpg"
    return {
        "img_filename": name, "y": label, "split": split, "place": place, "place_filename": place_name,
    }  # fmt: skip
