"""A run on disk: its outcomes, metrics and progress as frames."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from pyadvspur.errors import AdvSpurError
from pyadvspur.evaluation import joined
from pyadvspur.evaluation.store import Store

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from pyadvspur.evaluation.unit import Unit
    from pyadvspur.metrics import Measure


class Run:
    """What `evaluate` returns, and what `evaluation.load(folder)` finds again: everything is read from the folder."""

    def __init__(self, out: str | os.PathLike) -> None:
        self._store = Store(out)
        self.plan, self.record = self._store.load()
        self.out = self._store.root
        self._units = self.plan.units()
        self._read: tuple[int, pd.DataFrame] | None = None  # how many parts the kept outcomes rest on
        self._derived: tuple[int, pd.DataFrame] | None = None

    def __repr__(self) -> str:
        names = ", ".join(b.name for b in self.plan.benchmarks)
        return f"Run({str(self.out)!r}: {len(self.plan.models)} models on {names})"

    def outcomes(self) -> pd.DataFrame:
        """One row a model, benchmark, condition, attack, radius, trial and sample.

        Columns: model, benchmark, condition, attack ("none" or, say, "pgd-linf"), eps (0 without attack), trial,
        sample, label, group (-1 = none), prediction (class; -1 = an output of no class), probability (of the label;
        NaN under attack), margin (best logit of the label minus best other), correct, distance (of the attacked
        image from the clean one, in the attack's norm), steps (attack steps, all radii together), error (why the image
        could not be used, "" = it could; then prediction is -3, correct False, and no metric counts the row).
        Under attack, `correct` says that no point in the ball was found that the float32 model gets wrong.
        """
        there = self._store.keys()
        units = [unit for unit in self._units if unit.key in there]
        if self._read and self._read[0] == len(units):
            return self._read[1].copy()
        table = joined.read(self._store, units)
        frame = (self._store.read(units) if table is None else table).to_pandas()
        keys = ["model", "benchmark", "condition", "attack", "eps", "sample"]
        if frame.duplicated(keys).any():
            raise AdvSpurError(
                f"evaluation: {str(self.out)!r} holds a sample twice; its benchmark repeats an id"
            )
        self._read = (len(units), frame)
        return frame.copy()

    def metrics(
        self, measures: Iterable[Measure] | Mapping[str, Iterable[Measure]] | None = None
    ) -> pd.DataFrame:
        """The benchmarks' measures (or others) with intervals, see `metrics.summarise`."""
        from pyadvspur.metrics import summarise

        outcomes = self.outcomes()
        if measures is not None:
            return summarise(outcomes, measures)
        if self._derived is None or self._derived[0] != len(outcomes):
            self._derived = (len(outcomes), summarise(outcomes, self.measures()))
        return self._derived[1].copy()

    def compare(self, model_a: str, model_b: str, **options: Any) -> pd.DataFrame:
        """Every measure of one model minus another's, on the images that both were shown, with paired intervals.

        options: those of `metrics.compare` (both_right, level, interval, mid_p).
        """
        from pyadvspur.metrics import compare

        return compare(self.outcomes(), model_a, model_b, self.measures(), **options)

    def measures(self) -> dict[str, list[Measure]]:
        """What each benchmark measures, as it was when the run was started. A kind whose plug-in is gone is left out,
        with a warning that names it: the outcomes are all there."""
        from pyadvspur.metrics import Measure

        found: dict[str, list[Measure]] = {}
        for name, given in self.record["measures"].items():
            found[name] = []
            for data in given:
                try:
                    found[name].append(Measure.from_dict(data))
                except AdvSpurError as error:
                    text = f"{self.out}: measure {data.get('name')!r} is left out: {error}"
                    warnings.warn(text, stacklevel=2)
        return found

    def gradients(self) -> pd.DataFrame:
        """One row a benchmark, model, condition and attack with gradients: the counts of `attacks.GradientReport` over
        all samples, and `warning`, one line where they speak against the robust accuracy, else ""."""
        import pandas as pd

        from pyadvspur.gradient_report import GradientReport

        found: dict[tuple[str, ...], GradientReport] = {}
        signs = joined.signs(self._store, self._units)
        for unit in self._units:
            if unit.attack != "none" and unit.key in signs:
                key = (unit.benchmark, unit.model, unit.condition, unit.attack)
                found[key] = found.get(key, GradientReport()) + GradientReport(**signs[unit.key])
        names = ["benchmark", "model", "condition", "attack"]
        counts = [field.name for field in fields(GradientReport)]
        rows = [{**dict(zip(names, key)), **asdict(r), "warning": r.text} for key, r in found.items()]
        return pd.DataFrame(rows, columns=[*names, *counts, "warning"])

    def models(self) -> pd.DataFrame:
        """One row a model: name, and what is known of its training (norm, eps, arch, seed)."""
        import pandas as pd

        info = self.record["training"]
        frame = pd.DataFrame([{"model": name, **info.get(name, {})} for name, _ in self.plan.models])
        for column in ("norm", "eps", "arch", "seed"):
            if column not in frame:
                frame[column] = None
        return frame

    def progress(self) -> pd.DataFrame:
        """One row a benchmark, model, condition and attack: samples, samples done, failed, and the first error."""
        import pandas as pd

        rows: dict[tuple[str, ...], dict[str, Any]] = {}
        there = self._store.keys()
        for unit in self._units:
            key = (unit.benchmark, unit.model, unit.condition, unit.attack)
            row = rows.setdefault(key, {"samples": 0, "done": 0, "failed": 0, "error": ""})
            row["samples"] += len(unit)
            if unit.key in there:
                row["done"] += len(unit)
            elif error := self._store.failure(unit):
                row["failed"] += len(unit)
                row["error"] = row["error"] or error
        names = ["benchmark", "model", "condition", "attack"]
        return pd.DataFrame([{**dict(zip(names, key)), **row} for key, row in rows.items()])

    def summary(self) -> pd.DataFrame:
        """One row a benchmark: models, outcomes (rows expected), done, failed (of units without rows), images that
        could not be used (`evaluate(on_error="record")`), and the first error."""
        import pandas as pd

        progress, left_out = self.progress(), self.errors()
        rows = []
        for name in [b.name for b in self.plan.benchmarks]:
            mine, bad = progress[progress["benchmark"] == name], left_out[left_out["benchmark"] == name]
            texts = [*bad["error"], *mine.loc[mine["error"] != "", "error"]]
            counts = (int(mine[column].sum()) for column in ("samples", "done", "failed"))
            rows.append((name, mine["model"].nunique(), *counts, len(bad), texts[0] if texts else ""))
        columns = ["benchmark", "models", "outcomes", "done", "failed", "images_left_out", "error"]
        return pd.DataFrame(rows, columns=columns)

    def errors(self) -> pd.DataFrame:
        """The images that could not be used, one row each: benchmark, sample, error."""
        frame = self.outcomes()
        frame = frame.loc[(frame["error"] != "").to_numpy(), ["benchmark", "sample", "error"]]
        return frame.astype({"benchmark": str, "error": str}).drop_duplicates(ignore_index=True)

    def first_units(self, benchmark: str, condition: str) -> list[Unit]:
        """The units, one a model, of the first samples of a condition without attack: those whose images are kept."""
        where = (benchmark, condition, "none", 0)
        return [u for u in self._units if (u.benchmark, u.condition, u.attack, u.start) == where]

    def points_of(self, unit: Unit) -> Path:
        """The file of a unit's adversarial images, there if the run kept them; see `attacks.load_points`."""
        return self.out / "points" / f"{unit.key}.safetensors"

    def units_with_points(self) -> list[Unit]:
        """Finished units whose adversarial images were kept (`evaluate(save_points=True)`)."""
        there = self._store.keys() if (self.out / "points").is_dir() else set()
        return [
            u for u in self._units if u.attack != "none" and u.key in there and self.points_of(u).exists()
        ]

    def attack_kinds(self) -> dict[str, str]:
        """What rows call each attack of the plan ("linf:1/255" -> "pgd-linf"); those without finished work are not
        there."""
        found: dict[str, str] = {}
        there = self._store.keys()
        for unit in self._units:
            if unit.attack != "none" and unit.attack not in found and unit.key in there:
                found[unit.attack] = str(self._store.read([unit]).column("attack")[0])
        return found

    @property
    def complete(self) -> bool:
        """Whether every unit has its rows."""
        there = self._store.keys()
        return all(unit.key in there for unit in self._units)

    def failures(self) -> dict[str, str]:
        """The error of every unit that failed and has no rows, by the unit's label."""
        there = self._store.keys()
        missing = (unit for unit in self._units if unit.key not in there)
        return {unit.label: error for unit in missing if (error := self._store.failure(unit))}
