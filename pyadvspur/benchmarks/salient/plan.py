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
    """Conditions, and the measures made of them; RCS first."""
    shown: list[Condition] = []
    made: list[Measure] = []

    def noisy(source: str, region: str) -> list[str]:
        variant = masking.noise(region, std=std)
        found = [Condition(f"{source}/{variant.name}/{t}", source, variant, t) for t in range(trials)]
        shown.extend(found)
        return [condition.name for condition in found]

    def accuracy(name: str, condition: str | list[str]) -> None:
        made.append(Measure("class_accuracy", name, condition=condition, leave_out=_LEFT_OUT))

    if style != "iclr":
        if style == "corm":
            shown.append(Condition("dilated", "dilated"))
            accuracy("accuracy, core images", "dilated")
        core, other = noisy("dilated", "background"), noisy("dilated", "foreground")
        made.append(Measure("rcs", "RCS", core=core, spurious=other, leave_out=_LEFT_OUT))
        accuracy("core accuracy, CoRM", core)
        accuracy("spurious accuracy, CoRM", other)
    if style != "corm":
        for source, measured in (("core", "spurious"), ("spurious", "core")):
            shown.append(Condition(source, source))
            accuracy(f"accuracy, {source} images", source)
            accuracy(f"{measured} accuracy, ICLR", noisy(source, "foreground"))
    clean = next(c.name for c in shown if c.variant.kind == "clean")
    made.append(Measure("robust_accuracy", f"robust accuracy, {clean}", condition=clean))
    return tuple(shown), tuple(made)
