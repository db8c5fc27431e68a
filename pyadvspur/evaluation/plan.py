"""What a run will do, as plain data: everything that names its units."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pyadvspur.evaluation.unit import FORMAT, Unit, digest

#: Samples a unit. Part of a run's identity, so chosen once: a clean unit takes seconds on a small machine, an
#: attacked one minutes for a large network, and that is what an interruption can cost.
CLEAN_RANGE = 512
ATTACK_RANGE = 128


@dataclass(frozen=True)
class PlannedCondition:
    """A condition with its sample counts: n shown, n_attacked of them (the first ones) attacked."""

    name: str
    source: str
    variant: str
    trial: int
    n: int
    n_attacked: int


@dataclass(frozen=True)
class PlannedBenchmark:
    name: str
    fingerprint: str
    conditions: tuple[PlannedCondition, ...]


@dataclass(frozen=True)
class Plan:
    """A run's identity. models: (name, fingerprint) pairs. attacks: names that `attacks.parse` reads."""

    models: tuple[tuple[str, str], ...]
    benchmarks: tuple[PlannedBenchmark, ...]
    attacks: tuple[str, ...]
    seed: int
    precision: str

    def units(self) -> list[Unit]:
        """All units, in the order of the outcomes: benchmark, model, condition, attack, range."""
        return [unit for job in self.jobs() for unit in job]

    def jobs(self) -> Iterator[tuple[Unit, ...]]:
        """Units that share one reading of their images: all clean conditions of a source, or one attack."""
        for benchmark in self.benchmarks:
            for name, fingerprint in self.models:
                yield from self._jobs(benchmark, name, fingerprint)

    def _jobs(self, benchmark: PlannedBenchmark, model: str, fingerprint: str) -> Iterator[tuple[Unit, ...]]:
        def unit(c: PlannedCondition, attack: str, start: int, stop: int) -> Unit:
            shown = (c.name, c.source, c.variant, c.trial)
            who = (model, fingerprint, benchmark.name, benchmark.fingerprint)
            return Unit(*who, *shown, attack, self.seed, self.precision, start, stop)

        for source, n in dict.fromkeys((c.source, c.n) for c in benchmark.conditions):
            shown = [c for c in benchmark.conditions if (c.source, c.n) == (source, n)]
            for start, stop in _ranges(n, CLEAN_RANGE):
                yield tuple(unit(c, "none", start, stop) for c in shown)
        for condition in benchmark.conditions:
            for attack in self.attacks:
                for start, stop in _ranges(condition.n_attacked, ATTACK_RANGE):
                    yield (unit(condition, attack, start, stop),)

    def to_dict(self) -> dict[str, Any]:
        data = asdict(self)
        return {"format": FORMAT, **data, "models": [list(pair) for pair in self.models]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Plan:
        benchmarks = tuple(
            PlannedBenchmark(
                b["name"], b["fingerprint"], tuple(PlannedCondition(**c) for c in b["conditions"])
            )
            for b in data["benchmarks"]
        )
        models = tuple((name, fingerprint) for name, fingerprint in data["models"])
        return cls(models, benchmarks, tuple(data["attacks"]), data["seed"], data["precision"])

    @property
    def key(self) -> str:
        return digest(self.to_dict())

    def difference(self, other: Plan) -> str:
        """In words, where another plan departs from this one."""
        found = []
        for what, mine, theirs in (
            ("models", dict(self.models), dict(other.models)),
            ("benchmarks", _by_name(self), _by_name(other)),
            ("attacks", dict.fromkeys(self.attacks), dict.fromkeys(other.attacks)),
        ):
            if list(mine) != list(theirs):
                found.append(f"{what} {_short(mine)} there, {_short(theirs)} here")
            elif changed := [name for name in mine if mine[name] != theirs[name]]:
                found.append(f"{what} {_short(changed)} changed (other weights, images, conditions or limit)")
        for what in ("seed", "precision"):
            if getattr(self, what) != getattr(other, what):
                found.append(f"{what} {getattr(self, what)} there, {getattr(other, what)} here")
        return "; ".join(found) or "another order"


def _ranges(n: int, step: int) -> list[tuple[int, int]]:
    return [(start, min(start + step, n)) for start in range(0, n, step)]


def _by_name(plan: Plan) -> dict[str, PlannedBenchmark]:
    return {benchmark.name: benchmark for benchmark in plan.benchmarks}


def _short(names) -> str:
    names = list(names)
    shown = ", ".join(names[:4]) or "none"
    return shown if len(names) <= 4 else f"{shown}, ... ({len(names)})"
