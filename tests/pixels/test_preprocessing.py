"""Names, geometry and pixels against torchvision's own rules and Pillow's own resampling."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from pyadvspur import pixels
from pyadvspur.errors import AdvSpurError
from pyadvspur.reference.resize import resize_pillow


def by_hand(
    rgb: np.ndarray, short: int | None, square: int | None, size: int, border: int, order: str
) -> np.ndarray:
    """What torchvision's Resize and CenterCrop do to a PIL image, written out."""
    rgb = rgb[border : len(rgb) - border, border : rgb.shape[1] - border]
    height, width = rgb.shape[:2]
    if square:
        to = (square, square)
    elif width <= height:
        to = (int(short * height / width), short)
    else:
        to = (short, int(short * width / height))
    image = Image.fromarray(resize_pillow(rgb, *to, order))
    left, top = round((to[1] - size) / 2.0), round((to[0] - size) / 2.0)
    return np.asarray(image.crop((left, top, left + size, top + size)))


NEW, OLD = "pillow13", "pillow12"
CASES = {
    "pil-bilinear-256-224": (256, None, 224, 0, NEW),
    "pil-bilinear-37-32": (37, None, 32, 0, NEW),
    "pil-bilinear-33-32": (33, None, 32, 0, NEW),
    "pil-bilinear-224x224": (None, 224, 224, 0, NEW),
    "pil-bilinear-256x256-224": (None, 256, 224, 0, NEW),
    "border2+pil-bilinear-256-224": (256, None, 224, 2, NEW),
    "pil12-bilinear-256-224": (256, None, 224, 0, OLD),
    "pil12-bilinear-224x224": (None, 224, 224, 0, OLD),
    "border1+exact-299+pil12-bilinear-32x32": (None, 32, 32, 1, OLD),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(
    "shape", [(375, 500), (500, 333), (224, 224), (256, 256), (41, 97), (7, 5), (5, 301)]
)
def test_pixels_are_pillows(name, shape):
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
    p = pixels.preprocessing(name)
    if p.exact and shape != (301, 301):
        return
    np.testing.assert_array_equal(p.image(rgb), by_hand(rgb, *CASES[name]))
    np.testing.assert_array_equal(p.mask(rgb[:, :, 0]), by_hand(rgb[:, :, 0], *CASES[name]))
    assert p.image(rgb).shape == (p.size, p.size, 3)


def test_geometry_is_torchvisions():
    """Against the rules as torchvision writes them: `_compute_resized_output_size` and `center_crop`."""
    p = pixels.preprocessing("pil-bilinear-256-224")
    for height in range(1, 700, 13):
        for width in range(1, 700, 7):
            short, long = (width, height) if width <= height else (height, width)
            new_long = int(256 * long / short)
            w, h = (256, new_long) if width <= height else (new_long, 256)
            expected = (0, h, w, round((h - 224) / 2.0), round((w - 224) / 2.0))
            assert p.geometry(height, width) == expected


def test_exact_gives_the_pixels_themselves_or_refuses():
    rgb = np.random.default_rng(1).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    p = pixels.preprocessing("exact-32")
    np.testing.assert_array_equal(p.image(rgb), rgb)
    with pytest.raises(AdvSpurError, match=r"31x32.*takes 32x32"):
        p.image(rgb[1:])
    np.testing.assert_array_equal(pixels.preprocessing("border3+exact-26").image(rgb), rgb[3:-3, 3:-3])
    with pytest.raises(AdvSpurError, match="too small for a border of 3"):
        pixels.preprocessing("border3+exact-26").image(rgb[:6])


def test_scaled_keeps_the_proportions_and_what_is_said_of_the_file():
    scaled = {
        "pil-bilinear-256-224": "pil-bilinear-37-32",
        "pil-bilinear-224x224": "pil-bilinear-32x32",
        "pil-bilinear-256x256-224": "pil-bilinear-37x37-32",
        "exact-224": "exact-224+pil-bilinear-32x32",
        "border2+pil-bilinear-256-224": "border2+pil-bilinear-37-32",
        "pil12-bilinear-256x256-224": "pil12-bilinear-37x37-32",
    }
    for name, expected in scaled.items():
        p = pixels.preprocessing(name)
        assert p.scaled(32).name == expected
        assert p.scaled(32).size == 32
        assert p.scaled(224) is p
        assert p.scaled(96).scaled(32).size == 32
    assert pixels.preprocessing("exact-224").scaled(1).image(np.zeros((224, 224, 3), np.uint8)).shape == (
        1,
        1,
        3,
    )


@pytest.mark.parametrize(
    "name",
    [
        "", "exact", "+exact-224", "pil-bilinear-224-256", "pil-bilinear-224x256", "border2", "exact-0",
        "pil-bilinear-224x224-224", "exact-224pil-bilinear-32x32", "border02+exact-224", "cv2-bilinear-256-224",
        "pil13-bilinear-256-224", 224,
    ],
)  # fmt: skip
def test_names_that_mean_nothing_are_refused(name):
    with pytest.raises(AdvSpurError, match="name got"):
        pixels.preprocessing(name)
