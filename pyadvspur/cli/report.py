"""`advspur report`: the page of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The page; default: report.html in the folder.")
    ] = None,
    figures: Annotated[
        bool, typer.Option(help="Also write figures as PNG and SVG, in figures/ beside the page.")
    ] = True,
) -> None:
    """Write one self-contained HTML page: trade-off figures, tables with intervals, sample images; and metrics.csv."""
    from pyadvspur import evaluation
    from pyadvspur import report as reports

    page = out or run / "report.html"
    loaded = evaluation.load(run)
    drawn = reports.figures(loaded)
    print(f"wrote {reports.write(loaded, page, drawn)}")
    table = page.parent / "metrics.csv"
    loaded.metrics().to_csv(table, index=False)
    print(f"wrote {table}")
    if figures:
        for path in reports.save(drawn, page.parent / "figures"):
            print(f"wrote {path}")
