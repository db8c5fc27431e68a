"""`advspur attack`: check what an attack claims to have found."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pyadvspur.cli.printing import Json

app = typer.Typer(help="Adversarial points: recheck them.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _attack() -> None:
    """Adversarial points: recheck them."""


@app.command()
def verify(
    file: Annotated[
        Path, typer.Argument(help="A file of points, or the folder of a run made with --save-points.")
    ],
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="What to load. Default: the name in the file.")
    ] = None,
    benchmark: Annotated[
        str | None,
        typer.Option("--benchmark", "-b", help="NAME=DIR: the clean images must be this benchmark's, too."),
    ] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    json_: Json = False,
) -> None:
    """Recheck every claimed break with an independent judge: float32 forward, ball, box. Exit code 1 if one fails.

    advspur evaluate -m embedded:cnn_standard -b embedded -a linf:1/255 --save-points --out runs/a
    advspur attack verify runs/a
    """
    import sys

    from pyadvspur.cli.printing import print_json
    from pyadvspur.evaluation import points

    def note(text: str) -> None:
        print(text, file=sys.stderr)

    found = list(points.recheck_files(file, model, benchmark=benchmark, device=device, note=note))
    frame = points.table(found)
    if json_:
        print_json(frame)
    else:
        print(frame.round(4).to_string(index=False))
    claims = sum(len(answer.rows) for _, answer in found)
    refuted = sum(answer.refuted for _, answer in found)
    print(f"{claims - refuted} of {claims} claims hold", file=sys.stderr)
    if refuted:
        worst = next(answer.rows[~answer.rows["confirmed"]] for _, answer in found if answer.refuted)
        print(worst.head(10).to_string(index=False), file=sys.stderr)
        raise typer.Exit(1)
