"""`advspur report`: the page of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pyadvspur.cli.printing import Json


def report(
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The page; default: report.html in the folder.")
    ] = None,
    figures: Annotated[
        bool, typer.Option(help="Also write figures as PNG and SVG, in figures/ beside the page.")
    ] = True,
    json_: Json = False,
) -> None:
    """Write one self-contained HTML page: trade-off figures, tables with intervals, sample images; and metrics.csv."""
    from pyadvspur import evaluation
    from pyadvspur import report as reports

    page = out or run / "report.html"
    loaded = evaluation.load(run)
    drawn = reports.figures(loaded)
    written = [reports.write(loaded, page, drawn), page.parent / "metrics.csv"]
    loaded.metrics().to_csv(written[1], index=False)
    if figures:
        written += reports.save(drawn, page.parent / "figures")
    if json_:
        from pyadvspur.cli.printing import print_json

        print_json({"run": run, "key": loaded.record["key"], "written": written, "metrics": loaded.metrics()})
        return
    for path in written:
        print(f"wrote {path}")
