"""How strong the noise is: the levels of both published code bases.

`std` is a standard deviation per pixel and channel (called "linf" in the original code); `l2` is the norm, over all
channels, of the noise on the region before the image is clamped. Pixels are in [0, 1], images 224x224.
"""

from __future__ import annotations

from typing import NamedTuple

from pyadvspur.errors import unknown


class Level(NamedTuple):
    """family: "std" or "l2". text: the size as published."""

    family: str
    value: float
    text: str

    @property
    def name(self) -> str:
        return f"{self.family}={self.text}"


def _std(*parts: int) -> tuple[Level, ...]:
    return tuple(Level("std", part / 255, f"{part}/255") for part in parts)


def _plain(family: str, *values: float) -> tuple[Level, ...]:
    return tuple(Level(family, float(value), f"{value:g}") for value in values)


#: Moayeri et al., CVPR 2022, the RIVAL10 code.
CVPR = (
    *_std(30, 60, 90, 120, 150, 180, 210),
    *_plain("l2", 25, 50, 75, 100, 125, 150, 175, 200),
)
#: Moayeri, Singla & Feizi, NeurIPS 2022, the Hard ImageNet code.
HARD = (
    *_plain("std", 0.125, 0.25, 0.375, 0.5, 0.625, 0.75),
    *_plain("l2", 30, 60, 90, 120, 150, 180),
)
#: One of each family: the Hard ImageNet code's default deviation, and a norm in the middle of both lists.
QUICK = (*_plain("std", 0.25), *_plain("l2", 100))

LISTS = {
    "published": CVPR,
    "hard": HARD,
    "all": tuple(dict.fromkeys((*CVPR, *HARD))),
    "quick": QUICK,
}


#: Height and width of the images that the lists are for.
SIDE = 224


def levels(name: str, side: int = SIDE) -> tuple[Level, ...]:
    """The levels of a list, std first, each family in rising order.

    side: of the images. A norm grows with the number of pixels, so on images of another side l2 levels are scaled by
    side / 224, which keeps the noise per pixel.
    """
    if name not in LISTS:
        raise unknown("benchmarks.Rival10", "levels", name, LISTS)
    chosen = sorted(LISTS[name], key=lambda level: (level.family != "std", level.value))
    if side == SIDE:
        return tuple(chosen)
    return tuple(_scaled(level, side / SIDE) if level.family == "l2" else level for level in chosen)


def _scaled(level: Level, factor: float) -> Level:
    value = float(f"{level.value * factor:.6g}")
    return Level(level.family, value, f"{value:g}")
