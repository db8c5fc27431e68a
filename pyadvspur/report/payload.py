"""What the page's script reads, as plain JSON: numbers from metrics, names as text, pictures as data URIs."""

from __future__ import annotations

import json
from dataclasses import asdict
from math import isfinite
from typing import TYPE_CHECKING, Any

from pyadvspur.report import adversarial, answers, groups, pictures, selection, tables

if TYPE_CHECKING:
    import pandas as pd

    from pyadvspur.report.several import Runs


def payload(runs: Runs, metrics: pd.DataFrame) -> dict[str, Any]:
    """models, benchmarks, and one columnar table of metrics whose columns are numbers or places in these lists."""
    frame, measures = runs.models(), runs.measures()
    names = list(dict.fromkeys([*tables.ordered(frame), *frame["model"]]))
    drawn = pictures.pictures(runs)
    given = answers.shown(runs, drawn, names)
    sheets, left_out = adversarial.sheets(runs)
    places = {name: k for k, name in enumerate(measures)}
    numbered = {b: {m.name: k for k, m in enumerate(listed)} for b, listed in measures.items()}
    attacks = list(dict.fromkeys(["none", *metrics["attack"].astype(str)]))
    notes = ["", *sorted(set(metrics["note"]) - {""})]
    starts = groups.attacked_clean(runs)
    rows = metrics.reset_index(drop=True)
    return {
        "models": _models(frame, names),
        "benchmarks": [
            {
                "name": name,
                "measures": [_measure(m) for m in listed],
                "panels": [numbered[name][m.name] for m in selection.reliance(listed)],
                "classes": runs.record["classes"].get(name, []),
                "conditions": [
                    _condition(c, drawn.get(name, {}), given.get(name, {}))
                    for _, _, c in runs.conditions()[name]
                    if not c.trial
                ],
                **{key: given.get(name, {}).get(key, []) for key in ("pairs", "counts", "examples")},
            }
            for name, listed in measures.items()
        ],
        "pictures": _pictures(drawn),
        "adversarial": {"sheets": adversarial.plain(sheets, names, list(measures)), "left_out": left_out},
        "attacks": attacks,
        "notes": notes,
        "start": _start(metrics, measures, places, numbered),
        "metrics": {
            **_keys(rows, names, places, numbered),
            "attack": [attacks.index(a) for a in rows["attack"].astype(str)],
            "eps": [_number(v) for v in rows["eps"]],
            **_values(rows),
            "note": [notes.index(note) for note in rows["note"]],
        },
        "clean": {**_keys(starts, names, places, numbered), **_values(starts)},
    }


def text(data: dict[str, Any]) -> str:
    """JSON that cannot end the element that holds it."""
    found = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return found.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _models(frame: pd.DataFrame, names: list[str]) -> list[dict[str, Any]]:
    """In the order of the tables: by line and training radius."""
    shared = names[0].partition(":")[0] + ":" if names and ":" in names[0] else ""
    cut = len(shared) if shared and len(names) > 1 and all(n.startswith(shared) for n in names) else 0
    rows = frame.drop_duplicates("model").astype(object).set_index("model", drop=False)
    found = []
    for name in names:
        row = rows.loc[name]
        label = selection.training_label(row)
        norm = row["norm"] if isinstance(row["norm"], str) else ""
        known = isinstance(row["norm"], str) or isinstance(row["arch"], str)
        standard = label == "standard"
        found.append(
            {
                "name": name, "short": name[cut:], "arch": row["arch"] if isinstance(row["arch"], str) else "",
                "norm": "standard" if standard else norm if norm and label != name else "other",
                "eps": _number(row["eps"]) if isinstance(row["eps"], (int, float)) else None,
                "label": label if known and label != name else "", "standard": standard,
                "seed": selection.seed_of(row),
            }
        )  # fmt: skip
    return found


def _measure(measure) -> dict[str, Any]:
    about = measure.about
    return {
        "name": measure.name, "kind": measure.kind, "percent": about.percent, "leans": about.leans,
        "meaning": about.meaning or about.explained,
    }  # fmt: skip


def _condition(condition, drawn: dict, given: dict) -> dict[str, Any]:
    found = {"name": condition.name, "n": condition.n, "attacked": condition.n_attacked, "picture": -1}
    if condition.name in drawn:
        found["picture"] = drawn[condition.name].place
    return {**found, **given.get("conditions", {}).get(condition.name, {})}


def _pictures(drawn: dict) -> list[dict[str, Any]]:
    found = {picture.place: picture for held in drawn.values() for picture in held.values()}
    kept = ("source", "count", "width", "height")
    return [{key: asdict(found[place])[key] for key in kept} for place in sorted(found)]


def _start(metrics: pd.DataFrame, measures: dict, places: dict, numbered: dict) -> dict[str, Any]:
    """What the trade-off shows first: the first attack at its telling radius, against the first reliance metric."""
    for name, listed in measures.items():
        panels, mine = selection.reliance(listed), metrics[metrics["benchmark"] == name]
        for measure, choices in selection.attacked(mine, listed).items():
            if panels:
                x = {"benchmark": places[name], "measure": numbered[name][measure]}
                y = {"benchmark": places[name], "measure": numbered[name][panels[0].name]}
                return {"x": {**x, "attack": choices[0].attack, "eps": _number(choices[0].eps)}, "y": y}
    return {}


def _keys(rows: pd.DataFrame, names: list[str], places: dict, numbered: dict) -> dict[str, list[int]]:
    at = {name: k for k, name in enumerate(names)}
    return {
        "benchmark": [places[b] for b in rows["benchmark"]],
        "model": [at[m] for m in rows["model"]],
        "measure": [numbered[b][m] for b, m in zip(rows["benchmark"], rows["measure"])],
    }


def _values(rows: pd.DataFrame) -> dict[str, list]:
    found: dict[str, list] = {key: [_number(v) for v in rows[key]] for key in ("value", "low", "high")}
    return {**found, "n": [int(n) for n in rows["n"]]}


def _number(value: float) -> float | None:
    """Nine digits are more than any of it is worth; None = undefined."""
    value = float(value)
    return float(f"{value:.9g}") if isfinite(value) else None
