"""Reading many files: the same for every number of threads, and one bad file costs its own place."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from pyadvspur import pixels
from pyadvspur.errors import AdvSpurError

P = pixels.preprocessing("pil-bilinear-37-32")


@pytest.fixture
def folder(tmp_path):
    """Twelve images with masks: JPEGs and PNGs of many sizes; 3 is cut short, 5 is empty, 7's mask has another size,
    9's mask is missing, 10's mask is no image."""
    rng = np.random.default_rng(0)
    for k in range(12):
        height, width = (int(v) for v in rng.integers(20, 90, 2))
        rgb = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        Image.fromarray(rgb).save(tmp_path / f"{k}.img", "PNG" if k % 3 == 2 else "JPEG")
        mask = rng.integers(0, 256, (height + (k == 7), width), dtype=np.uint8)
        Image.fromarray(mask).save(tmp_path / f"{k}.mask", "JPEG" if k % 2 else "PNG")
    (tmp_path / "3.img").write_bytes((tmp_path / "3.img").read_bytes()[:300])
    (tmp_path / "5.img").write_bytes(b"")
    (tmp_path / "9.mask").unlink()
    (tmp_path / "10.mask").write_bytes(b"nothing")
    return tmp_path


@pytest.mark.parametrize("threads", [1, 2, 5, None])
def test_images_are_those_read_one_by_one(folder, threads):
    paths = [folder / f"{k}.img" for k in range(12)]
    images, errors = pixels.read_images(paths, P, threads)
    assert images.shape == (12, 32, 32, 3)
    assert images.dtype == np.uint8
    assert [k for k, error in enumerate(errors) if error] == [3, 5]
    for k, path in enumerate(paths):
        expected = np.zeros((32, 32, 3)) if errors[k] else P.image(pixels.read_rgb(path))
        np.testing.assert_array_equal(images[k], expected)
    assert "3.img" in errors[3]
    assert "5.img" in errors[5]


@pytest.mark.parametrize("threads", [1, 3])
def test_pairs(folder, threads):
    paths = [folder / f"{k}.img" for k in range(12)]
    masks = [None if k == 0 else folder / f"{k}.mask" for k in range(12)]
    images, found, errors = pixels.read_pairs(paths, masks, P, threads=threads)
    assert [k for k, error in enumerate(errors) if error] == [3, 5, 7, 9, 10]
    assert "7.mask" in errors[7]
    assert "7.img" in errors[7]
    assert "9.mask' cannot be read" in errors[9]
    assert not found[0].any()
    for k in range(12):
        if errors[k]:
            assert not images[k].any()
            assert not found[k].any()
        else:
            np.testing.assert_array_equal(images[k], P.image(pixels.read_rgb(paths[k])))
            if k:
                np.testing.assert_array_equal(found[k], P.mask(pixels.read_grey(masks[k])))
    # with a preprocessing of their own, masks may have other sizes than their images
    images, found, errors = pixels.read_pairs(
        paths, masks, P, pixels.preprocessing("pil-bilinear-32x32"), threads=threads
    )
    assert [k for k, error in enumerate(errors) if error] == [3, 5, 9, 10]


def test_the_default_number_of_threads_can_be_set(folder, monkeypatch):
    from concurrent.futures import ThreadPoolExecutor

    from pyadvspur.pixels import reading

    seen = []

    def pool(threads, **options):
        seen.append(threads)
        return ThreadPoolExecutor(threads, **options)

    monkeypatch.setattr(reading, "ThreadPoolExecutor", pool)
    paths = [folder / f"{k}.img" for k in range(12)]
    before = pixels.set_threads(3)
    try:
        pixels.read_images(paths, P)
        pixels.read_images(paths, P, threads=2)
    finally:
        assert pixels.set_threads(before) == 3
    assert seen == [3, 2]


def test_what_it_refuses(folder):
    path = folder / "0.img"
    with pytest.raises(AdvSpurError, match="mask_paths got 2"):
        pixels.read_pairs([path], [None, None], P)
    with pytest.raises(AdvSpurError, match="mask_p got exact-16"):
        pixels.read_pairs([path], [None], P, pixels.preprocessing("exact-16"))
    with pytest.raises(AdvSpurError, match="threads got 0"):
        pixels.read_images([path], P, 0)
    images, errors = pixels.read_images([], P)
    assert images.shape == (0, 32, 32, 3)
    assert errors == ()
    _, errors = pixels.read_images([path], pixels.preprocessing("exact-32"))
    assert "0.img" in errors[0]
    assert "takes 32x32" in errors[0]
