"""What models answered: on the example images, and which answers changed between two conditions or under attack."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pyadvspur.metrics.changes import Answers, answers, changes
from pyadvspur.report import selection

if TYPE_CHECKING:
    from pyadvspur.report.pictures import Picture
    from pyadvspur.report.several import Runs

_PAIRS = 60  # pairs of conditions a benchmark
_EXAMPLES = {"lost": 5, "gained": 2, "moved": 2}

Spot = tuple[str, str, float]  # condition, attack, radius


def shown(runs: Runs, drawn: dict[str, dict[str, Picture]], names: list[str]) -> dict[str, Any]:
    """For every benchmark: the classes, and for each picture its labels and every model's answers; and the changes.

    Plain data for the page; a model's number is its place in `names`. An answer of -1 is no class, None is unknown.
    """
    held = answers(runs.outcomes())
    by_benchmark: dict[str, dict[str, dict[Spot, Answers]]] = {}
    for place, found in held.items():
        spots = by_benchmark.setdefault(place.benchmark, {}).setdefault(place.model, {})
        spots[place.condition, place.attack, place.eps] = found
    return {
        benchmark: {
            "conditions": _conditions(spots, drawn.get(benchmark, {}), names),
            **_changes(runs, benchmark, spots, drawn.get(benchmark, {}), names),
        }
        for benchmark, spots in by_benchmark.items()
    }


def _conditions(spots: dict[str, dict[Spot, Answers]], drawn: dict[str, Picture], names: list[str]):
    found = {}
    for condition, picture in drawn.items():
        if not picture.samples:
            continue
        samples = np.array(picture.samples, np.int64)
        labels: list[int | None] = [None] * len(samples)
        given: list[list[int | None]] = []
        for name in names:
            mine = spots.get(name, {}).get((condition, "none", 0.0))
            given.append([None] * len(samples))
            for k, at in enumerate([] if mine is None else _find(mine.sample, samples)):
                if at is not None:
                    labels[k], given[-1][k] = int(mine.label[at]), int(mine.prediction[at])
        found[condition] = {"labels": labels, "answers": given}
    return found


def _changes(
    runs: Runs,
    benchmark: str,
    spots: dict[str, dict[Spot, Answers]],
    drawn: dict[str, Picture],
    names: list[str],
) -> dict[str, Any]:
    """pairs: (text before, text after, condition before, condition after); counts: one row a pair and model, pair,
    model, n, right, stuck, lost, gained, moved; examples: lists of sample, label, before, after, place in the
    pictures (-1 = in none), one list a row of counts."""
    pairs, counts, examples = [], [], []
    for first, second in _pairs(runs, benchmark, spots):
        there = False
        for number, name in enumerate(names):
            mine = spots.get(name, {})
            if first not in mine or second not in mine:
                continue
            found = changes(mine[first], mine[second])
            if not found.n:
                continue
            there = True
            total = (found.n, found.right, found.stuck, found.lost, found.gained, found.moved)
            counts.append([len(pairs), number, *total])
            examples.append(_examples(found, drawn.get(first[0])))
        if there:
            pairs.append([_words(first), _words(second), first[0], second[0]])
    return {"pairs": pairs, "counts": counts, "examples": examples}


def _pairs(runs: Runs, benchmark: str, spots: dict[str, dict[Spot, Answers]]) -> list[tuple[Spot, Spot]]:
    """Clean against every attack; the pairs that measures compare; the first condition against every other."""
    there = dict.fromkeys(spot for mine in spots.values() for spot in mine)
    clean = [spot[0] for spot in there if spot[1] == "none"]
    found = [((c, "none", 0.0), (c, attack, eps)) for c, attack, eps in there if attack != "none"]
    for measure in runs.measures().get(benchmark, []):
        keys = measure.condition_keys()
        if len(keys) == 2:
            one, two = (measure.conditions(key)[0] for key in keys)
            if one in clean and two in clean:
                found.append(((one, "none", 0.0), (two, "none", 0.0)))
    found += [((clean[0], "none", 0.0), (c, "none", 0.0)) for c in clean[1:]]
    return list(dict.fromkeys(found))[:_PAIRS]


def _examples(found, picture: Picture | None) -> list[list[int]]:
    places = {sample: k for k, sample in enumerate(picture.samples)} if picture else {}
    pictured = (found.rows[:, :1] == np.array(list(places), np.int64)).any(axis=1)  # they are few
    sizes = (found.lost, found.gained, found.moved)
    taken = []
    for end, size, most in zip(np.cumsum(sizes), sizes, _EXAMPLES.values()):
        mine = slice(end - size, end)
        first = np.argsort(~pictured[mine], kind="stable")[:most]  # those in a picture first
        taken += [[*row, places.get(row[0], -1)] for row in found.rows[mine][first].tolist()]
    return taken


def _words(spot: Spot) -> str:
    condition, attack, eps = spot
    return (
        condition
        if attack == "none"
        else f"{condition}, {attack} {selection.radius(eps, selection.norm_of(attack))}"
    )


def _find(ascending: np.ndarray, wanted: np.ndarray) -> list[int | None]:
    at = np.searchsorted(ascending, wanted)
    inside = at < len(ascending)
    return [int(k) if ok and ascending[k] == w else None for k, ok, w in zip(at, inside, wanted)]
