"""Small generated copies of benchmarks in their true layouts: `advspur datasets sample NAME DIR`."""

from __future__ import annotations

import importlib
from pathlib import Path

from pyadvspur.errors import bad, unknown

#: name -> module with write(folder, per_class, seed) -> number of files
_WRITERS = {
    "imagenet9": "imagenet9.sample",
    "rival10": "rival10.sample",
    "waterbirds": "waterbirds.sample",
}


def sample(name: str, folder: str | Path, per_class: int = 4, seed: int = 0) -> int:
    """Write a small copy of a benchmark, made of embedded digits and photographs. Returns the number of files.

    folder: must not exist or be empty. per_class: images a class and variation, 1 to 450. The same arguments give
    the same files.
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
    return module.write(folder, per_class, seed)
