"""The attacks that can take part in a run, by name, and the ensembles made of them. Plain data: reading a name
loads nothing.

A member's builder is `function(forward, norm, seed, **options) -> Searcher` (searcher.py). To add an attack, write a
Searcher and one line here, or a plug-in (docs/plugins.md); `Run`, sweeps, names and the command line then drive it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module

from pyadvspur import plugins
from pyadvspur.errors import bad, unknown

NORMS = ("linf", "l2", "l1")


@dataclass(frozen=True)
class Member:
    """One kind of attack.

    builder: "module:function". options: name -> default, which also gives the type (a whole number is >= 1, or >= 0
    where the default is 0). choices: the words that an option takes. effort: the option that counts its model calls a
    restart. needs_gradient: whether it refuses models that are not differentiable.
    """

    name: str
    builder: str
    options: Mapping[str, object]
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    effort: str = "steps"
    norms: tuple[str, ...] = NORMS
    needs_gradient: bool = True

    def build(self, forward, norm: str, seed: int, **options):
        """The Searcher of this member; options not given keep their defaults."""
        module, _, function = self.builder.partition(":")
        return getattr(import_module(module), function)(forward, norm, seed, **{**self.options, **options})


_LOSSES = ("ce", "margin", "dlr")
MEMBERS: dict[str, Member] = {
    member.name: member
    for member in (
        Member("pgd", "pyadvspur.attacks.pgd:build", {"steps": 40, "loss": "ce"}, {"loss": _LOSSES}),
        Member(
            "apgd", "pyadvspur.attacks.apgd:build",
            {"steps": 100, "loss": "ce", "n_targets": 9, "keep": 0, "screen": 0},
            {"loss": (*_LOSSES, "dlr_targeted")},
        ),
        Member(
            "fab", "pyadvspur.attacks.fab:build",
            {
                "steps": 100, "n_targets": 9, "kind": "targeted", "alpha_max": 0.1, "eta": 1.05, "beta": 0.9,
                "screen": 0,
            },
            {"kind": ("targeted", "untargeted")},
        ),
        Member(
            "square", "pyadvspur.attacks.square:build", {"queries": 5000, "p": 0.8, "loss": "margin", "screen": 0},
            {"loss": ("margin", "ce")}, effort="queries", needs_gradient=False,
        ),
    )
}  # fmt: skip

# Members in the order in which they run, each on what the earlier ones left standing.
# exhaustive: AutoAttack's composition with all of its budget, after cheap looks. standard: the same members, but whole
# runs only where there are prospects: APGD towards 3 classes of 9, FAB in linf and l2 towards those that APGD came
# nearest to, Square, in l2 APGD, and in l2 and l1 FAB as long as they come nearer fast enough (screen=1), and what
# climbs a loss only where the looks brought the margin down by half. docs/attacks.md says what that saves. fast: a
# tenth of the work.
_LOOK = "fab(steps=30,n_targets=1)"
_LOOKS = {
    "linf": ("pgd", _LOOK),
    "l2": ("pgd", _LOOK),
    "l1": ("pgd(steps=5)", "pgd(steps=10)", "apgd(steps=30)"),
}
_TOWARDS = "apgd(loss=dlr_targeted{},reach=0.5)"
_ALL = ("apgd", "apgd(loss=dlr_targeted)", "fab", "square")
PRESETS: dict[str, dict[str, tuple[str, ...]]] = {
    "standard": {
        "linf": (*_LOOKS["linf"], "apgd", _TOWARDS.format(",keep=3"), "fab(n_targets=3,reach=0.5)", "square(screen=1)"),
        "l2": (
            *_LOOKS["l2"], "apgd(screen=1)", _TOWARDS.format(",keep=3,screen=1"), "fab(screen=1)",
            "square(screen=1)",
        ),
        "l1": (
            *_LOOKS["l1"], "apgd", _TOWARDS.format(",n_targets=5,keep=3"), "fab(screen=1)",
            "apgd(restarts=3,reach=0.8)", "square(screen=1)",
        ),
    },
    "exhaustive": {
        "linf": (*_LOOKS["linf"], *_ALL),
        "l2": (*_LOOKS["l2"], *_ALL),
        "l1": (*_LOOKS["l1"], "apgd(restarts=5)", "apgd(loss=dlr_targeted,n_targets=5)", "fab", "square"),
    },
    "fast": {
        norm: (*_LOOKS[norm], "apgd(loss=dlr_targeted,steps=40,keep=1,reach=0.5)", "square(queries=500,screen=1)")
        for norm in NORMS
    },
}  # fmt: skip


def member(name: str, where: str = "attacks") -> Member:
    """The member of a name, a plug-in's included; unknown names raise AdvSpurError."""
    if name in MEMBERS:
        return MEMBERS[name]
    if name not in plugins.names("attacks", RESERVED):
        raise unknown(where, "attack", name, known())
    found = plugins.load("attacks", name)
    if not isinstance(found, Member) or found.name != name:
        raise bad(where, f"plug-in {name!r}", repr(found)[:80], f"an attacks.Member called {name!r}")
    return found


def known() -> tuple[str, ...]:
    """Every name that an attack can have."""
    return (*MEMBERS, *plugins.names("attacks", RESERVED), "ensemble")


#: names that no plug-in may take
RESERVED = frozenset((*MEMBERS, *PRESETS, "ensemble"))
