"""Every kind of file gives PIL's pixels; every damaged one an error that names it."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from pyadvspur import pixels
from pyadvspur.errors import AdvSpurError


def photograph(height: int = 61, width: int = 83) -> np.ndarray:
    """Smooth colour with noise: all of JPEG's frequencies, and chroma that upsampling matters for."""
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:height, :width]
    waves = np.stack([np.sin(x / 5), np.cos(y / 7), np.sin((x + y) / 3)], -1)
    return (127 + 90 * waves + 30 * rng.standard_normal((height, width, 3))).clip(0, 255).astype(np.uint8)


def saved(path, image: Image.Image, form: str, **how):
    image.save(path, form, **how)
    return path


JPEGS = {
    "420": {"subsampling": 2, "quality": 90},
    "422": {"subsampling": 1, "quality": 75},
    "444": {"subsampling": 0, "quality": 95},
    "progressive": {"progressive": True, "quality": 60},
    "rgb": {"keep_rgb": True, "quality": 80},
    "restarts": {"restart_marker_blocks": 3, "quality": 50},
}


@pytest.mark.parametrize("how", JPEGS)
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("shape", [(61, 83), (8, 8), (1, 17), (33, 1)])
def test_jpeg_pixels_are_pils(tmp_path, how, mode, shape):
    path = saved(tmp_path / "a.JPEG", Image.fromarray(photograph(*shape)).convert(mode), "JPEG", **JPEGS[how])
    with Image.open(path) as image:
        np.testing.assert_array_equal(pixels.read_rgb(path), np.asarray(image.convert("RGB")))
    with Image.open(path) as image:
        np.testing.assert_array_equal(pixels.read_grey(path), np.asarray(image.convert("L")))


MODES = {
    "PNG": ("RGB", "RGBA", "L", "LA", "P", "1"),
    "TIFF": ("RGB", "RGBA", "L", "LA", "P", "1"),
    "WEBP": ("RGB", "L", "P", "1"),
    "GIF": ("RGB", "L", "P", "1"),
    "BMP": ("RGB", "L", "P", "1"),
}


@pytest.mark.parametrize("form, mode", [(form, mode) for form, modes in MODES.items() for mode in modes])
def test_other_formats_and_modes_are_pils(tmp_path, form, mode):
    image = Image.fromarray(photograph())
    image = image.convert("RGB").quantize(16) if mode == "P" else image.convert(mode)
    path = saved(tmp_path / "a.img", image, form)
    with Image.open(path) as again:
        np.testing.assert_array_equal(pixels.read_rgb(path), np.asarray(again.convert("RGB")))
        np.testing.assert_array_equal(pixels.read_grey(path), np.asarray(again.convert("L")))


def test_palette_with_transparency_in_bytes_gives_no_warning(tmp_path):
    image = Image.fromarray(photograph()).quantize(16)
    path = saved(tmp_path / "a.png", image, "PNG", transparency=bytes(range(0, 160, 10)))
    np.testing.assert_array_equal(pixels.read_rgb(path), np.asarray(image.convert("RGB")))


def test_orientation_is_not_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    path = saved(tmp_path / "a.jpg", Image.fromarray(photograph()), "JPEG", exif=exif)
    assert pixels.read_rgb(path).shape == (61, 83, 3)


def test_sixteen_bits(tmp_path):
    deep = (photograph()[:, :, 0].astype(np.uint16) << 8) + 17
    path = saved(tmp_path / "deep.png", Image.fromarray(deep), "PNG")
    for read in (pixels.read_rgb, pixels.read_grey):
        with pytest.raises(AdvSpurError, match=r"deep\.png' has more than 8 bits a pixel"):
            read(path)


def png(width: int, height: int, depth: int, data: bytes) -> bytes:
    """A PNG of RGB pixels, written by hand."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", width, height, depth, 2, 0, 0, 0)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def test_sixteen_bit_colour_keeps_its_upper_bits(tmp_path):
    deep = np.random.default_rng(2).integers(0, 2**16, (5, 7, 3), dtype=np.uint16)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in deep)
    (tmp_path / "deep.png").write_bytes(png(7, 5, 16, rows))
    np.testing.assert_array_equal(pixels.read_rgb(tmp_path / "deep.png"), (deep >> 8).astype(np.uint8))


def png_header(width: int, height: int) -> bytes:
    return png(width, height, 8, b"")


def jpeg_header(width: int, height: int) -> bytes:
    held = io.BytesIO()
    Image.fromarray(photograph()).save(held, "JPEG")
    data = bytearray(held.getvalue())
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(data)


@pytest.mark.parametrize("head", [png_header, jpeg_header])
@pytest.mark.parametrize("side", [10_000, 20_000])
def test_huge_images_are_refused_before_they_are_decoded(tmp_path, head, side):
    path = tmp_path / "huge.img"
    path.write_bytes(head(side, side))
    with pytest.raises(AdvSpurError, match=r"huge\.img'.*has more than 67,108,864 pixels"):
        pixels.read_rgb(path)


def test_a_side_of_20000_is_read(tmp_path):
    strip = np.random.default_rng(4).integers(0, 256, (3, 20_000, 3), dtype=np.uint8)
    path = saved(tmp_path / "strip.png", Image.fromarray(strip), "PNG")
    np.testing.assert_array_equal(pixels.read_rgb(path), strip)
    assert pixels.preprocessing("pil-bilinear-37-32").image(strip).shape == (32, 32, 3)


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_damaged_files_are_named(tmp_path, form):
    held = io.BytesIO()
    Image.fromarray(photograph()).save(held, form)
    whole = held.getvalue()
    path = tmp_path / "broken.img"
    for data in (
        whole[: len(whole) // 2],
        whole[:200],
        whole[:20],
        whole[:2],
        b"no image",
        b"\xff\xd8",
        whole[2:],
    ):
        path.write_bytes(data)
        for read in (pixels.read_rgb, pixels.read_grey):
            with pytest.raises(AdvSpurError, match=r"broken\.img' is no readable image") as raised:
                read(path)
            assert "0x" not in str(raised.value)  # rows of two runs must be equal
    path.write_bytes(b"")
    with pytest.raises(AdvSpurError, match=r"broken\.img' is empty"):
        pixels.read_rgb(path)
    with pytest.raises(AdvSpurError, match=r"missing\.img' cannot be read \(No such file"):
        pixels.read_rgb(tmp_path / "missing.img")
    with pytest.raises(AdvSpurError, match=r"cannot be read \(Is a directory"):
        pixels.read_rgb(tmp_path)


def test_damaged_bytes_never_do_more_than_raise(tmp_path):
    """Whatever bytes flip, a file is read as PIL reads it, or refused."""
    rng = np.random.default_rng(11)
    path = tmp_path / "flipped.jpg"
    held = io.BytesIO()
    Image.fromarray(photograph()).save(held, "JPEG")
    refused = read = 0
    for _ in range(150):
        data = bytearray(held.getvalue())
        for at in rng.integers(2, len(data), rng.integers(1, 4)):
            data[at] = int(rng.integers(256))
        path.write_bytes(bytes(data))
        try:
            found = pixels.read_rgb(path)
        except AdvSpurError as error:
            refused += "flipped.jpg" in str(error)
            continue
        read += 1
        with Image.open(path) as image:
            np.testing.assert_array_equal(found, np.asarray(image.convert("RGB")))
    assert refused
    assert read
    assert refused + read == 150
