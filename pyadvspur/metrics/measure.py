"""What a benchmark measures, as plain data, and how each kind is computed from outcome rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyadvspur.errors import bad, unknown
from pyadvspur.metrics.kinds import CHOICES, Kind, find


class Measure:
    """One thing a benchmark measures: a kind, a name for tables, and the conditions it is computed from.

    >>> Measure("bg_gap", "BG-gap", same="mixed_same", rand="mixed_rand")
    >>> Measure("rfs", "RFS", fg=["fg noise 1", "fg noise 2"], bg=["bg noise 1", "bg noise 2"])
    >>> Measure("group_mean", "mean, training-weighted", condition="test", weights=[3498, 184, 56, 1057])

    Kinds and their parameters: accuracy, robust_accuracy, class_accuracy, worst_group (condition);
    group_accuracy (condition, group); group_mean (condition, weights: training counts by group, None = all
    groups alike); rfs, irfs (fg, bg); rcs (core, spurious); bg_gap, relative_gap (same, rand); drop,
    relative_drop, effective_robustness (reference, shifted; the last also trend = (slope, intercept) in logits).
    docs/metrics.md has the formulas.

    Conditions may be one name or a list; a list stands for the mean over its conditions (noise levels,
    trials). average: "classes" = mean over classes of class accuracies (how RFS and RCS are defined),
    "images" = mean over images. undefined: where a formula divides 0 by 0, "nan" (and a note that says why), or
    "published" = the 0 that its paper sets. leave_out: for any kind, {group: why}, images of these groups do not
    count, and the note says how many (for example images whose mask is empty). Frozen, hashable and JSON-able
    (`to_dict`, `from_dict`).
    """

    __slots__ = ("_params", "kind", "name")

    kind: str
    name: str

    def __init__(self, kind: str, name: str, **params: Any) -> None:
        about = find(kind, "metrics.Measure")
        required = (*about.conditions, *about.required)
        if missing := [key for key in required if key not in params]:
            raise bad(f"metrics.Measure({kind!r})", "params", sorted(params), f"also {', '.join(missing)}")
        if "leave_out" in params:
            params["leave_out"] = tuple(
                sorted((int(g), str(why)) for g, why in dict(params["leave_out"]).items())
            )
        for key in params:
            if key not in about.conditions and key not in about.options and key != "leave_out":
                raise unknown(
                    f"metrics.Measure({kind!r})", "parameter", key, (*about.conditions, *about.options)
                )
        params = {**about.options, **params}
        for key, taken in CHOICES.items():
            if key in params and params[key] not in taken:
                raise bad("metrics.Measure", key, repr(params[key]), " or ".join(map(repr, taken)))
        object.__setattr__(self, "kind", kind)
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "_params", tuple((key, _frozen(params[key])) for key in sorted(params)))

    @property
    def params(self) -> dict[str, Any]:
        """The parameters, lists as tuples."""
        return dict(self._params)

    def conditions(self, key: str) -> tuple[str, ...]:
        """The conditions behind a parameter, always as a tuple."""
        value = self.params[key]
        return (value,) if isinstance(value, str) else tuple(value)

    def condition_keys(self) -> tuple[str, ...]:
        """The parameters that name conditions, in the order of the formula's arguments."""
        return self.about.conditions

    @property
    def about(self) -> Kind:
        """What is known of its kind."""
        return find(self.kind)

    def to_dict(self) -> dict[str, Any]:
        return {"kind": self.kind, "name": self.name, **{k: _plain(v) for k, v in self._params}}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Measure:
        return cls(**data)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"Measure is frozen; cannot set {name!r}")

    def __reduce__(self):
        return _restore, (self.to_dict(),)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Measure) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash((self.kind, self.name, self._params))

    def __repr__(self) -> str:
        params = "".join(f", {key}={value!r}" for key, value in self._params)
        return f"Measure({self.kind!r}, {self.name!r}{params})"


def _restore(data: dict[str, Any]) -> Measure:
    return Measure.from_dict(data)


def _frozen(value: Any) -> Any:
    if isinstance(value, Mapping):  # weights by group number
        value = [value.get(g, 0.0) for g in range(max(value) + 1)]
    return tuple(value) if isinstance(value, (list, tuple)) else value


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
