"""Files to pixels: 500 JPEGs of ImageNet's size, read, resized (shorter side 256) and cut (224), on 4 threads.

The files are crops of the two photographs that scikit-learn ships, mostly 500x375 and 375x500, qualities 92 to 96,
two thirds with halved chroma; they stay in the page cache. The peer is Pillow as everybody writes it, on as many
threads: Image.open -> convert RGB -> resize -> crop -> asarray. Rows: `read_images`, decoding alone, resizing alone.
"""

from __future__ import annotations

import argparse
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import common  # first: it sets the OpenMP waiting policy
import numpy as np
from PIL import Image

from pyadvspur import pixels
from pyadvspur.native.resize import resize
from pyadvspur.pixels.decode import read

SHAPES = ((375, 500), (375, 500), (375, 500), (500, 375), (333, 500), (400, 427))  # (height, width)


def write(folder: Path, count: int) -> list[Path]:
    from sklearn.datasets import load_sample_images

    photographs = load_sample_images().images
    rng = np.random.default_rng(0)
    paths = []
    for k in range(count):
        height, width = SHAPES[k % len(SHAPES)]
        photograph = photographs[int(rng.integers(2))]
        if height > photograph.shape[0]:
            photograph = photograph.transpose(1, 0, 2)
        top = int(rng.integers(photograph.shape[0] - height + 1))
        left = int(rng.integers(photograph.shape[1] - width + 1))
        crop = photograph[top : top + height, left : left + width]
        path = folder / f"{k:04}.JPEG"
        how = {"quality": int(rng.integers(92, 97)), "subsampling": 0 if k % 3 == 0 else 2}
        Image.fromarray(np.ascontiguousarray(crop)).save(path, "JPEG", **how)
        paths.append(path)
    return paths


def geometry(height: int, width: int) -> tuple[int, int, int, int]:
    """Resized height and width, top and left of the crop: torchvision's rules."""
    if width <= height:
        to = (int(256 * height / width), 256)
    else:
        to = (256, int(256 * width / height))
    return *to, round((to[0] - 224) / 2.0), round((to[1] - 224) / 2.0)


def plain(path: Path) -> np.ndarray:
    with Image.open(path) as opened:
        image = opened.convert("RGB")
    height, width, top, left = geometry(image.height, image.width)
    image = image.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(image.crop((left, top, left + 224, top + 224)))


def pillow(paths: list[Path], threads: int) -> np.ndarray:
    images = np.zeros((len(paths), 224, 224, 3), np.uint8)

    def one(k: int) -> None:
        images[k] = plain(paths[k])

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(one, range(len(paths))))
    return images


def each(work, items: list, threads: int) -> None:
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, items))


def pillow_decode(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def pillow_resize(image: Image.Image) -> np.ndarray:
    height, width, top, left = geometry(image.height, image.width)
    resized = image.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(resized.crop((left, top, left + 224, top + 224)))


def our_resize(image: np.ndarray) -> np.ndarray:
    height, width, top, left = geometry(*image.shape[:2])
    return resize(image, height, width, top=top, left=left, out_height=224, out_width=224)


def main() -> None:
    def options(parser: argparse.ArgumentParser) -> None:
        parser.set_defaults(threads=4)
        parser.add_argument("--count", type=int, default=0, help="files; 0: 500, or 60 with --quick")

    run = common.start(__doc__, "decode", options)
    count, threads = run.options.count or (60 if run.quick else 500), run.options.threads
    p = pixels.preprocessing("pil-bilinear-256-224")
    with tempfile.TemporaryDirectory() as folder:
        paths = write(Path(folder), count)
        size = sum(path.stat().st_size for path in paths) / count / 1e3
        print(f"{count} files, {size:.0f} kB on average")
        images, errors = pixels.read_images(paths, p, threads)
        difference = np.abs(images.astype(int) - pillow(paths, threads)).max()
        run.check(f"pixels of {count} files equal Pillow's", float(difference) + sum(map(bool, errors)))

        def compare(case: str, cases: dict, count: int = count) -> None:
            times = run.measure(cases, repeats=run.options.repeats or (5 if run.quick else 9))
            row = common.against(times, "ours", "pillow")
            run.row(case=case, files=count, images_per_s=count / row["ours_ms"] * 1e3, **row)

        compare(
            "decode, resize, crop",
            {
                "ours": lambda: pixels.read_images(paths, p, threads),
                "pillow": lambda: pillow(paths, threads),
            },
        )
        compare(
            "decode alone",
            {
                "ours": lambda: each(lambda path: read(path, "RGB", keep=False), paths, threads),
                "pillow": lambda: each(pillow_decode, paths, threads),
            },
        )
        decoded = [pixels.read_rgb(path) for path in paths[:60]]
        opened = [Image.fromarray(image) for image in decoded]
        compare(
            "resize, crop alone",
            {
                "ours": lambda: each(our_resize, decoded, threads),
                "pillow": lambda: each(pillow_resize, opened, threads),
            },
            len(decoded),
        )
    run.finish()


if __name__ == "__main__":
    main()
