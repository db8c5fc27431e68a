"""Names of attacks: "linf:1/255,4/255" says the norm and the radii, and reads back the same."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction

from pyadvspur.errors import bad, unknown

NORMS = ("linf", "l2", "l1")
ATTACKS = ("pgd",)
_NUMBER = re.compile(r"(\d+\.?\d*|\.\d+)(e[+-]?\d+)?(/\d+)?", re.IGNORECASE)
_FORM = "a name such as 'linf:1/255,4/255' or 'l2:0.5,1(steps=20,restarts=2)'"


@dataclass(frozen=True)
class AttackSpec:
    """One attack at ascending radii.

    norm: "linf", "l2" or "l1". eps: radii in [0,1] pixel units, ascending. attack: "pgd". steps, restarts: >=
    1.
    """

    norm: str
    eps: tuple[float, ...]
    attack: str = "pgd"
    steps: int = 40
    restarts: int = 1

    def __post_init__(self) -> None:
        where = "attacks.AttackSpec"
        if self.norm not in NORMS:
            raise unknown(where, "norm", self.norm, NORMS)
        if self.attack not in ATTACKS:
            raise unknown(where, "attack", self.attack, ATTACKS)
        eps = tuple(float(e) for e in self.eps)
        if not eps or any(not (math.isfinite(e) and e >= 0) for e in eps) or list(eps) != sorted(set(eps)):
            raise bad(where, "eps", self.eps, "one or more radii >= 0, ascending, none twice", "8/255, not 8")
        object.__setattr__(self, "eps", eps)
        for name in ("steps", "restarts"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise bad(where, name, value, "an integer >= 1")

    @property
    def kind(self) -> str:
        """What an outcome row says under "attack": "pgd-linf"."""
        return f"{self.attack}-{self.norm}"

    @property
    def name(self) -> str:
        """The string that `parse` reads back to an equal spec."""
        options = []
        if self.attack != "pgd":
            options.append(self.attack)
        if self.steps != 40:
            options.append(f"steps={self.steps}")
        if self.restarts != 1:
            options.append(f"restarts={self.restarts}")
        tail = f"({','.join(options)})" if options else ""
        return f"{self.norm}:{','.join(_radius_name(e) for e in self.eps)}{tail}"


def _radius_name(eps: float) -> str:
    """The shortest text that reads back to the same float: k/255 where that is what it is."""
    over = eps * 255
    if eps and abs(over - round(over)) < 1e-9 and round(over) / 255 == eps and round(over) % 255:
        return f"{round(over)}/255"
    return repr(eps) if eps != int(eps) else str(int(eps))


def parse(text: str) -> AttackSpec:
    """Read "NORM:EPS[,EPS...][(option,...)]"; options are an attack's name, steps=N and restarts=N.

    >>> parse("linf:1/255,4/255").eps == (1/255, 4/255)
    True
    >>> parse("l2:0.5(steps=20)").name
    'l2:0.5(steps=20)'

    Raises AdvSpurError for unknown norms, attacks, options and malformed or descending radii.
    """
    where = "attacks.parse"
    if isinstance(text, AttackSpec):
        return text
    match = re.fullmatch(r"\s*(\w+)\s*:\s*([^()]+?)\s*(?:\(([^()]*)\))?\s*", str(text))
    if not match:
        raise bad(where, "text", repr(text), _FORM)
    norm, radii, options = match.groups()
    if norm not in NORMS:
        raise unknown(where, "norm", norm, NORMS)
    keywords: dict[str, object] = {}
    for option in filter(None, (o.strip() for o in (options or "").split(","))):
        key, equal, value = option.partition("=")
        if not equal:
            if key not in ATTACKS:
                raise unknown(where, "attack", key, ATTACKS)
            keywords["attack"] = key
        elif key not in ("steps", "restarts"):
            raise unknown(where, "option", key, ("steps", "restarts"))
        elif not value.isdigit():
            raise bad(where, key, repr(value), "an integer >= 1")
        else:
            keywords[key] = int(value)
    return AttackSpec(norm, tuple(_radius(r.strip(), text) for r in radii.split(",")), **keywords)


def _radius(text: str, whole: str) -> float:
    if not _NUMBER.fullmatch(text):
        raise bad("attacks.parse", "text", repr(whole), _FORM, f"{text!r} is not a radius")
    top, _, bottom = text.partition("/")
    if not bottom:
        return float(top)
    if int(bottom) == 0:
        raise bad("attacks.parse", "text", repr(whole), _FORM, f"{text!r} divides by zero")
    return (
        float(top) / int(bottom)
        if "." in top or "e" in top.lower()
        else float(Fraction(int(top), int(bottom)))
    )
