"""The tables of a report as files for papers and notes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pyadvspur.errors import AdvSpurError, unknown
from pyadvspur.report import groups, several, tables, text, trends

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyadvspur.evaluation import Run
    from pyadvspur.report.several import Runs

FORMATS = {"md": ".md", "latex": ".tex"}


def write_tables(runs: Run | Runs | Iterable[Run], path: str | os.PathLike, form: str) -> Path:
    """Write every benchmark's main, group, trend, seed and detail tables into one file.

    form: "md" or "latex" (booktabs).
    """
    if form not in FORMATS:
        raise unknown("report.write_tables", "form", form, FORMATS)
    runs = several.of(runs)
    main, details, grouped = tables.trade_off(runs), tables.details(runs), groups.group_tables(runs)
    over_radii = trends.trend_tables(runs.trends)
    over_seeds = trends.seed_tables(runs.seeds)
    parts = []
    for name, first in main.items():
        of_series = [*over_radii.get(name, []), *([over_seeds[name]] if name in over_seeds else [])]
        for k, table in enumerate([first, *grouped.get(name, []), *of_series, *details[name]]):
            label = f"tab:{''.join(c if c.isalnum() else '-' for c in name)}-{k}"
            parts.append(text.latex(table, name, label) if form == "latex" else text.markdown(table, name))
    identity = ", ".join(part.run.record["key"] for part in runs.parts)
    heading = (
        f"<!-- pyadvspur, runs {identity} -->\n"
        if form == "md"
        else f"% pyadvspur, runs {identity}\n% needs \\usepackage{{booktabs}}\n"
    )
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.document(parts, heading), encoding="utf-8")
    except OSError as error:
        raise AdvSpurError(f"report: {str(path)!r} cannot be written ({error.strerror or error})") from error
    return path
