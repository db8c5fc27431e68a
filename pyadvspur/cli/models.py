"""`advspur models`: what can be named, what a checkpoint is, and checkpoints as safetensors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pyadvspur.cli.finetune import finetune
from pyadvspur.cli.printing import Json

if TYPE_CHECKING:
    import pandas

app = typer.Typer(
    help="Models that can be named; checkpoints checked and converted.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.callback()
def _models() -> None:
    """Models that can be named; checkpoints checked and converted."""


@app.command("list")
def list_models(
    pattern: Annotated[
        str, typer.Argument(help="A glob or a suite, for example 'embedded:*_l2_*' or salman20.")
    ] = "*",
    json_: Json = False,
) -> None:
    """List the models that need no code of yours: name, training, radius, published accuracy, where from."""
    from dataclasses import asdict

    from rich.table import Table

    from pyadvspur import models
    from pyadvspur.cli.printing import console, print_json
    from pyadvspur.errors import unknown

    names = models.suite(pattern) if pattern in models.SUITES else models.names(pattern)
    if not names:
        raise unknown("models list", "pattern", pattern, [*models.SUITES, *models.names()])
    if json_:
        print_json([asdict(models.info(name)) for name in names])
        return
    table = Table(
        "name", "trained in", "radius", "accuracy", "from", header_style="bold", pad_edge=False, box=None
    )
    for info in map(models.info, names):
        standard = "standard" if info.norm == "" else "?"
        accuracy = "" if info.accuracy is None else f"{info.accuracy:.2%}"
        radius = "" if not info.norm else str(info.published)
        table.add_row(info.name, info.norm or standard, radius, accuracy, info.source)
    console().print(table)
    print(
        "\nRadii are in [0,1] pixel units; accuracy is ImageNet top-1 as published. Released networks are files: put"
        "\nthem into a folder and say ADVSPUR_MODELS=FOLDER, or have them fetched: ADVSPUR_MODELS=hub, or"
        "\nhub:madrylab/robust-imagenet-models/NAME.ckpt."
        "\nAlso: FILE, hub:OWNER/NAME/FILE, random:K (a dry run), package.module:factory (your own code),"
        "\ntorchvision:NAME, timm:NAME, resnet18 and resnet50; any of the last four with @FILE for a checkpoint."
        f"\nSuites: {', '.join(models.SUITES)}."
    )


app.command("finetune")(finetune)


@app.command()
def verify(
    files: Annotated[list[Path], typer.Argument(help="Checkpoints: .ckpt, .pt, .pth or .safetensors.")],
    json_: Json = False,
) -> None:
    """Say what checkpoints are and what is wrong with them, running nothing from them; exit code 1 if anything is."""
    from pyadvspur import models
    from pyadvspur.cli.printing import print_json

    found = {str(file): models.verify(file) for file in files}
    if json_:
        print_json(
            [{"file": file, "ok": bool(rows["ok"].all()), "items": rows} for file, rows in found.items()]
        )
    else:
        for file, rows in found.items():
            _show(file, rows)
    if not all(rows["ok"].all() for rows in found.values()):
        raise typer.Exit(1)


@app.command()
def convert(
    file: Annotated[Path, typer.Argument(help="A checkpoint: .ckpt, .pt, .pth or .safetensors.")],
    out: Annotated[Path, typer.Argument(help="Where to write; ends in .safetensors and must not exist.")],
) -> None:
    """Write a checkpoint as safetensors, every weight once, with what is known about it."""
    from pyadvspur import models

    info = models.convert(file, out)
    sizes = f"{file.stat().st_size / 1e6:.1f} MB to {out.stat().st_size / 1e6:.1f} MB"
    print(f"wrote {out}: {sizes}, equal to {file.name} bit for bit")
    if "arch" in info:
        print(f"{info.get('release', info['arch'])}; load it by its path")
    else:
        print(f"load it with its architecture's name: package.module:factory@{out} or timm:NAME@{out}")


def _show(title: str, found: pandas.DataFrame) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from pyadvspur.cli.printing import console

    out = console()
    table = Table(
        "item", "expected", "found", "", "note", header_style="bold", pad_edge=False, box=box.SIMPLE_HEAD
    )
    for row in found.itertuples():
        state = Text("ok") if row.ok else Text("wrong", style="red")
        # text from a file is shown as it is, never read as markup
        texts = [Text(_short(value, out.width)) for value in (row.expected, row.found)]
        table.add_row(row.item, *texts, state, Text(row.note))
    out.print(Text(title, style="bold"))
    out.print(table)


def _short(value: str, width: int) -> str:
    return value if len(value) <= 24 or width >= 200 else f"{value[:12]}..."
