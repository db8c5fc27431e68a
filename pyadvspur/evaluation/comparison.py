"""Two runs, or two models of one, side by side: what differs in how they were made, and in the numbers."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pyadvspur.errors import AdvSpurError, bad, unknown
from pyadvspur.evaluation.run import Run

if TYPE_CHECKING:
    import pandas as pd

    from pyadvspur.metrics import Measure

#: columns before those of `metrics.compare`
NAMES = ("model_a", "model_b")


@dataclass(frozen=True)
class Comparison:
    """What `evaluation.compare` returns.

    pairs: the models compared, (of a, of b). different: in words, where the two runs' identities depart from each
    other (data, conditions, limit, attacks, seed, precision); empty unless `allow_different`. versions: likewise of
    the software, which is no part of an identity.
    measures: one row a pair, benchmark, measure, attack and radius; the columns of `metrics.compare` after model_a and
    model_b, and p_holm, Holm's correction over all rows of the pair. conditions: the same for the accuracy in every
    condition.
    """

    pairs: tuple[tuple[str, str], ...]
    different: tuple[str, ...]
    versions: tuple[str, ...]
    measures: pd.DataFrame
    conditions: pd.DataFrame


def compare(
    a: Run | str | os.PathLike,
    b: Run | str | os.PathLike,
    models: tuple[str, str] | None = None,
    *,
    allow_different: bool = False,
    **options: Any,
) -> Comparison:
    """Every measure of run `a` minus that of run `b`, on the images that both were shown, with paired intervals.

    a, b: runs or their folders; the same one twice, with `models`, compares two of its models. models: one of `a` and
    one of `b`; without, models of the same name are compared with each other, or the one of `a` with the one of `b`.
    options: those of `metrics.compare` (both_right, level, interval, mid_p).

    The runs must have had the same data, conditions, limit, attacks, seed and precision. Raises AdvSpurError naming
    what differs; with allow_different that is noted in the result instead, and what both have is compared, image by
    image where sample numbers agree. Measures that are defined differently in the two are left out, always.
    """
    a, b = (run if isinstance(run, Run) else Run(run) for run in (a, b))
    different = differences(a, b)
    if different and not allow_different:
        raise AdvSpurError(
            f"compare: {str(a.out)!r} and {str(b.out)!r} are not the same experiment: {'; '.join(different)}. "
            "Evaluate both in the same way, or allow it (--allow-different, allow_different=True)."
        )
    pairs = _pairs(a, b, models)
    shared = _shared_measures(a, b)
    found = [_pair(a, b, pair, shared, options) for pair in pairs]
    measures, conditions = (_joined([tables[k] for tables in found]) for k in (0, 1))
    return Comparison(pairs, different, _versions(a, b), measures, conditions)


def differences(a: Run, b: Run) -> tuple[str, ...]:
    """In words, what decides outcomes and is not the same in two runs, their models apart. Empty = comparable."""
    found = []
    mine, theirs = ({bench.name: bench for bench in run.plan.benchmarks} for run in (a, b))
    for name in dict.fromkeys((*mine, *theirs)):
        if name not in mine or name not in theirs:
            found.append(f"benchmark {name} is in {'a' if name in mine else 'b'} only")
            continue
        if mine[name].fingerprint != theirs[name].fingerprint:
            found.append(f"data of {name} ({mine[name].fingerprint[:12]}, {theirs[name].fingerprint[:12]})")
        one, two = ({c.name: c for c in bench[name].conditions} for bench in (mine, theirs))
        if one != two:
            names = [c for c in dict.fromkeys((*one, *two)) if one.get(c) != two.get(c)]
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            found.append(
                f"conditions or limit of {name} ({_size(one, names[0])}, {_size(two, names[0])}{more})"
            )
    if set(a.plan.attacks) != set(b.plan.attacks):
        found.append(
            f"attacks ({'; '.join(a.plan.attacks) or 'none'} | {'; '.join(b.plan.attacks) or 'none'})"
        )
    for what in ("seed", "precision"):
        if getattr(a.plan, what) != getattr(b.plan, what):
            found.append(f"{what} ({getattr(a.plan, what)}, {getattr(b.plan, what)})")
    return tuple(found)


def _size(conditions: dict, name: str) -> str:
    there = conditions.get(name)
    return f"no {name}" if there is None else f"{name} n = {there.n}, {there.n_attacked} attacked"


def _versions(a: Run, b: Run) -> tuple[str, ...]:
    mine, theirs = (run.record.get("versions", {}) for run in (a, b))
    names = dict.fromkeys((*mine, *theirs))
    return tuple(f"{n} ({mine.get(n)}, {theirs.get(n)})" for n in names if mine.get(n) != theirs.get(n))


def _pairs(a: Run, b: Run, models: tuple[str, str] | None) -> tuple[tuple[str, str], ...]:
    mine, theirs = ([name for name, _ in run.plan.models] for run in (a, b))
    if models is not None:
        for name, known, which in zip(models, (mine, theirs), "ab"):
            if name not in known:
                raise unknown("compare", f"model of {which}", name, known)
        if a.out == b.out and models[0] == models[1]:
            raise bad("compare", "models", f"{models[0]!r} twice", "two models of one run")
        return (tuple(models),)
    if a.out == b.out:
        raise bad("compare", "models", "none", "two models, to compare within one run")
    if same := tuple((name, name) for name in mine if name in theirs):
        return same
    if len(mine) == len(theirs) == 1:
        return ((mine[0], theirs[0]),)
    takes = "one model of each, where the runs share no model's name"
    raise bad("compare", "models", "none", takes, f"a has {_few(mine)}; b has {_few(theirs)}.")


def _few(names: list[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _shared_measures(a: Run, b: Run) -> dict[str, list[Measure]]:
    theirs = b.measures()
    return {name: [m for m in given if m in theirs.get(name, [])] for name, given in a.measures().items()}


def _pair(a: Run, b: Run, pair: tuple[str, str], shared: dict, options: dict) -> tuple:
    """The two tables of one pair of models."""
    import pandas as pd

    from pyadvspur.metrics import compare as paired
    from pyadvspur.metrics import holm

    # models of one name are told apart by their run; swapping them must keep the order that `paired` works in
    names = [f"{model}\0{dict(run.plan.models)[model]}\0{run.plan.key}" for run, model in zip((a, b), pair)]
    if names[0] == names[1]:  # one plan carried out twice
        names = [f"{name}\0{run.out.resolve()}" for run, name in zip((a, b), names)]
    parts = []
    for run, model, name in zip((a, b), pair, names):
        frame = run.outcomes()
        frame = frame[frame["model"].to_numpy() == model]
        if not len(frame):
            raise AdvSpurError(f"compare: {str(run.out)!r} holds no finished outcomes of {model!r} yet")
        parts.append(frame.assign(model=name))
    outcomes = pd.concat([part.astype(dict.fromkeys(_TEXT, str)) for part in parts], ignore_index=True)
    measures = paired(outcomes, *names, shared, **options)
    every = {name: _accuracies(rows, shared.get(name, [])) for name, rows in outcomes.groupby("benchmark")}
    conditions = paired(outcomes, *names, every, **options)
    shown = {(name, m.name): m.conditions("condition")[0] for name, given in every.items() for m in given}
    of_row = [shown[key] for key in zip(conditions["benchmark"], conditions["measure"])]
    conditions = conditions.assign(measure=of_row).rename(columns={"measure": "condition"})
    for table in (measures, conditions):
        table.insert(table.columns.get_loc("note"), "p_holm", holm(table["p"]))
        for place, (column, model) in enumerate(zip(NAMES, pair)):
            table.insert(place, column, model)
    return measures, conditions


def _accuracies(rows: pd.DataFrame, shared: list[Measure]) -> list[Measure]:
    """The accuracy in each condition, clean and attacked; the benchmark's own measure of it where it has one, so that
    both tables show the same interval."""
    from pyadvspur.metrics import Measure

    found = []
    for condition in rows["condition"].unique():
        for kind in ("accuracy", "robust_accuracy"):
            own = [m for m in shared if m.kind == kind and m.params == {"condition": condition}]
            found.append(own[0] if own else Measure(kind, f"{kind} in {condition}", condition=condition))
    return found


_TEXT = ("model", "benchmark", "condition", "attack", "error")


def _joined(tables: list[pd.DataFrame]) -> pd.DataFrame:
    import pandas as pd

    return pd.concat(tables, ignore_index=True)
