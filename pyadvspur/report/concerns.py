"""What a reader must know before believing a number: the warnings of a report."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from pyadvspur.report import selection

if TYPE_CHECKING:
    import pandas as pd

    from pyadvspur.report.several import Runs

_FEW = 8
#: attacks that use no gradient: where they find more than one that does, the gradients mislead
_GRADIENT_FREE = ("square",)


@dataclass(frozen=True)
class Concern:
    """title: one line. items: what it rests on, at most a few lines, and how many `more` there are."""

    title: str
    items: tuple[str, ...] = ()
    more: int = 0


def concerns(runs: Runs, metrics: pd.DataFrame) -> list[Concern]:
    """Unfinished and failed work, images left out, undefined metrics, attacks that contradict each other."""
    found = [*_unfinished(runs), *_left_out(runs), *_undefined(metrics), *_masking(metrics), *_notes(runs)]
    if len(runs.parts) > 1:
        told = [
            f"{kind} {old}: {new}"
            for part in runs.parts
            for kind in ("model", "benchmark", "attack")
            for old, new in getattr(part, kind).items()
            if old != new
        ]
        if told:
            found.append(_concern("Runs call different things by one name; they are told apart here.", told))
    return found


def _unfinished(runs: Runs) -> list[Concern]:
    found = []
    for part in runs.parts:
        progress = part.run.progress()
        missing = int(progress["samples"].sum() - progress["done"].sum())
        if missing:
            total = int(progress["samples"].sum())
            text = f"{part.label} is not complete: {missing:,} of {total:,} outcomes are missing."
            found.append(Concern(f"{text} Metrics rest on what is there."))
        if failures := part.run.failures():
            by_error: dict[str, list[str]] = {}
            for label, error in failures.items():
                by_error.setdefault(error, []).append(label)
            texts = [
                f"{labels[0]}{f' and {len(labels) - 1} more' * (len(labels) > 1)}: {error}"
                for error, labels in by_error.items()
            ]
            found.append(_concern(f"{part.label}: {len(failures)} units failed and have no outcomes.", texts))
    return found


def _left_out(runs: Runs) -> list[Concern]:
    found = []
    for part in runs.parts:
        for benchmark, rows in part.run.errors().groupby("benchmark", sort=False):
            count = rows["sample"].nunique()
            title = f"{part.benchmark[str(benchmark)]}: {count} image{'s' * (count != 1)} could not be used"
            found.append(_concern(f"{title}; no number counts them.", list(dict.fromkeys(rows["error"]))))
    return found


def _undefined(metrics: pd.DataFrame) -> list[Concern]:
    rows = metrics[metrics["value"].isna()]
    texts = []
    for (benchmark, measure, note), cell in rows.groupby(
        ["benchmark", "measure", "note"], sort=False, observed=True
    ):
        names = list(dict.fromkeys(cell["model"].astype(str)))
        who = ", ".join(names[:3]) + f" and {len(names) - 3} more" * (len(names) > 3)
        attacked = " under attack" * bool((cell["attack"] != "none").all())
        texts.append(
            f"{benchmark}, {measure}{attacked} ({who}): {note.removeprefix('undefined: ') or 'no value'}"
        )
    return (
        [_concern("Some metrics are undefined; tables say so and charts leave them out.", texts)]
        if texts
        else []
    )


def _masking(metrics: pd.DataFrame) -> list[Concern]:
    """Signs of gradient masking (Athalye et al. 2018): a gradient-free attack beats gradients at the same radius, or a
    larger ball is safer than a smaller one."""
    rows = metrics[(metrics["kind"] == "robust_accuracy") & metrics["value"].notna()]
    texts = []
    curves: dict[tuple, list] = {}
    for row in rows.itertuples():
        curves.setdefault((row.benchmark, row.model, row.measure), []).append(row)
    for (benchmark, model, measure), cell in curves.items():
        where = f"{model} on {benchmark}, {measure}"
        blind = [row for row in cell if str(row.attack).partition("-")[0] in _GRADIENT_FREE]
        for row in blind:
            norm = selection.norm_of(row.attack)
            same = [
                r
                for r in cell
                if r not in blind and r.eps == row.eps and _ball(r.attack) == _ball(row.attack)
            ]
            if same and row.high < min(r.low for r in same):
                at = f"{where}, {norm} {selection.radius(row.eps, norm)}"
                least = min(r.value for r in same)
                texts.append(
                    f"{at}: {row.attack} leaves {row.value:.1%}, attacks that use gradients leave {least:.1%}"
                )
        for attack in dict.fromkeys(row.attack for row in cell):
            line = sorted((r.eps, r.value, r.n) for r in cell if r.attack == attack)
            if len({n for _, _, n in line}) == 1 and any(b[1] > a[1] for a, b in pairwise(line)):
                texts.append(f"{where}: robust accuracy under {attack} rises with the radius")
    title = "Signs of gradient masking: some robust accuracies are not to be trusted as bounds of any use."
    return [_concern(title, texts)] if texts else []


def _ball(attack: str) -> tuple[str, str]:
    """What two attacks must share to be held against each other: the norm and the pixels that may change."""
    return selection.norm_of(attack), selection.region_of(attack)


def _notes(runs: Runs) -> list[Concern]:
    """What the attacks said of gradients while they ran."""
    texts = []
    for part in runs.parts:
        for row in part.run.gradients().itertuples():
            if row.warning:
                where = f"{part.model[row.model]} on {part.benchmark[row.benchmark]}/{row.condition}, {row.attack}"
                texts.append(f"{where}: {row.warning}")
    return [_concern("Attacks met gradients that mislead them.", texts)] if texts else []


def _concern(title: str, texts: list[str]) -> Concern:
    return Concern(title, tuple(texts[:_FEW]), max(0, len(texts) - _FEW))
