"""Salient ImageNet's conditions and measures, as plain data made from style, trials and noise."""

from __future__ import annotations

from pyadvspur import masking
from pyadvspur.benchmarks import mask_state
from pyadvspur.benchmarks.base import Condition
from pyadvspur.metrics import Measure

STYLES = ("both", "iclr", "corm")
# an image whose mask is empty, or was not found, has nothing to corrupt; a full mask is noise on everything
_LEFT_OUT = {s: mask_state.NAMES[s] for s in (mask_state.EMPTY, mask_state.MISSING)}


def plan(style: str, trials: int, std: float) -> tuple[tuple[Condition, ...], tuple[Measure, ...]]:
    """Conditions, and the measures made of them: clean accuracy, CoRM's three, ICLR's four."""
    shown: list[Condition] = []
    made: list[Measure] = []

    def clean(source: str) -> str:
        shown.append(Condition(source, source))
        return source

    def noisy(source: str, region: str) -> list[str]:
        variant = masking.noise(region, std=std)
        found = [Condition(f"{source}/{variant.name}/{t}", source, variant, t) for t in range(trials)]
        shown.extend(found)
        return [condition.name for condition in found]

    def measure(kind: str, name: str, **conditions: str | list[str]) -> None:
        made.append(Measure(kind, name, leave_out=_LEFT_OUT, **conditions))

    first = clean("dilated" if style == "corm" else "core")
    measure("class_accuracy", "accuracy, core images", condition=first)
    if style != "iclr":
        core, other = noisy("dilated", "background"), noisy("dilated", "foreground")
        measure("rcs", "RCS", core=core, spurious=other)
        measure("class_accuracy", "core accuracy, CoRM", condition=core)
        measure("class_accuracy", "spurious accuracy, CoRM", condition=other)
    if style != "corm":
        measure("class_accuracy", "spurious accuracy, ICLR", condition=noisy("core", "foreground"))
        measure("class_accuracy", "accuracy, spurious images", condition=clean("spurious"))
        measure("class_accuracy", "core accuracy, ICLR", condition=noisy("spurious", "foreground"))
    made.append(Measure("robust_accuracy", "robust accuracy", condition=first))
    return tuple(shown), tuple(made)
