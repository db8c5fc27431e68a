"""`advspur card`: one page for one model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pyadvspur.cli.printing import Json

if TYPE_CHECKING:
    from pyadvspur.report.card import Card


def card(
    model: Annotated[str, typer.Argument(help="A name for models.load; with --run, as it is called there.")],
    out: Annotated[
        list[Path] | None,
        typer.Option("--out", "-o", help="FILE.html or FILE.md; repeat for both. Default: card.html."),
    ] = None,
    run: Annotated[
        Path | None, typer.Option("--run", help="A finished run to read, instead of evaluating now.")
    ] = None,
    reference: Annotated[
        Path | None,
        typer.Option(help="A run whose models give the percentiles. Default: the 22 embedded networks."),
    ] = None,
    benchmark: Annotated[
        list[str] | None,
        typer.Option("--benchmark", "-b", help="Without --run: NAME=DIR. Repeat. Default: embedded."),
    ] = None,
    attack: Annotated[
        list[str] | None,
        typer.Option("--attack", "-a", help="Without --run: NORM:EPS,... Default: those of the reference."),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(help="Without --run: at most so many samples a condition.")
    ] = None,
    threads: Annotated[int | None, typer.Option(help="Without --run: CPU threads. Default: torch's.")] = None,
    device: Annotated[str | None, typer.Option(help="Without --run: cpu or cuda.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    json_: Json = False,
) -> None:
    """Write one page for one model: how robust, on what it leans, against a reference series' percentiles.

    \b
    advspur card embedded:cnn_l2_eps0.5 --run advspur-demo -o card.html -o card.md
    advspur card my_pkg.models:build -b imagenet9=DIR -a linf:1/255 --limit 500 --reference runs/others
    """
    from dataclasses import asdict

    from pyadvspur import evaluation
    from pyadvspur.cli import running
    from pyadvspur.cli.printing import print_json
    from pyadvspur.errors import bad
    from pyadvspur.report import card as cards

    files = out or [Path("card.html")]
    for file in files:
        cards.check(file.suffix)
    series = cards.embedded() if reference is None else cards.of_run(evaluation.load(reference))
    given = {
        "--benchmark": benchmark,
        "--attack": attack,
        "--limit": limit,
        "--threads": threads,
        "--device": device,
    }
    if run is not None:
        if also := [name for name, value in given.items() if value]:
            raise bad("card", also[0], given[also[0]], "nothing beside --run, which holds finished outcomes")
        done = evaluation.load(run)
    else:
        folder = files[0].with_name(f"{files[0].stem}-run")
        done = running.run(
            f"--out {files[0]}", models=[model], benchmarks=benchmark or ["embedded"],
            attacks=series.attacks if attack is None else attack, out=folder, limit=limit, threads=threads,
            device=device, progress=not quiet,
        )  # fmt: skip
    made = cards.make(done, model, series)
    written = [cards.write(made, file) for file in files]
    if json_:
        print_json({**asdict(made), "run": done.out, "written": written})
    else:
        _print(made)
        for file in written:
            print(f"wrote {file}")
    if run is None:
        running.finish(done)


def _print(made: Card) -> None:
    from pyadvspur.cli.printing import console, print_table, sparkline
    from pyadvspur.report.card.writing import place, unit
    from pyadvspur.report.tables import Column, Table

    columns = (Column("measure", True), Column("value"), Column("n"), Column("percentile", True))
    for section in made.sections:
        rows = [*section.reliance, *section.accuracies]
        cells = [(row.title + unit(row), row.text, str(row.n), place(row)) for row in rows]
        for found in section.curves:
            line = f"{sparkline(found.values)}  {100 * found.values[0]:5.1f} > {100 * found.values[-1]:5.1f}"
            cells.append((f"{found.measure}, {found.norm}, %", line, str(found.n), ""))
        print_table(f"{made.model} on {section.name}", Table("", columns, tuple(cells), ""))
    out = console()
    for text in (*([f"Percentiles are among {made.reference}."] if made.reference else []), *made.caveats):
        out.print(text, style="dim", markup=False)
