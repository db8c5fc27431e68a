"""Stages: a member of a run with its options, and their names: "apgd(loss=dlr,steps=50,restarts=2)"."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pyadvspur.attacks.members import PRESETS, Member, known, member
from pyadvspur.errors import bad, unknown

SHORT = 8  # a first look of a targeted search at a class takes this part of its steps
_ONE = re.compile(r"\s*(\w+)\s*(?:\((.*)\))?\s*", re.DOTALL)


@dataclass(frozen=True)
class Stage:
    """A member, its options where they differ from its defaults, and how often it starts.

    reach: 0, or which samples it takes: those whose margin earlier members brought down by this share of the clean one.
    """

    attack: str
    options: tuple[tuple[str, object], ...] = ()
    restarts: int = 1
    reach: float = 0.0

    @property
    def member(self) -> Member:
        return member(self.attack)

    @property
    def name(self) -> str:
        """What `stage` reads back to an equal Stage."""
        reach = [("reach", self.reach)] if self.reach else []
        return self.attack + written([*self.options, *restarts_option(self.restarts), *reach])

    @property
    def work(self) -> int:
        """Model calls a sample that survives, about; what `reach` leaves out is not known beforehand."""
        options = {**self.member.options, **dict(self.options)}
        effort = int(options[self.member.effort])
        if options.get("loss") == "dlr_targeted":
            runs, keep = int(options["n_targets"]), int(options["keep"])
            if 0 < keep < runs:  # a short run for each, whole ones for some
                return (runs * max(effort // SHORT, 1) + keep * effort) * self.restarts
            return runs * effort * self.restarts
        if self.attack == "fab":
            return int(options["n_targets"]) * effort * self.restarts
        if self.attack == "apgd":
            return effort * self.restarts
        return (effort // 5 if options.get("screen") else effort) * self.restarts


def restarts_option(restarts: int) -> list[tuple[str, object]]:
    return [("restarts", restarts)] if restarts != 1 else []


def written(options) -> str:
    """ "(key=value,...)", or nothing."""
    inside = ",".join(f"{key}={value}" for key, value in options)
    return f"({inside})" if inside else ""


def cut(text: str, at: str) -> list[str]:
    """Parts of a text between separators that stand outside all brackets."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if letter == at and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]


def read_options(where: str, text: str) -> dict[str, str | None]:
    """ "a=1,b" as {"a": "1", "b": None}; an option twice is refused."""
    found: dict[str, str | None] = {}
    for part in filter(None, cut(text, ",")):
        key, equal, value = (piece.strip() for piece in part.partition("="))
        if key in found:
            raise bad(where, key, f"twice in {text!r}", "one value")
        found[key] = value if equal else None
    return found


def settle(where: str, attack: str, given: Mapping[str, object]) -> tuple[tuple[str, object], ...]:
    """Options of a member, checked, without those that are its defaults, in the order of its registry."""
    about = member(attack, where)
    for name in given:
        if name not in about.options:
            raise unknown(where, "option", name, (*about.options, "restarts"), f"Options of {attack!r}.")
    settled = []
    for name, default in about.options.items():
        value = given.get(name)
        if value is None:
            continue
        value = _value(where, name, value, default, about.choices.get(name))
        if value != default:
            settled.append((name, value))
    return tuple(settled)


def _value(where: str, name: str, value: object, default: object, choices: tuple[str, ...] | None) -> object:
    if choices is not None:
        if value not in choices:
            raise unknown(where, name, value, choices)
        return value
    if isinstance(default, int):
        return whole(where, name, value, min(default, 1))
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        number = float("nan")
    if not 0 <= number < float("inf"):
        raise bad(where, name, repr(value), "a number >= 0")
    return number


def whole(where: str, name: str, value: object, least: int = 1) -> int:
    """A whole number, from itself or from its digits."""
    if isinstance(value, str) and value.isdigit():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise bad(where, name, repr(value), f"an integer >= {least}")
    return value


def stage(text: str, where: str = "attacks.stage") -> Stage:
    """Read "MEMBER" or "MEMBER(option=value,...,restarts=N,reach=SHARE)"."""
    if isinstance(text, Stage):
        return text
    match = _ONE.fullmatch(str(text))
    if not match:
        raise bad(where, "attack", repr(text), "a name such as 'apgd' or 'apgd(loss=dlr,steps=50)'")
    attack, inside = match.groups()
    given = read_options(where, inside or "")
    if missing := [name for name, value in given.items() if value is None]:
        raise bad(where, "option", repr(missing[0]), "name=value")
    restarts = whole(where, "restarts", given.pop("restarts", 1))
    reach = _value(where, "reach", given.pop("reach", 0.0), 0.0, None)
    if reach > 1:
        raise bad(where, "reach", reach, "a share of the clean margin in [0, 1]")
    return Stage(attack, settle(where, attack, given), restarts, reach)


def ensemble_stages(preset, norm: str, where: str = "attacks.ensemble") -> tuple[Stage, ...]:
    """The stages of a preset's name, of names joined by "+", or of a sequence of names or Stages."""
    if isinstance(preset, str):
        if preset in PRESETS:
            preset = PRESETS[preset][norm]
        else:
            preset = cut(preset, "+")
            names = (*PRESETS, *known()[:-1])
            if len(preset) == 1 and "(" not in preset[0] and preset[0] not in names:
                raise unknown(where, "preset", preset[0], names)
    stages = tuple(stage(one, where) for one in preset)
    if not stages:
        raise bad(
            where, "preset", "no members", f"one of {list(PRESETS)} or a list such as ['apgd', 'square']"
        )
    return stages
