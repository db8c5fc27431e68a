"""Small generated copies of benchmarks in their true layouts: `advspur datasets sample NAME DIR`."""

from __future__ import annotations

import importlib
from pathlib import Path

from pyadvspur.errors import bad, unknown

#: name -> module with write(folder, per_class, seed) -> number of files
_WRITERS = {
    "imagenet9": "imagenet9.sample",
    "objectnet": "objectnet.sample",
    "rival10": "rival10.sample",
    "salient": "salient.sample",
    "waterbirds": "waterbirds.sample",
}


_IMAGES = (".jpg", ".jpeg", ".png")


def sample(name: str, folder: str | Path, per_class: int = 4, seed: int = 0, *, damaged: bool = False) -> int:
    """Write a small copy of a benchmark, made of embedded digits and photographs. Returns the number of files.

    folder: must not exist or be empty. per_class: images a class and variation, 1 to 450. damaged: spoil some of the
    files afterwards, see `damage`. The same arguments give the same files.
    """
    where = "datasets sample"
    if name not in _WRITERS:
        raise unknown(where, "name", name, _WRITERS)
    if isinstance(per_class, bool) or not isinstance(per_class, int) or not 1 <= per_class <= 450:
        raise bad(where, "per_class", per_class, "an integer from 1 to 450")
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise bad(where, "folder", repr(str(folder)), "a folder that does not exist yet or is empty")
    module = importlib.import_module(f"pyadvspur.benchmarks.{_WRITERS[name]}")
    count = module.write(folder, per_class, seed)
    return count - ("missing" in damage(folder, seed).values()) if damaged else count


def damage(folder: str | Path, seed: int = 0) -> dict[Path, str]:
    """Spoil one image file in each of the ways that downloads go wrong: what was done, by path.

    "truncated": a quarter of the bytes is left, "empty": none, "a web page": an error page under an image's name,
    "missing": deleted. The files are drawn from all images under the folder.
    """
    from pyadvspur.benchmarks.material import generator

    images = sorted(path for path in Path(folder).rglob("*") if path.suffix.lower() in _IMAGES)
    ways = ("truncated", "empty", "a web page", "missing")
    if len(images) < len(ways):
        raise bad("datasets sample", "folder", f"{len(images)} images", f"at least {len(ways)}")
    chosen = generator(seed, len(images)).choice(len(images), len(ways), replace=False)
    done = {images[int(k)]: way for k, way in zip(chosen, ways)}
    for path, way in done.items():
        if way == "truncated":
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 4])
        elif way == "missing":
            path.unlink()
        else:
            path.write_bytes(b"" if way == "empty" else b"<!doctype html><title>404</title>")
    return done
