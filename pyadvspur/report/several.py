"""Several runs read as one: what has the same identity is merged, what only shares a name is told apart."""

from __future__ import annotations

import functools
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pyadvspur.errors import bad
from pyadvspur.evaluation import Run

if TYPE_CHECKING:
    import pandas as pd

    from pyadvspur.metrics import Measure, Trends

_ROW = ["model", "benchmark", "condition", "attack", "eps", "trial", "sample"]


@dataclass(frozen=True)
class Part:
    """A run with the name that tells it from the others, and how its models, benchmarks and attacks are called."""

    run: Run
    label: str
    model: Mapping[str, str]
    benchmark: Mapping[str, str]
    attack: Mapping[str, str]


class Runs:
    """One or several runs, with what tables and figures ask of a `Run`: metrics, measures, models, outcomes, record.

    A model is known by its weights, a benchmark by its images, conditions, counts, seed and precision, an attack by
    everything but its radii. Where two runs call different things by one name, each gets its run's name in brackets.
    Rows that several runs hold are counted once.
    """

    def __init__(self, runs: Run | Iterable[Run]) -> None:
        found = [runs] if isinstance(runs, Run) else list(runs)
        if not found:
            raise bad("report", "runs", "none", "one or more folders that `advspur evaluate` wrote")
        labels = _labels([run.out for run in found])
        models = _apart([dict(run.plan.models) for run in found], labels)
        benchmarks = _apart([_benchmarks(run) for run in found], labels)
        attacks = _apart([_attacks(run) for run in found], labels) if len(found) > 1 else [{}]
        self.parts = tuple(map(Part, found, labels, models, benchmarks, attacks))

    @functools.cached_property
    def record(self) -> dict[str, dict[str, Any]]:
        """What the runs' records say by benchmark, under the names used here."""
        found: dict[str, dict[str, Any]] = {}
        for name in ("shown", "groups", "classes", "preprocessing", "readouts"):
            found[name] = {}
            for part in self.parts:
                for benchmark, value in part.run.record.get(name, {}).items():
                    found[name].setdefault(part.benchmark[benchmark], value)
        return found

    def measures(self) -> dict[str, list[Measure]]:
        """By benchmark; of two measures with one name the first run's counts."""
        found: dict[str, dict[str, Measure]] = {}
        for part in self.parts:
            for benchmark, measures in part.run.measures().items():
                held = found.setdefault(part.benchmark[benchmark], {})
                for measure in measures:
                    held.setdefault(measure.name, measure)
        return {benchmark: list(held.values()) for benchmark, held in found.items()}

    def models(self) -> pd.DataFrame:
        """One row a model: name, and what is known of its training."""
        import pandas as pd

        frames = [
            part.run.models().assign(model=lambda frame, names=part.model: frame["model"].map(names))
            for part in self.parts
        ]
        if len(frames) == 1:
            return frames[0]
        joined = pd.concat([frame.astype(object) for frame in frames], ignore_index=True)
        return joined.drop_duplicates("model", ignore_index=True)

    @functools.cached_property
    def _outcomes(self) -> pd.DataFrame:
        import pandas as pd

        frames = []
        for part in self.parts:
            frame = part.run.outcomes()
            for column in ("model", "benchmark", "attack"):
                names = getattr(part, column)
                changed = {old: new for old, new in names.items() if old != new}
                if changed:
                    frame[column] = frame[column].cat.rename_categories(changed)
            frames.append(frame)
        if len(frames) == 1:
            return frames[0]
        for column in ("model", "benchmark", "condition", "attack", "error"):
            joined = pd.api.types.union_categoricals([frame[column] for frame in frames]).categories
            for frame in frames:
                frame[column] = frame[column].cat.set_categories(joined)
        return pd.concat(frames, ignore_index=True).drop_duplicates(_ROW, ignore_index=True)

    def outcomes(self) -> pd.DataFrame:
        """Rows of all runs (see `Run.outcomes`); not to be changed."""
        return self._outcomes

    @functools.cached_property
    def _metrics(self) -> pd.DataFrame:
        from pyadvspur.metrics import summarise

        if len(self.parts) == 1:
            return self.parts[0].run.metrics()
        return summarise(self.outcomes(), self.measures())

    def metrics(self) -> pd.DataFrame:
        """The benchmarks' measures with intervals, see `metrics.summarise`; not to be changed."""
        return self._metrics

    @functools.cached_property
    def trends(self) -> Trends | None:
        """What `findings.trends_of` finds; None without a series of radii."""
        from pyadvspur.report.findings import trends_of

        return trends_of(self.models(), self.outcomes(), self.measures(), self.metrics())

    @functools.cached_property
    def seeds(self) -> pd.DataFrame:
        """The spread between training seeds, see `metrics.seed_spread`; empty where no network has several."""
        from pyadvspur.report.findings import seeds_of

        return seeds_of(self.models(), self.outcomes(), self.measures())

    def conditions(self) -> dict[str, list[tuple[Part, str, Any]]]:
        """By benchmark: (the run it is from, the benchmark's name there, the planned condition), each name once."""
        found: dict[str, dict[str, tuple[Part, str, Any]]] = {}
        for part in self.parts:
            for benchmark in part.run.plan.benchmarks:
                held = found.setdefault(part.benchmark[benchmark.name], {})
                for condition in benchmark.conditions:
                    held.setdefault(condition.name, (part, benchmark.name, condition))
        return {benchmark: list(held.values()) for benchmark, held in found.items()}


def of(runs: Run | Runs | Iterable[Run]) -> Runs:
    """`Runs` of whatever was given."""
    return runs if isinstance(runs, Runs) else Runs(runs)


def _labels(folders: Sequence[Any]) -> list[str]:
    """The last part of each folder's path, or as many as it takes to tell them apart."""
    paths = [folder.resolve() for folder in folders]
    if len(set(paths)) < len(paths):
        raise bad("report", "runs", str(folders[0]), "each folder once")
    for depth in range(1, max(len(path.parts) for path in paths) + 1):
        labels = ["/".join(path.parts[-depth:]) for path in paths]
        if len(set(labels)) == len(labels):
            break
    return labels


def _apart(held: list[dict[str, Hashable]], labels: list[str]) -> list[dict[str, str]]:
    """name -> name, with the run's label where another run means something else by it."""
    meanings: dict[str, set] = {}
    for names in held:
        for name, identity in names.items():
            meanings.setdefault(name, set()).add(identity)
    return [
        {name: name if len(meanings[name]) == 1 else f"{name} ({label})" for name in names}
        for names, label in zip(held, labels)
    ]


def _benchmarks(run: Run) -> dict[str, Hashable]:
    plan = run.plan
    return {b.name: (b.fingerprint, b.conditions, plan.seed, plan.precision) for b in plan.benchmarks}


def _attacks(run: Run) -> dict[str, Hashable]:
    found: dict[str, list[str]] = {"none": []}
    for name, kind in run.attack_kinds().items():
        norm, _, rest = name.partition(":")
        found.setdefault(kind, []).append(f"{norm}({rest.partition('(')[2]}")
    return {kind: tuple(sorted(set(texts))) for kind, texts in found.items()}
