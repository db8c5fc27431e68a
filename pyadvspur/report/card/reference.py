"""The series that a card holds a model against: the 22 embedded networks, or the models of any run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pyadvspur.errors import AdvSpurError

if TYPE_CHECKING:
    import pandas as pd

    from pyadvspur.evaluation import Run

#: the committed table, written by `advspur experiment embedded-suite`; inside an installed package too
_TABLE = "experiments/embedded_suite/results/seed0.csv"
#: how it was made; a test evaluates again and compares
EMBEDDED_ATTACKS = ("l2:0.1,0.25,0.5,1(steps=20)", "linf:0.5/255,1/255,2/255,4/255(steps=20)")
EMBEDDED_DATA = "fd50e74212d420942fd2a839e595a8cb29f4a90a1a26a86f4f3bf8891776eb61"
_DIGITS = 4  # of the table


@dataclass(frozen=True)
class Reference:
    """title: in words, what it is and where it comes from. metrics: the columns of `metrics.summarise`. data:
    fingerprint by benchmark. attacks: names that `attacks.parse` reads. digits: that radii are rounded to."""

    title: str
    metrics: pd.DataFrame
    data: dict[str, str]
    attacks: tuple[str, ...]
    digits: int = 12

    @property
    def n(self) -> int:
        """How many models."""
        return int(self.metrics["model"].nunique())

    def without(self, model: str) -> Reference:
        """The others, where the model belongs to the series itself."""
        return replace(self, metrics=self.metrics[self.metrics["model"].astype(str) != model])

    def values(self, benchmark: str, measure: str, attack: str, eps: float) -> pd.Series:
        """What the models of the series have, one each; NaN where it is undefined."""
        rows = self.metrics
        rows = rows[
            (rows["benchmark"] == benchmark) & (rows["measure"] == measure) & (rows["attack"] == attack)
        ]
        return rows.loc[rows["eps"].round(self.digits) == round(eps, self.digits), "value"]


def embedded() -> Reference:
    """The 22 networks that ship, as the committed table of their evaluation says. Raises AdvSpurError without it."""
    import pandas as pd

    import pyadvspur

    places = [p / _TABLE for folder in pyadvspur.__path__ for p in (Path(folder), Path(folder).parent)]
    table = next((path for path in places if path.is_file()), None)
    if table is None:
        raise AdvSpurError(f"card: {_TABLE} is not installed beside this package; give a --reference run")
    frame = pd.read_csv(table).assign(benchmark="embedded")
    frame["model"] = "embedded:" + frame["model"]
    title = (
        f"the {frame['model'].nunique()} embedded networks, training seed 0: 700 images a condition, the first 200 "
        f"attacked, evaluation seed 0 ({_TABLE})"
    )
    return Reference(title, frame, {"embedded": EMBEDDED_DATA}, EMBEDDED_ATTACKS, _DIGITS)


def of_run(run: Run) -> Reference:
    """The models of a run."""
    n = len(run.plan.models)
    title = f"{n} model{'s' * (n != 1)} of the run {run.out} ({run.record['key'][:12]})"
    data = {b.name: b.fingerprint for b in run.plan.benchmarks}
    return Reference(title, run.metrics(), data, run.plan.attacks)


@dataclass(frozen=True)
class Standing:
    """Among n values of a series: how many are lower than, equal to, and higher than one value."""

    lower: int
    equal: int
    higher: int

    @property
    def n(self) -> int:
        return self.lower + self.equal + self.higher

    @property
    def percentile(self) -> float:
        """0 to 100; values that are equal count half."""
        return 100 * (self.lower + self.equal / 2) / self.n


def standing(value: float, values, digits: int = 12) -> Standing | None:
    """Where a value stands among those of a series (NaN left out, compared at `digits` digits); None among none."""
    import numpy as np

    values = np.round(np.asarray(values, dtype=np.float64), digits)
    values = values[~np.isnan(values)]
    if np.isnan(value) or not len(values):
        return None
    value = round(float(value), digits)
    return Standing(int((values < value).sum()), int((values == value).sum()), int((values > value).sum()))
