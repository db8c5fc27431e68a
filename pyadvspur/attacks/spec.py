"""Names of attacks: "linf:1/255,4/255" says the norm and the radii, and reads back the same."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from pyadvspur.attacks.members import NORMS, PRESETS, known, member
from pyadvspur.attacks.stage import (
    Stage,
    ensemble_stages,
    read_options,
    restarts_option,
    settle,
    whole,
)
from pyadvspur.errors import bad, unknown

_NUMBER = re.compile(r"(\d+\.?\d*|\.\d+)(e[+-]?\d+)?(/\d+)?", re.IGNORECASE)
_WHOLE = re.compile(r"\s*(\w+)\s*:\s*([^()]+?)\s*(?:\((.*)\))?\s*", re.DOTALL)
REGIONS = ("foreground", "background")
_FORM = (
    "a name such as 'linf:1/255,4/255', 'l2:0.5,1(steps=20,restarts=2)' or 'linf:8/255(ensemble=standard)'"
)


@dataclass(frozen=True)
class AttackSpec:
    """One attack at ascending radii.

    norm: "linf", "l2" or "l1". eps: radii in [0,1] pixel units, ascending. attack: a member ("pgd", "apgd", "fab",
    "square") or "ensemble". steps: None for the attack's own (40 of pgd, 100 of apgd); becomes that number.
    restarts: >= 1. options: what else the attack takes, name -> value; of an ensemble: preset, a name or names joined
    by "+". Kept as pairs, without defaults. region: "foreground" or "background", the only pixels that may change, by
    the masks of the data; None: all.
    """

    norm: str
    eps: tuple[float, ...]
    attack: str = "pgd"
    steps: int | None = None
    restarts: int = 1
    options: tuple[tuple[str, object], ...] | Mapping[str, object] = ()
    region: str | None = None

    def __post_init__(self) -> None:
        where = "attacks.AttackSpec"
        if self.norm not in NORMS:
            raise unknown(where, "norm", self.norm, NORMS)
        try:
            eps = tuple(float(e) for e in self.eps)
        except (TypeError, ValueError):
            eps = ()
        if not eps or any(not (math.isfinite(e) and e >= 0) for e in eps) or list(eps) != sorted(set(eps)):
            raise bad(where, "eps", self.eps, "one or more radii >= 0, ascending, none twice", "8/255, not 8")
        whole(where, "restarts", self.restarts)
        if self.region not in (None, *REGIONS):
            raise unknown(where, "region", str(self.region), REGIONS)
        if not isinstance(self.attack, str):
            hint = "Several: attack='ensemble', preset=['apgd', 'square']"
            raise bad(where, "attack", repr(self.attack), "the name of one attack", hint)
        options = {name: value for name, value in dict(self.options).items() if value is not None}
        if self.attack == "ensemble":
            options = self._ensemble(where, options)
        else:
            if self.steps is not None:
                options["steps"] = self.steps
            settled = dict(settle(where, self.attack, options))
            default = member(self.attack).options.get("steps")
            object.__setattr__(self, "steps", settled.pop("steps", default))
            options = tuple(settled.items())
        object.__setattr__(self, "eps", eps)
        object.__setattr__(self, "options", options)

    def _ensemble(self, where: str, options: dict[str, object]) -> tuple[tuple[str, object], ...]:
        if self.steps is not None:
            raise bad(
                where,
                "steps",
                self.steps,
                "nothing for an ensemble",
                "Members take their own: apgd(steps=50).",
            )
        if self.restarts != 1:
            raise bad(
                where,
                "restarts",
                self.restarts,
                "1 for an ensemble",
                "Members take their own: apgd(restarts=5).",
            )
        preset = options.pop("preset", "standard")
        if options:
            raise unknown(
                where, "option", next(iter(options)), ("preset",), "Members take their own: apgd(steps=50)."
            )
        if not isinstance(preset, (str, Sequence)):
            raise bad(where, "preset", repr(preset), "a name, or a list such as ['apgd', 'square']")
        stages = ensemble_stages(preset, self.norm, where)
        if not isinstance(preset, str) or preset not in PRESETS:
            preset = "+".join(one.name for one in stages)
        return (("preset", preset),)

    @property
    def stages(self) -> tuple[Stage, ...]:
        """What runs, in order."""
        if self.attack == "ensemble":
            return ensemble_stages(dict(self.options)["preset"], self.norm)
        steps = {} if self.steps is None else {"steps": self.steps}
        options = settle("attacks.AttackSpec", self.attack, {**steps, **dict(self.options)})
        return (Stage(self.attack, options, self.restarts),)

    @property
    def call(self) -> dict[str, object]:
        """Keyword arguments of `sweep` and `robust_accuracy`; a region takes a mask besides."""
        basic = {"norm": self.norm, "eps": self.eps, "attack": self.attack, "restarts": self.restarts}
        steps = {} if self.attack == "ensemble" or self.steps is None else {"steps": self.steps}
        return {**basic, **steps, **dict(self.options)}

    @property
    def work(self) -> int:
        """Model calls a sample that survives everything, about."""
        return len(self.eps) * sum(stage.work for stage in self.stages)

    @property
    def kind(self) -> str:
        """What an outcome row says under "attack": "pgd-linf", "apgd-dlr-linf", "ensemble-linf",
        "pgd-foreground-l2"."""
        words = [str(value) for _, value in self.options if isinstance(value, str) and value != "standard"]
        words += [self.region] if self.region else []
        return "-".join([self.attack, *words, self.norm])

    @property
    def name(self) -> str:
        """The string that `parse` reads back to an equal spec."""
        if self.attack == "ensemble":
            options = [f"ensemble={dict(self.options)['preset']}"]
        else:
            options = [] if self.attack == "pgd" else [self.attack]
            if self.steps != member(self.attack).options.get("steps"):
                options.append(f"steps={self.steps}")
            options += [f"{key}={value}" for key, value in [*self.options, *restarts_option(self.restarts)]]
        options += [f"region={self.region}"] if self.region else []
        tail = f"({','.join(options)})" if options else ""
        return f"{self.norm}:{','.join(_radius_name(e) for e in self.eps)}{tail}"


def _radius_name(eps: float) -> str:
    """The shortest text that reads back to the same float: k/255 where that is what it is."""
    over = eps * 255
    if eps and abs(over - round(over)) < 1e-9 and round(over) / 255 == eps and round(over) % 255:
        return f"{round(over)}/255"
    return repr(eps) if eps != int(eps) else str(int(eps))


def parse(text: str) -> AttackSpec:
    """Read "NORM:EPS[,EPS...][(option,...)]"; options are an attack's name, its own options, restarts=N and
    region=foreground or region=background; or ensemble=PRESET, or ensemble=MEMBER(...)+MEMBER(...), and a region.

    >>> parse("linf:1/255,4/255").eps == (1/255, 4/255)
    True
    >>> parse("l2:0.5(steps=20)").name
    'l2:0.5(steps=20)'
    >>> parse("linf:8/255(apgd,loss=dlr,restarts=2)").kind
    'apgd-dlr-linf'

    Raises AdvSpurError for unknown norms, attacks, options, malformed or descending radii, and linf radii over 1.
    """
    where = "attacks.parse"
    if isinstance(text, AttackSpec):
        return text
    match = _WHOLE.fullmatch(str(text))
    if not match:
        raise bad(where, "text", repr(text), _FORM)
    norm, radii, inside = match.groups()
    if norm not in NORMS:
        raise unknown(where, "norm", norm, NORMS)
    eps = tuple(_radius(r.strip(), text) for r in radii.split(","))
    if norm == "linf" and max(eps) > 1:
        raise bad(
            where, "text", repr(text), "radii up to 1 in linf", "They are in [0,1] pixel units: 4/255, not 4."
        )
    given = read_options(where, inside or "")
    names = [key for key, value in given.items() if value is None]
    for name in names:
        if name not in known():
            raise unknown(where, "attack", name, known())
        del given[name]
    if len(names) > 1:
        raise bad(where, "attack", " and ".join(names), "one attack", "Several: ensemble=apgd+square")
    if "ensemble" in given:
        if names:
            raise bad(where, "attack", f"{names[0]} and ensemble", "one of them")
        names, given["preset"] = ["ensemble"], given.pop("ensemble")
    restarts = whole(where, "restarts", given.pop("restarts", 1))
    region = given.pop("region", None)
    steps = given.pop("steps", None)
    steps = None if steps is None else whole(where, "steps", steps)
    return AttackSpec(norm, eps, (names or ["pgd"])[0], steps, restarts, given, region)


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
