"""`advspur report`: the page, tables and figures of one run or several."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pyadvspur.cli.printing import Json

_FORMATS = ("html", "csv", "md", "latex", "figures")


def report(
    runs: Annotated[list[Path], typer.Argument(help="Folders of runs; several are read as one.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The page; default: report.html in the first folder.")
    ] = None,
    formats: Annotated[
        str, typer.Option("--format", help="What to write, with commas: html, csv, md, latex, figures.")
    ] = "html,csv",
    json_: Json = False,
) -> None:
    """Write one self-contained HTML page: charts, tables with intervals, sample images, warnings, CSV downloads.

    csv: every metric, in metrics.csv beside the page. md, latex: the tables, with booktabs rules in LaTeX. figures:
    PDF, SVG and PNG in figures/.
    """
    from pyadvspur import evaluation
    from pyadvspur import report as reports
    from pyadvspur.errors import unknown

    wanted = [name.strip() for name in formats.split(",") if name.strip()]
    for name in wanted or [""]:
        if name not in _FORMATS:
            raise unknown("report", "format", name, _FORMATS)
    page = out or runs[0] / "report.html"
    read = reports.Runs([evaluation.load(run) for run in runs])
    written = []
    if "html" in wanted:
        written.append(reports.write(read, page))
    if "csv" in wanted:
        page.parent.mkdir(parents=True, exist_ok=True)
        read.metrics().to_csv(page.parent / "metrics.csv", index=False)
        written.append(page.parent / "metrics.csv")
        found = read.trends
        more = {"trends": found.pooled, "trends-of-series": found.series} if found else {}
        for name, frame in {**more, "seeds": read.seeds}.items():
            if len(frame):
                frame.to_csv(page.parent / f"{name}.csv", index=False)
                written.append(page.parent / f"{name}.csv")
    for name, suffix in (("md", ".md"), ("latex", ".tex")):
        if name in wanted:
            written.append(reports.write_tables(read, page.with_suffix(suffix), name))
    if "figures" in wanted:
        written += reports.save(reports.figures(read), page.parent / "figures")
    if json_:
        from pyadvspur.cli.printing import print_json

        keys = {part.label: part.run.record["key"] for part in read.parts}
        print_json({"runs": keys, "written": written, "metrics": read.metrics()})
        return
    for path in written:
        print(f"wrote {path}")
