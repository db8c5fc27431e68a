"""One self-contained page: nothing is fetched, so it opens offline and can be sent as a file."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from pyadvspur.errors import AdvSpurError
from pyadvspur.evaluation.store import Store
from pyadvspur.metrics import KINDS
from pyadvspur.report import drawing, selection, tables

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from pyadvspur.evaluation import Run


def write(run: Run, path: str | os.PathLike, figures: dict[str, Figure] | None = None) -> Path:
    """Write the page of a run, finished or not: figures, tables with intervals, sample images, spec and versions.

    figures: those of `report.figures(run)` if they are there already; else they are drawn.

    Raises AdvSpurError if nothing was measured yet or the file cannot be written.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    metrics = run.metrics()
    if not len(metrics):
        raise AdvSpurError(f"report: {str(run.out)!r} holds no finished outcomes yet")
    environment = Environment(
        loader=PackageLoader("pyadvspur.report", "."), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    drawn = {name: drawing.svg(figure) for name, figure in (figures or drawing.figures(run, metrics)).items()}
    progress = run.progress()
    main, details = tables.trade_off(run, metrics), tables.details(run, metrics)
    page = environment.get_template("page.html").render(
        benchmarks=[
            _benchmark(run, name, metrics, drawn, main[name], details[name]) for name in run.measures()
        ],
        n_models=len(run.plan.models),
        attacks=run.plan.attacks,
        done=int(progress["done"].sum()),
        total=int(progress["samples"].sum()),
        failures=run.failures(),
        explained=[(kind, about.explained) for kind, about in KINDS.items() if kind in set(metrics["kind"])],
        spec=json.dumps(run.record["spec"], indent=1),
        key=run.record["key"],
        versions=run.record["versions"],
    )
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise AdvSpurError(f"report: {str(path)!r} cannot be written ({error.strerror or error})") from error
    return path


def _benchmark(
    run: Run, name: str, metrics, drawn: dict[str, str], main: tables.Table, details: list[tables.Table]
) -> dict:
    mine = metrics[metrics["benchmark"] == name]
    planned = next(b for b in run.plan.benchmarks if b.name == name)
    store = Store(run.out)
    pictures = []
    for condition in planned.conditions:
        png = store.sample(name, condition.name)
        if png:
            source = base64.b64encode(png).decode()
            pictures.append({"name": condition.name, "source": source, "n": condition.n})
    return {
        "name": name,
        "figures": [(title, markup) for title, markup in drawn.items() if title.startswith(f"{name}-")],
        "main": main,
        "details": details,
        "all": tables.all_metrics(mine),
        "pictures": pictures,
        "panels": [(m.name, m.about.meaning) for m in selection.reliance(run.measures()[name])],
    }
