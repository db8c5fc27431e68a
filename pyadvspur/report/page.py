"""One self-contained page: nothing is fetched, so it opens offline and can be sent as a file."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from pyadvspur.errors import AdvSpurError
from pyadvspur.evaluation.store import Store
from pyadvspur.report import drawing, selection, tables

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from pyadvspur.evaluation import Run

_EXPLAINED = {
    "accuracy": "share of images whose class is predicted; Wilson interval",
    "robust_accuracy": "share of images for which no attack inside the ball was found; Wilson interval; an upper bound",
    "bg_gap": "accuracy with agreeing backgrounds minus with others (Xiao et al. 2021); images resampled in pairs",
    "relative_gap": "the same gap over the accuracy with agreeing backgrounds; images resampled in pairs",
    "rfs": "relative foreground sensitivity (a_bg - a_fg) / (2 min(a, 1 - a)), a the mean of accuracy under background "
    "noise a_bg and under foreground noise a_fg (Moayeri et al. 2022); images resampled in pairs",
    "rcs": "relative core sensitivity, the same formula for core and spurious regions (Singla et al. 2022)",
    "worst_group": "lowest accuracy over groups (Sagawa et al. 2020); simultaneous Wilson intervals",
    "group_mean": "mean over groups weighted by their share of the training set (Sagawa et al. 2020)",
}


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
    page = environment.get_template("page.html").render(
        benchmarks=[_benchmark(run, name, metrics, drawn) for name in run.measures()],
        n_models=len(run.plan.models),
        attacks=run.plan.attacks,
        done=int(progress["done"].sum()),
        total=int(progress["samples"].sum()),
        failures=run.failures(),
        explained=[(kind, text) for kind, text in _EXPLAINED.items() if kind in set(metrics["kind"])],
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


def _benchmark(run: Run, name: str, metrics, drawn: dict[str, str]) -> dict:
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
        "main": tables.trade_off(run, metrics)[name],
        "all": tables.all_metrics(mine),
        "pictures": pictures,
        "panels": [
            (m.name, selection.MEANING.get(m.kind, "")) for m in selection.reliance(run.measures()[name])
        ],
    }
