"""The example images of a run as they go into a page: strips of the first images of each look, and whose they are."""

from __future__ import annotations

import base64
import io
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pyadvspur.errors import AdvSpurError
from pyadvspur.evaluation.store import Store

if TYPE_CHECKING:
    from pyadvspur.report.several import Runs

_LARGE = 1 << 20  # bytes of PNG in a page; beyond it, pictures of photographs' size are stored as JPEG


@dataclass(frozen=True)
class Picture:
    """A strip of `count` images side by side. place: its number in the page. source: a data URI.
    samples: the ids of its images, () = not known. width, height: in pixels; each image takes width / count of it, its
    gap included."""

    place: int
    source: str
    count: int
    width: int
    height: int
    samples: tuple[int, ...]


def pictures(runs: Runs) -> dict[str, dict[str, Picture]]:
    """By benchmark and condition; conditions that show the same images share one. Images that a licence wants in a
    border have it in the stored strip already, and keep it: strips are never cut."""
    found: dict[str, dict[str, tuple]] = {}
    total = 0
    for benchmark, conditions in runs.conditions().items():
        looks: dict[tuple, tuple] = {}
        for part, name, condition in conditions:
            png = Store(part.run.out).sample(name, condition.name)
            if png and not condition.trial:
                look = (condition.source, condition.variant)
                looks.setdefault(look, (png, part, name, condition))
        total += sum(len(look[0]) for look in looks.values())
        found[benchmark] = looks
    made: dict[str, dict[str, Picture]] = {}
    place = 0
    for benchmark, looks in found.items():
        ready = {}
        for look, given in looks.items():
            ready[look] = _picture(place, *given, small=total > _LARGE)
            place += ready[look] is not None
        made[benchmark] = {
            condition.name: ready[condition.source, condition.variant]
            for _, _, condition in runs.conditions()[benchmark]
            if not condition.trial and ready.get((condition.source, condition.variant))
        }
    return made


def _picture(place: int, png: bytes, part, benchmark: str, condition, small: bool) -> Picture | None:
    if png[:8] != b"\x89PNG\r\n\x1a\n" or len(png) < 24:
        return None
    width, height = struct.unpack(">II", png[16:24])
    gap = max(2, height // 16)
    count = round(width / (height + gap))
    if not count:
        return None
    kind = "png"
    if small and height > 48:
        png, kind = _jpeg(png), "jpeg"
    source = f"data:image/{kind};base64,{base64.b64encode(png).decode()}"
    samples = _samples(part.run, benchmark, condition)
    return Picture(place, source, count, width, height, tuple(samples[:count]))


def _jpeg(png: bytes) -> bytes:
    """Colours are not subsampled, so that borders keep theirs."""
    from PIL import Image

    held = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").save(held, "JPEG", quality=82, subsampling=0, optimize=True)
    return held.getvalue()


def _samples(run, benchmark: str, condition) -> list[int]:
    """The first usable samples of a condition, in the order in which its strip shows them."""
    store = Store(run.out)
    for unit in run.first_units(benchmark, condition.name):
        if store.path(unit).exists():
            try:
                rows = store.read([unit]).slice(0, 64)
            except (OSError, AdvSpurError):
                continue
            usable = np.array([not error for error in rows.column("error").to_pylist()], bool)
            return [int(s) for s in rows.column("sample").to_numpy()[usable]]
    return []
