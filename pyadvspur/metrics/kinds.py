"""The kinds of measures: which parameters each takes, which formula it applies, how it reads in a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pyadvspur import plugins
from pyadvspur.errors import bad, unknown
from pyadvspur.metrics import groups, reliance, shift

#: parameters that every kind of that name shares, with what they may be
CHOICES = {"average": ("images", "classes"), "undefined": ("nan", "published")}


@dataclass(frozen=True)
class Kind:
    """One kind of measure.

    conditions: parameters that name conditions (one name, or a list that stands for its mean), in the order of the
    formula's arguments. formula: column means -> value, element-wise over arrays of resampled means; called with
    the options it lists in `passes`.
    options: other parameters with their defaults; required: those among them that must be given.
    column: "correct", or "probability" of the label. per_image: the formula is applied to each image's outcomes, and
    the measure is the mean of that. grouped: the formula's arguments are the accuracies of the groups. bounds: the
    range of what is averaged. reason: (means, options) -> why there is no value, "" where there is one.
    counts: a plain share of images, which McNemar's test can compare.
    percent: a share of images or a difference of two, shown per cent. leans: "up" or "down", the direction of more
    reliance on backgrounds and other spurious features; "" where it says nothing of that.
    meaning: one line for a reader of a figure. explained: formula, interval and source for a reader of the report.
    """

    conditions: tuple[str, ...]
    formula: Callable[..., Any] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    passes: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    column: str = "correct"
    per_image: bool = False
    grouped: bool = False
    counts: bool = False
    bounds: tuple[float, float] = (0.0, 1.0)
    reason: Callable[..., str] | None = None
    percent: bool = True
    leans: str = ""
    meaning: str = ""
    explained: str = ""


_IMAGES, _CLASSES = {"average": "images"}, {"average": "classes"}
_TREND = (shift.OBJECTNET_TREND.slope, shift.OBJECTNET_TREND.intercept)
_PAIRS = "images resampled in pairs"

KINDS: dict[str, Kind] = {
    "accuracy": Kind(
        ("condition",), reliance.same, counts=True,
        explained="share of images whose class is predicted; Wilson interval"
    ),
    "robust_accuracy": Kind(
        ("condition",), reliance.same, counts=True,
        explained="share of images for which no attack inside the ball was found; Wilson interval; an upper bound",
    ),
    "class_accuracy": Kind(
        ("condition",), reliance.same, _CLASSES, explained="mean over classes of class accuracies"
    ),
    "group_accuracy": Kind(
        ("condition",), reliance.same, options={"group": None}, required=("group",), grouped=True, counts=True,
        explained="share of a group's images whose class is predicted; Wilson interval",
    ),
    "group_mean": Kind(
        ("condition",), groups.weighted, {"weights": None}, grouped=True,
        explained="mean over groups weighted by their share of the training set (Sagawa et al. 2020)",
    ),
    "worst_group": Kind(
        ("condition",), groups.lowest, grouped=True, leans="down",
        meaning="lower leans more on what the groups differ in",
        explained="lowest accuracy over groups (Sagawa et al. 2020); simultaneous Wilson intervals",
    ),
    "rfs": Kind(
        ("fg", "bg"), reliance.rfs, {**_CLASSES, "undefined": "nan"}, ("undefined",), percent=False, leans="down",
        reason=reliance.no_room, meaning="lower leans more on backgrounds",
        explained="relative foreground sensitivity (a_bg - a_fg) / (2 min(a, 1 - a)), a the mean of accuracy under "
        f"background noise a_bg and under foreground noise a_fg (Moayeri et al. 2022); {_PAIRS}",
    ),
    "irfs": Kind(
        ("fg", "bg"), reliance.irfs, {**_IMAGES, "undefined": "published"}, ("undefined",), column="probability",
        per_image=True, bounds=(-1.0, 1.0), percent=False, leans="down", meaning="lower leans more on backgrounds",
        explained="the same formula for each image's probability of its label, averaged (Moayeri et al. 2022)",
    ),
    "rcs": Kind(
        ("core", "spurious"), reliance.rcs, {**_CLASSES, "undefined": "nan"}, ("undefined",), percent=False,
        leans="down", reason=reliance.no_room, meaning="lower leans more on spurious features",
        explained="relative core sensitivity, the formula of RFS for core and spurious regions (Singla et al. 2022)",
    ),
    "bg_gap": Kind(
        ("same", "rand"), reliance.bg_gap, _IMAGES, leans="up",
        meaning="points of accuracy lost; higher leans more on backgrounds",
        explained=f"accuracy with agreeing backgrounds minus with others (Xiao et al. 2021); {_PAIRS}",
    ),
    "relative_gap": Kind(
        ("same", "rand"), reliance.relative_gap, _IMAGES, leans="up", reason=reliance.no_reference,
        meaning="share of accuracy lost; higher leans more on backgrounds",
        explained=f"the same gap over the accuracy with agreeing backgrounds; {_PAIRS}",
    ),
    "drop": Kind(
        ("reference", "shifted"), shift.drop, _IMAGES, leans="up",
        meaning="points of accuracy lost; higher leans more on what the shift changes",
        explained="accuracy on the reference images minus on the shifted ones (Barbu et al. 2019); images resampled",
    ),
    "relative_drop": Kind(
        ("reference", "shifted"), shift.relative_drop, _IMAGES, leans="up", reason=reliance.no_reference,
        meaning="share of accuracy lost; higher leans more on what the shift changes",
        explained="the drop over the reference accuracy; images resampled",
    ),
    "effective_robustness": Kind(
        ("reference", "shifted"), shift.excess,
        {**_IMAGES, "trend": _TREND}, ("trend",),
        reason=shift.no_logit, leans="down",
        meaning="points above the trend of standard models; lower keeps less than accuracy promises",
        explained="accuracy under the shift beyond what the trend of standard models predicts from the reference "
        "accuracy (Taori et al. 2020); images resampled, the trend taken as given",
    ),
}  # fmt: skip


_OWN = frozenset(KINDS)


def find(name: str, where: str = "metrics") -> Kind:
    """A kind by name; a plug-in's is registered when first asked for."""
    if name not in KINDS:
        more = plugins.names("metrics", _OWN)
        if name not in more:
            raise unknown(where, "kind", name, (*KINDS, *more))
        register(name, plugins.load("metrics", name))
    return KINDS[name]


def register(name: str, kind: Kind) -> None:
    """Add a kind, so that `Measure(name, ...)` and everything after it know it. Raises if another has the name."""
    if not isinstance(kind, Kind):
        raise bad("metrics.register", f"kind {name!r}", repr(kind)[:80], "a metrics.Kind")
    if name not in _OWN and (kind.formula is None or "average" not in kind.options):
        takes = "a formula, and 'average' among its options ('images' or 'classes')"
        raise bad("metrics.register", f"kind {name!r}", "neither or one of them", takes)
    if KINDS.get(name, kind) != kind:
        raise bad("metrics.register", "name", repr(name), "a name that no other kind has")
    KINDS[name] = kind
