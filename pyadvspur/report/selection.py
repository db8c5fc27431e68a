"""Which of a run's numbers the tables and figures show, and how models are grouped. Pure functions of frames."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from pyadvspur.metrics.series import text_of

if TYPE_CHECKING:
    import pandas as pd

    from pyadvspur.metrics import Measure

#: kinds that say how much a model leans on spurious features, in the order of tables and panels
RELIANCE = (
    "bg_gap", "rfs", "rcs", "worst_group", "drop", "effective_robustness", "relative_gap", "relative_drop", "irfs",
)  # fmt: skip


@dataclass(frozen=True)
class Attacked:
    """A robust accuracy at the radius where the models differ most: one axis of the trade-off."""

    measure: str
    attack: str
    eps: float

    @property
    def norm(self) -> str:
        return norm_of(self.attack)

    def title(self, others: Iterable[Attacked]) -> str:
        """Norm and radius; the attack's whole name where another one has that norm."""
        alone = sum(other.norm == self.norm for other in others) <= 1
        return f"{self.norm if alone else self.attack} {radius(self.eps, self.norm)}"


def reliance(measures: list[Measure]) -> list[Measure]:
    """The first measure of each reliance kind: the panels of the trade-off."""
    found = {}
    for measure in measures:
        found.setdefault(measure.kind, measure)
    shown = [found[kind] for kind in RELIANCE if kind in found]
    shown += [m for kind, m in found.items() if kind not in RELIANCE and m.about.leans]  # of plug-ins
    # these repeat others; they are panels only where there is nothing else
    return [m for m in shown if m.kind not in ("relative_gap", "relative_drop", "irfs")] or shown


ACCURACIES = ("accuracy", "class_accuracy")


def main(measures: list[Measure], named: Iterable[str] = ()) -> list[Measure]:
    """The measures that a benchmark's main table has a column for, without robust accuracies; in order.

    First the first accuracy that is not one of the two a ratio such as RCS is made of; then, as the benchmark lists
    them, the metrics that are no accuracies; then means over classes and the accuracies that the metrics are made of;
    last, whatever else the benchmark asks for (`named`). Left to `details`: one level of a metric that another pools
    over levels (its conditions are some of the other's), repetitions, and variants, whose name goes on after another's
    with a comma ("RFS, std noise, val origin" beside "RFS, std noise").
    """
    clean = [m for m in measures if m.kind != "robust_accuracy"]
    kept = [m for k, m in enumerate(clean) if not _is_part(m, clean, k)]
    metrics = [m for m in kept if m.kind not in ACCURACIES]
    used = {s for m in metrics for s in _sets(m).values()}
    corrupted = {s for m in metrics if not m.about.percent for s in _sets(m).values()}
    accuracies = [m for m in kept if m.kind in ACCURACIES]
    first = [m for m in accuracies if not set(_sets(m).values()) & corrupted][:1]
    beside = [m for m in accuracies if m.kind == "class_accuracy" or set(_sets(m).values()) <= used]
    asked = [m for m in clean if m.name in set(named)]
    return list({m.name: m for m in (*first, *metrics, *beside, *asked)}.values())


def details(measures: list[Measure], named: Iterable[str] = ()) -> dict[str, list[Measure]]:
    """The measures that have no column in the main table, by kind."""
    shown, found = main(measures, named), {}
    for measure in measures:
        if measure.kind != "robust_accuracy" and measure not in shown:
            found.setdefault(measure.kind, []).append(measure)
    return found


def _is_part(measure: Measure, measures: list[Measure], place: int) -> bool:
    """One level of a pooled metric, a repetition, or a variant of another."""
    mine = _sets(measure)
    for k, other in enumerate(measures):
        if other is measure:
            continue
        theirs = _sets(other)
        if measure.kind in ACCURACIES:
            if any(mine["condition"] < s for s in theirs.values()):
                return True
        elif other.kind == measure.kind and all(mine[key] <= theirs[key] for key in mine):
            if mine != theirs:
                return True
            if k < place and other.params == measure.params:
                return True
        if other.kind == measure.kind and measure.name.startswith(f"{other.name}, "):
            return True
    return False


def _sets(measure: Measure) -> dict[str, frozenset[str]]:
    return {key: frozenset(measure.conditions(key)) for key in measure.condition_keys()}


