"""What a variant of an image is: plain data with a name that reads back."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pyadvspur.errors import bad, unknown

KINDS = ("clean", "noise", "fill", "swap")
REGIONS = ("foreground", "background", "everywhere")


@dataclass(frozen=True)
class Variant:
    """One way to show an image. Make it with `clean`, `noise`, `fill`, `swap` or `parse`.

    kind: one of KINDS. region: the part that changes, one of REGIONS. std or l2: size of the noise, in [0,1] pixel
    units. value: what `fill` puts there, in [0, 1]. Raises AdvSpurError for anything else.
    """

    kind: str = "clean"
    region: str = "everywhere"
    std: float | None = None
    l2: float | None = None
    value: float | None = None

    def __post_init__(self) -> None:
        where = f"masking.{self.kind}"
        if self.kind not in KINDS:
            raise unknown("masking.Variant", "kind", self.kind, KINDS)
        if self.region not in REGIONS:
            raise unknown(where, "region", self.region, REGIONS)
        if self.kind == "clean" and self.region != "everywhere":
            raise bad(where, "region", repr(self.region), "no region")
        if self.kind == "swap" and self.region == "everywhere":
            raise bad(where, "region", "'everywhere'", "'foreground' or 'background'")
        if self.kind == "noise" and (self.std is None) == (self.l2 is None):
            raise bad(where, "std and l2", f"{self.std} and {self.l2}", "exactly one of the two")
        for name, kind, high in (
            ("std", "noise", math.inf),
            ("l2", "noise", math.inf),
            ("value", "fill", 1.0),
        ):
            given = getattr(self, name)
            if self.kind != kind and given is not None:
                raise bad(where, name, given, "nothing", f"{name} belongs to {kind}")
            if given is None:
                continue
            if isinstance(given, bool) or not isinstance(given, (int, float)):
                raise bad(where, name, repr(given), "a number")
            if not (math.isfinite(given) and 0 <= given <= high):
                takes = "a number in [0, 1]" if high == 1.0 else "a finite number >= 0"
                raise bad(where, name, given, takes, "sizes are in [0,1] pixel units")
            object.__setattr__(self, name, float(given))
        if self.kind == "fill" and self.value is None:
            raise bad(where, "value", "nothing", "a number in [0, 1]")

    @property
    def name(self) -> str:
        """Stable text that `parse` reads back, for example 'noise(foreground,std=0.25)'."""
        if self.kind == "clean":
            return "clean"
        if self.kind == "swap":
            return f"swap({self.region})"
        if self.kind == "fill":
            return f"fill({self.region},{_text(self.value)})"
        size = f"std={_text(self.std)}" if self.std is not None else f"l2={_text(self.l2)}"
        return f"noise({self.region},{size})"

    @property
    def needs_mask(self) -> bool:
        return self.region != "everywhere"

    @property
    def is_noise(self) -> bool:
        return self.kind == "noise"

    def __str__(self) -> str:
        return self.name


def clean() -> Variant:
    """The image itself."""
    return Variant()


def noise(region: str, *, std: float | None = None, l2: float | None = None) -> Variant:
    """Gaussian noise on a region, by standard deviation per pixel or by l2 norm over the whole image.

    >>> noise("foreground", std=0.25).name
    'noise(foreground,std=0.25)'
    """
    return Variant("noise", region, std=std, l2=l2)


def fill(region: str, value: float) -> Variant:
    """A region painted with one grey value in [0, 1]."""
    return Variant("fill", region, value=value)


def swap(region: str = "background") -> Variant:
    """A region taken from a partner image."""
    return Variant("swap", region)


class Variants(Sequence):
    """An immutable sequence of variants, given as variants or as their names.

    >>> Variants([clean(), "fill(background,0.5)"]).names
    ('clean', 'fill(background,0.5)')
    """

    __slots__ = ("_items",)

    def __init__(self, variants: Iterable[Variant | str]) -> None:
        if isinstance(variants, (Variant, str)):
            variants = [variants]
        items = tuple(parse(v) if isinstance(v, str) else v for v in variants)
        for item in items:
            if not isinstance(item, Variant):
                raise bad("masking.Variants", "variants", repr(item), "variants or their names")
        if not items:
            raise bad("masking.Variants", "variants", "nothing", "at least one variant")
        self._items = items

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(v.name for v in self._items)

    @property
    def needs_masks(self) -> bool:
        return any(v.needs_mask for v in self._items)

    @property
    def needs_partners(self) -> bool:
        return any(v.kind == "swap" for v in self._items)

    def __getitem__(self, index):
        return Variants(self._items[index]) if isinstance(index, slice) else self._items[index]

    def __len__(self) -> int:
        return len(self._items)

    def __eq__(self, other) -> bool:
        return isinstance(other, Variants) and self._items == other._items

    def __hash__(self) -> int:
        return hash(self._items)

    def __repr__(self) -> str:
        return f"Variants([{', '.join(self.names)}])"


def parse(name: str) -> Variant:
    """The variant of a name. Sizes may be fractions.

    >>> parse("noise(background, std=30/255)") == noise("background", std=30 / 255)
    True

    Raises AdvSpurError if the name does not read.
    """
    match = re.fullmatch(r"\s*(\w+)\s*(?:\((.*)\))?\s*", name)
    if not match:
        raise bad(
            "masking.parse",
            "name",
            repr(name),
            "a variant's name",
            "For example 'noise(foreground,std=0.25)'.",
        )
    kind, inside = match.group(1), match.group(2)
    if kind not in KINDS:
        raise unknown("masking.parse", "name", kind, KINDS)
    words = [word.strip() for word in inside.split(",")] if inside and inside.strip() else []
    numbers: dict[str, float] = {}
    region = words.pop(0) if words and "=" not in words[0] and not _is_number(words[0]) else None
    for word in words:
        key, _, text = word.rpartition("=")
        key = key.strip() or "value"
        if key not in ("std", "l2", "value") or key in numbers or not _is_number(text):
            raise bad("masking.parse", "name", repr(name), "a region and std=, l2= or a value")
        numbers[key] = _number(text)
    default = {"clean": "everywhere", "swap": "background"}.get(kind)
    if region is None and default is None:
        raise bad("masking.parse", "name", repr(name), f"a region, one of {', '.join(REGIONS)}")
    return Variant(kind, region or default, **numbers)


def _text(number: float) -> str:
    return repr(number).removesuffix(".0")


def _is_number(text: str) -> bool:
    try:
        _number(text)
    except (ValueError, ZeroDivisionError):
        return False
    return True


def _number(text: str) -> float:
    top, slash, bottom = text.partition("/")
    return float(top) / float(bottom) if slash else float(top)
