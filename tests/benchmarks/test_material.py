"""Sample material: the same seed gives the same files, objects stand out, odd sizes work."""

import json

import numpy as np
import simplejpeg
from PIL import Image

from pyadvspur.benchmarks import material


def test_the_same_numbers_give_the_same_image():
    first = material.example(3, material.generator(1, 3, 5), 90, 120)
    again = material.example(3, material.generator(1, 3, 5), 90, 120)
    other = material.example(3, material.generator(1, 5, 3), 90, 120)
    assert all(np.array_equal(a, b) for a, b in zip(first, again))
    assert not np.array_equal(first[0], other[0])


def test_objects_stand_out_and_masks_are_exact():
    rng = material.generator(0, 7)
    scene = material.background(7, rng, 100, 140)
    frame = material.place(material.strokes(7, rng, 64), 100, 140, rng)
    image, mask = material.compose(frame, scene)
    assert image.shape == (100, 140, 3)
    assert image.dtype == np.uint8
    assert sorted(np.unique(mask)) == [0, 255]
    assert 0.02 < (mask > 0).mean() < 0.4
    assert np.array_equal(image[mask == 0], material.to_pixels(scene)[mask == 0])
    assert np.abs(image[mask > 0] - scene[mask > 0]).mean() > 60


def test_kinds_differ_and_photographs_grow():
    means = [material.background(kind, material.generator(0), 60, 60).mean(axis=(0, 1)) for kind in range(13)]
    assert min(np.abs(a - b).max() for i, a in enumerate(means) for b in means[:i]) > 1
    assert material.background(12, material.generator(0), 900, 700).shape == (900, 700, 3)


def test_files(tmp_path):
    image, mask = material.example(2, material.generator(0, 2), 48, 64)
    material.write_jpeg(tmp_path / "a" / "grey.JPEG", mask)
    assert simplejpeg.decode_jpeg_header((tmp_path / "a" / "grey.JPEG").read_bytes())[2] == "Gray"
    material.write_png(tmp_path / "p.png", image, mode="P")
    with Image.open(tmp_path / "p.png") as written:
        assert written.mode == "P"
    material.write_mark(tmp_path, "Here", 4, 0, odd=["a"])
    assert json.loads((tmp_path / material.MARK).read_text())["odd"] == ["a"]
