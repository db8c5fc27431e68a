"""Series of networks: one norm, architecture and training seed, in the order of the training radius."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any

from pyadvspur.errors import bad

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Series:
    """models by training radius; the standard network of the architecture and seed first, with radius 0.

    norm, arch, seed: as text, "" = not known. radii: in the norm's pixel units.
    """

    norm: str
    arch: str
    seed: str
    models: tuple[str, ...]
    radii: tuple[float, ...]

    @property
    def name(self) -> str:
        """Norm, architecture and seed in words."""
        seed = f"seed {self.seed}" if self.seed else ""
        return " ".join(part for part in (self.norm, self.arch, seed) if part)


def find_series(models: pd.DataFrame, least: int = 3) -> list[Series]:
    """The series among models that have `least` or more different radii, the standard network's 0 included.

    models: one row a model with columns model, norm, eps, and arch, seed where known (`Run.models()`). A model without
    a norm or with eps 0 is a standard one if its arch or norm is known; models of which nothing is known are in none.
    """
    if missing := [name for name in ("model", "norm", "eps") if name not in models.columns]:
        raise bad("metrics.find_series", "models", f"columns without {', '.join(missing)}", "`Run.models()`")
    standard: dict[tuple[str, str], list[str]] = {}
    trained: dict[tuple[str, str, str], list[tuple[float, str]]] = {}
    for row in models.drop_duplicates("model").to_dict("records"):
        norm, arch, seed = text_of(row["norm"]), text_of(row.get("arch")), text_of(row.get("seed"))
        if is_positive(row["eps"]) and norm not in ("", "none", "standard"):
            trained.setdefault((norm, arch, seed), []).append((float(row["eps"]), str(row["model"])))
        elif arch or norm:
            standard.setdefault((arch, seed), []).append(str(row["model"]))
    found = []
    for (norm, arch, seed), members in sorted(trained.items()):
        line = [(0.0, name) for name in standard.get((arch, seed), [])] + sorted(members)
        if len({eps for eps, _ in line}) >= least:
            found.append(Series(norm, arch, seed, tuple(n for _, n in line), tuple(eps for eps, _ in line)))
    return found


def clusters(series: list[Series]) -> list[list[int]]:
    """Places of series that share a network (the standard one) in one list: they do not vary independently."""
    found: list[tuple[set[str], list[int]]] = []
    for place, one in enumerate(series):
        names, places = set(one.models), [place]
        apart = []
        for held in found:
            if held[0] & names:
                names, places = names | held[0], held[1] + places
            else:
                apart.append(held)
        found = [*apart, (names, places)]
    return sorted((places for _, places in found), key=lambda places: places[0])


def text_of(value: Any) -> str:
    """A name or number of a frame's cell as text; "" where nothing is known."""
    if value is None or (isinstance(value, float) and not isfinite(value)):
        return ""
    return str(int(value)) if isinstance(value, float) and value == int(value) else str(value)


def is_positive(eps: Any) -> bool:
    """Whether a cell holds a training radius above 0."""
    try:
        return float(eps) > 0
    except (TypeError, ValueError):
        return False
