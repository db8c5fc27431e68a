"""The resize kernel gives Pillow's bytes: odd sizes, both directions, extreme aspect, crops, views, threads."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from pyadvspur.errors import AdvSpurError
from pyadvspur.native.resize import columns_first, resize
from pyadvspur.reference.resize import resize_numpy, resize_pillow

ORDERS = ("pillow13", "pillow12")


def picture(rng: np.random.Generator, height: int, width: int, channels: int, kind: int) -> np.ndarray:
    """Noise, black and white, or a ramp: what rounding is sensitive to."""
    shape = (height, width, 3) if channels == 3 else (height, width)
    if kind == 0:
        return rng.integers(0, 256, shape, dtype=np.uint8)
    if kind == 1:
        return rng.integers(0, 2, shape, dtype=np.uint8) * 255
    ramp = np.arange(height)[:, None] * 3 + np.arange(width) * 7
    return (
        (ramp % 256).astype(np.uint8)[..., None].repeat(3, 2)
        if channels == 3
        else (ramp % 256).astype(np.uint8)
    )


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("channels", [1, 3])
def test_random_sizes_equal_pillow(order, channels):
    rng = np.random.default_rng(channels)
    both = set()
    for turn in range(300):
        top = 12 if turn % 3 == 0 else 90
        height, width, to_height, to_width = (int(v) for v in rng.integers(1, top, 4))
        pixels = picture(rng, height, width, channels, turn % 3)
        got = resize(pixels, to_height, to_width, order=order)
        np.testing.assert_array_equal(got, resize_pillow(pixels, to_height, to_width, order))
        both.add(columns_first(order, height, width, to_height, to_width))
    assert both == ({True, False} if order == "pillow13" else {False})


@pytest.mark.parametrize(
    "shape, to",
    [
        ((375, 500), (256, 341)), ((500, 375), (341, 256)), ((224, 224), (224, 224)), ((256, 341), (256, 341)),
        ((1, 1), (7, 9)), ((1, 3000), (5, 8)), ((3000, 1), (8, 5)), ((2, 999), (999, 2)), ((999, 2), (2, 999)),
        ((31, 33), (1, 1)), ((5000, 3), (2, 2)), ((3, 5000), (2, 2)), ((300, 40), (10, 60)), ((40, 300), (60, 10)),
    ],
)  # fmt: skip
def test_shapes_at_the_edges_equal_pillow_and_numpy(shape, to):
    rng = np.random.default_rng(5)
    for channels in (1, 3):
        pixels = picture(rng, *shape, channels, 0)
        for order in ORDERS:
            expected = resize_pillow(pixels, *to, order)
            np.testing.assert_array_equal(resize(pixels, *to, order=order), expected)
            np.testing.assert_array_equal(resize_numpy(pixels, *to, order), expected)


def test_the_installed_pillow_is_one_of_the_two_orders():
    import PIL

    order = "pillow13" if int(PIL.__version__.split(".")[0]) >= 13 else "pillow12"
    rng = np.random.default_rng(6)
    differ = 0
    for turn in range(200):
        height, width, to_height, to_width = (int(v) for v in rng.integers(1, 90, 4))
        pixels = picture(rng, height, width, 3, turn % 3)
        expected = np.asarray(
            Image.fromarray(pixels).resize((to_width, to_height), Image.Resampling.BILINEAR)
        )
        np.testing.assert_array_equal(resize(pixels, to_height, to_width, order=order), expected)
        differ += not np.array_equal(resize_pillow(pixels, to_height, to_width, "pillow12"), expected)
    assert (differ > 0) == (order == "pillow13")


def test_the_orders_differ_by_one_level_at_most():
    pixels = np.random.default_rng(7).integers(0, 256, (500, 200, 3), dtype=np.uint8)
    ours, before = (resize(pixels, 224, 224, order=order).astype(int) for order in ORDERS)
    assert 0 < np.abs(ours - before).max() <= 1


@pytest.mark.parametrize("order", ORDERS)
def test_a_part_is_the_crop_whatever_the_threads(order):
    rng = np.random.default_rng(8)
    for turn in range(150):
        height, width, to_height, to_width = (int(v) for v in rng.integers(1, 70, 4))
        pixels = picture(rng, height, width, 3 if turn % 2 else 1, 0)
        top, left = int(rng.integers(to_height)), int(rng.integers(to_width))
        rows, columns = int(rng.integers(1, to_height - top + 1)), int(rng.integers(1, to_width - left + 1))
        part = {"top": top, "left": left, "out_height": rows, "out_width": columns}
        got = resize(pixels, to_height, to_width, **part, order=order, threads=1 + turn % 3)
        whole = resize_pillow(pixels, to_height, to_width, order)
        np.testing.assert_array_equal(got, whole[top : top + rows, left : left + columns])


def test_crops_of_larger_images_need_no_copy_and_nothing_else_is_written():
    big = np.random.default_rng(9).integers(0, 256, (60, 70, 3), dtype=np.uint8)
    view = big[2:-2, 2:-2]
    np.testing.assert_array_equal(resize(view, 20, 31), resize_pillow(view, 20, 31))
    np.testing.assert_array_equal(resize(big[::-1, ::2], 20, 31), resize_pillow(big[::-1, ::2], 20, 31))
    for order in ORDERS:
        for tall in (view, view[:, :9]):
            held = np.full(20 * 31 * 3 + 64, 77, np.uint8)
            out = held[: 20 * 31 * 3].reshape(20, 31, 3)
            assert resize(tall, 20, 31, out=out, order=order) is out
            np.testing.assert_array_equal(out, resize_pillow(tall, 20, 31, order))
            assert (held[20 * 31 * 3 :] == 77).all()


@pytest.mark.parametrize(
    "call, text",
    [
        (lambda a: resize(a.astype(np.float32), 3, 3), "pixels got float32"),
        (lambda a: resize(a[None], 3, 3), "pixels got"),
        (lambda a: resize(a[:0], 3, 3), "pixels got"),
        (lambda a: resize(a, 0, 3), "height, width got"),
        (lambda a: resize(a, 2**31, 3), "height, width got"),
        (lambda a: resize(a, 3, 3, top=2, out_height=2), "a part of 3x3"),
        (lambda a: resize(a, 3, 3, left=-1), "a part of 3x3"),
        (lambda a: resize(a, 3, 3, out=np.empty((3, 4, 3), np.uint8)), "out got"),
        (lambda a: resize(a, 3, 3, out=np.empty((3, 6, 3), np.uint8)[:, ::2]), "out got"),
        (lambda a: resize(a, 3, 3, threads=0), "threads got 0"),
        (lambda a: resize(a, 3, 3, order="pillow11"), "order got"),
    ],
)
def test_what_it_refuses(call, text):
    with pytest.raises(AdvSpurError, match=text):
        call(np.zeros((5, 6, 3), np.uint8))
