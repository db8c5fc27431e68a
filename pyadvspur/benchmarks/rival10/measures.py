"""RIVAL10's conditions and measures, as plain data made from sources, levels and trials."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pyadvspur import masking
from pyadvspur.benchmarks.base import Condition
from pyadvspur.benchmarks.mask_state import UNUSABLE
from pyadvspur.benchmarks.rival10.levels import Level
from pyadvspur.metrics import Measure

REGIONS = ("foreground", "background")
FAMILIES = ("std", "l2")


def conditions(source: str, levels: Iterable[Level], trials: int) -> list[Condition]:
    """The source as it is, then under noise: each level, region and trial."""
    found = [Condition(source, source)]
    for level in levels:
        for region in REGIONS:
            variant = masking.noise(region, **{level.family: level.value})
            found += [Condition(_name(source, region, level, t), source, variant, t) for t in range(trials)]
    return found


def pooled(source: str, title: str, levels: Sequence[Level], trials: int) -> list[Measure]:
    """Clean accuracy, and RFS and iRFS over all levels of each family. All but iRFS are means over classes.

    title: what follows a measure's name, empty for the main source. Pooled: accuracies are averaged over levels and
    trials first, then one RFS is made of the two averages.
    """
    found = [Measure("class_accuracy", f"accuracy{title}", condition=source)]
    for kind, name in (("rfs", "RFS"), ("irfs", "iRFS")):
        for family in FAMILIES:
            if chosen := [level for level in levels if level.family == family]:
                regions = _regions(source, chosen, trials)
                found.append(Measure(kind, f"{name}, {family} noise{title}", leave_out=UNUSABLE, **regions))
    return found


def by_level(source: str, title: str, levels: Sequence[Level], trials: int) -> list[Measure]:
    """Accuracy under noise on either region, and RFS, level by level; means over classes."""
    found = []
    for level in levels:
        regions = _regions(source, [level], trials)
        for region, short in zip(REGIONS, ("fg", "bg")):
            name = f"accuracy, {region} {level.name}{title}"
            found.append(Measure("class_accuracy", name, condition=regions[short], leave_out=UNUSABLE))
        found.append(Measure("rfs", f"RFS, {level.name}{title}", leave_out=UNUSABLE, **regions))
    return found


def _regions(source: str, levels: Sequence[Level], trials: int) -> dict[str, list[str]]:
    return {
        short: [_name(source, region, level, t) for level in levels for t in range(trials)]
        for short, region in zip(("fg", "bg"), REGIONS)
    }


def _name(source: str, region: str, level: Level, trial: int) -> str:
    return f"{source}/noise({region},{level.name})/{trial}"
