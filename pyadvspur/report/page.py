"""One self-contained page: nothing is fetched, so it opens offline and can be sent as a file."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyadvspur.errors import AdvSpurError
from pyadvspur.metrics.kinds import find
from pyadvspur.report import concerns, groups, payload, several, tables, trends

if TYPE_CHECKING:
    import pandas as pd

    from pyadvspur.evaluation import Run
    from pyadvspur.report.several import Runs

_FOLDER = Path(__file__).parent / "page"
#: in the order they run in
_SCRIPTS = ("dom", "model", "table", "axes", "scatter", "curves", "cards", "samples", "adversarial", "start")


def write(runs: Run | Runs | Iterable[Run], path: str | os.PathLike) -> Path:
    """Write the page of one run or several, finished or not; see docs/report.md. The same runs give the same bytes.

    Raises AdvSpurError if nothing was measured yet or the file cannot be written.
    """
    text = render(several.of(runs))
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise AdvSpurError(f"report: {str(path)!r} cannot be written ({error.strerror or error})") from error
    return path


def render(runs: Runs) -> str:
    """The page as text."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    metrics = runs.metrics()
    if not len(metrics):
        folders = ", ".join(repr(str(part.run.out)) for part in runs.parts)
        raise AdvSpurError(f"report: {folders} holds no finished outcomes yet")
    script = "\n".join((_FOLDER / f"{name}.js").read_text(encoding="utf-8") for name in _SCRIPTS)
    script = f"(() => {{\n'use strict';\n{script}}})();\n"
    environment = Environment(
        loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.tests["number"] = lambda cell: isinstance(cell, tables.Number)
    environment.tests["defined_number"] = lambda value: value == value
    environment.filters["full"] = lambda value: "" if value != value else f"{value:.10g}"
    return environment.get_template("page.html").render(
        style=(_FOLDER / "style.css").read_text(encoding="utf-8"),
        script=script,
        allowed=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        data=payload.text(payload.payload(runs, metrics)),
        concerns=concerns.concerns(runs, metrics),
        benchmarks=_benchmarks(runs, metrics),
        explained=[(kind, find(kind).explained) for kind in dict.fromkeys(metrics["kind"])],
        facts=_facts(runs, metrics),
        models=_models(runs),
        runs=[_run(part) for part in runs.parts],
        several=len(runs.parts) > 1,
    )


def _facts(runs: Runs, metrics: pd.DataFrame) -> dict[str, Any]:
    progress = [part.run.progress() for part in runs.parts]
    return {
        "models": len(runs.models()),
        "benchmarks": list(runs.measures()),
        "attacks": list(dict.fromkeys(name for part in runs.parts for name in part.run.plan.attacks)),
        "done": sum(int(frame["done"].sum()) for frame in progress),
        "total": sum(int(frame["samples"].sum()) for frame in progress),
        "metrics": len(metrics),
    }


def _benchmarks(runs: Runs, metrics: pd.DataFrame) -> list[dict[str, Any]]:
    main, details, grouped = (
        tables.trade_off(runs, metrics),
        tables.details(runs, metrics),
        groups.group_tables(runs),
    )
    over_radii = trends.trend_tables(runs.trends)
    over_seeds = trends.seed_tables(runs.seeds)
    found = []
    for name, conditions in runs.conditions().items():
        part, old, _ = conditions[0]
        planned = next(b for b in part.run.plan.benchmarks if b.name == old)
        found.append(
            {
                "name": name, "main": main[name], "details": details[name], "groups": grouped.get(name, []),
                "trends": over_radii.get(name, []), "seeds": over_seeds.get(name),
                "preprocessing": runs.record["preprocessing"].get(name, "none"),
                "readout": runs.record["readouts"].get(name, "none: models answer by themselves"),
                "classes": runs.record["classes"].get(name, []), "fingerprint": planned.fingerprint,
                "conditions": [c for _, _, c in conditions],
            }
        )  # fmt: skip
    return found


def _models(runs: Runs) -> list[dict[str, Any]]:
    known = runs.models().drop_duplicates("model").set_index("model")
    found: dict[str, dict[str, Any]] = {}
    for part in runs.parts:
        for old, fingerprint in part.run.plan.models:
            name = part.model[old]
            info = {
                k: v
                for k, v in known.loc[name].items()
                if isinstance(v, (str, int, float, bool)) and v == v and v != ""
            }
            row = found.setdefault(name, {"name": name, "fingerprint": fingerprint, "runs": [], "info": info})
            row["runs"].append(part.label)
    return list(found.values())


def _run(part: several.Part) -> dict[str, Any]:
    plan, record = part.run.plan, part.run.record
    return {
        "label": part.label, "key": record["key"], "seed": plan.seed, "precision": plan.precision,
        "attacks": plan.attacks, "benchmarks": list(part.benchmark.values()), "models": len(plan.models),
        "versions": record["versions"], "spec": json.dumps(record["spec"], indent=1),
    }  # fmt: skip