def attacked(metrics: pd.DataFrame, measures: list[Measure]) -> dict[str, list[Attacked]]:
    """For every robust accuracy that was measured: one radius of each attack, where it spreads the models most."""
    found: dict[str, list[Attacked]] = {}
    for measure in measures:
        if measure.kind != "robust_accuracy":
            continue
        rows = metrics[metrics["measure"] == measure.name]
        for attack, cell in rows.groupby("attack", observed=True, sort=False):
            spread = cell.groupby("eps")["value"].std(ddof=0)
            if len(spread):
                eps = spread.idxmax() if spread.max() > 0 else spread.index[len(spread) // 2]
                found.setdefault(measure.name, []).append(Attacked(measure.name, str(attack), float(eps)))
    return found


def radius(eps: float, norm: str) -> str:
    """A radius as people write it: for linf 4/255 where it is a multiple of half of 1/255, else a short number. l1 and
    l2 radii are sums over pixels and never read in 255ths."""
    steps = eps * 255
    if norm == "linf" and eps > 0 and abs(steps * 2 - round(steps * 2)) < 1e-6 and steps <= 64:
        return f"{steps:g}/255"
    return f"{eps:.3g}"


def norm_of(attack: str) -> str:
    """The norm that an attack's name ends with ("apgd-dlr-linf"), also where a run's name follows in brackets."""
    return attack.partition(" (")[0].rpartition("-")[2]


def region_of(attack: str) -> str:
    """The part of an image that an attack may change ("pgd-foreground-l2"); "" = all of it."""
    words = attack.partition(" (")[0].split("-")
    return next((word for word in words if word in ("foreground", "background")), "")


def curves(metrics: pd.DataFrame, measures: list[Measure]) -> dict[str, dict[str, pd.DataFrame]]:
    """By robust accuracy and attack: the rows of all models and radii, where there are two radii or more."""
    found: dict[str, dict[str, pd.DataFrame]] = {}
    for measure in measures:
        rows = metrics[metrics["measure"] == measure.name]
        if measure.kind == "robust_accuracy":
            for attack, cell in rows.groupby("attack", observed=True, sort=False):
                if cell["eps"].nunique() > 1:
                    found.setdefault(measure.name, {})[str(attack)] = cell
    return found


def training_label(row: pd.Series) -> str:
    """A model's training radius as a point's label; "standard" without one."""
    norm, eps = row.get("norm"), row.get("eps")
    if not isinstance(norm, str) or norm in ("", "none", "standard") or not _positive(eps):
        return "standard" if _known(row) else str(row["model"])
    # linf radii are read in 255ths, and all labels of a line share their unit
    if norm == "linf":
        return f"{float(Fraction(eps * 255).limit_denominator(100)):g}/255"
    return f"{float(eps):.3g}"


def lines(models: pd.DataFrame) -> list[tuple[str, str, pd.DataFrame]]:
    """(norm, architecture, models by training radius): a standard model begins every line of its architecture. Where
    there are several training seeds, each has lines of its own, and its number goes with the architecture's name."""
    import pandas as pd

    known = models[models.apply(_known, axis=1)]
    seeds = [seed_of(row) for _, row in known.iterrows()]
    arches = known["arch"].fillna("").astype(str)
    if len(set(seeds)) > 1:
        parts = [(arch, f"seed {seed}" if seed else "") for arch, seed in zip(arches, seeds)]
        arches = pd.Series([" ".join(filter(None, part)) for part in parts], index=known.index)
    found = []
    for arch, group in known.groupby(arches, sort=True):
        trained = group[[isinstance(n, str) and _positive(e) for n, e in zip(group["norm"], group["eps"])]]
        standard = group.drop(trained.index)
        for norm, line in trained.groupby("norm", sort=True):
            ordered = line.assign(_eps=line["eps"].astype(float)).sort_values("_eps")
            found.append((str(norm), str(arch), pd.concat([standard, ordered])))
        if not len(trained) and len(standard):
            found.append(("standard", str(arch), standard))
    others = models.drop(known.index)
    if len(others):
        found.append(("other", "", others))
    return sorted(found, key=lambda item: (item[0], item[1]))


def seed_of(row: pd.Series) -> str:
    """The training seed as text; "" = not known."""
    return text_of(row.get("seed"))


def _known(row: pd.Series) -> bool:
    return isinstance(row.get("arch"), str) or isinstance(row.get("norm"), str)


def _positive(eps: object) -> bool:
    return isinstance(eps, (int, float)) and eps > 0
