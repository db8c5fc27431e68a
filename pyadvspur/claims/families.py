"""Which metrics speak of reliance on the background, for each benchmark."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from pyadvspur.metrics import Measure

if TYPE_CHECKING:
    from pyadvspur.evaluation import Run

#: in the order they are drawn: of RIVAL10, Salient ImageNet, ImageNet-9, Waterbirds and ObjectNet
KINDS = ("rfs", "rcs", "bg_gap", "worst_group", "drop", "effective_robustness")
#: after what the embedded suite's are called
STYLES = {
    "rfs": "RIVAL10 style", "rcs": "Salient ImageNet style", "bg_gap": "ImageNet-9 style",
    "worst_group": "Waterbirds style", "drop": "ObjectNet style", "effective_robustness": "ObjectNet style",
}  # fmt: skip


def family(run: Run, trend: tuple[float, float] | None = None) -> dict[str, list[Measure]]:
    """The measures of reliance of each benchmark in a run. trend: (slope, intercept) in logits of standard networks on
    the embedded suite, for effective robustness there."""
    found = {}
    for name, measures in run.measures().items():
        if name == "embedded":
            found[name] = embedded(trend)
        else:
            found[name] = chosen(measures, run.record["shown"].get(name, ()))
    return found


def embedded(trend: tuple[float, float] | None = None) -> list[Measure]:
    """One measure for each real benchmark's metric, on the embedded suite's own conditions."""
    on, off = ([f"original/noise({region},l2={level:g})" for level in (3, 6, 9)] for region in _REGIONS)
    corrupted, kept = (
        [f"original/noise({region},std={level:g})" for level in (0.1, 0.2)] for region in _REGIONS
    )
    measures = [
        Measure("rfs", "RFS", fg=on, bg=off),
        Measure("rcs", "RCS", core=kept, spurious=corrupted),
        Measure("bg_gap", "BG-gap", same="mixed_same", rand="mixed_rand"),
        Measure("worst_group", "worst group", condition="places"),
        Measure("drop", "drop", reference="original", shifted="shifted"),
    ]
    if trend is not None:
        pair = {"reference": "original", "shifted": "shifted"}
        measures.append(Measure("effective_robustness", "effective robustness", trend=tuple(trend), **pair))
    return measures


_REGIONS = ("foreground", "background")


def chosen(measures: Iterable[Measure], shown: Iterable[str]) -> list[Measure]:
    """Of a benchmark's measures those of reliance: the ones its main table shows; else the first of each kind."""
    measures, shown = list(measures), set(shown)
    found = []
    for kind in KINDS:
        mine = [measure for measure in measures if measure.kind == kind]
        found += [measure for measure in mine if measure.name in shown] or mine[:1]
    return found


def sides(measures: Iterable[Measure], expected: Mapping[str, str]) -> dict[str, str]:
    """Measure -> "above" (its trend should be positive) or "below"."""
    return {m.name: "above" if expected[m.kind] == "rises" else "below" for m in measures}
