"""`advspur models`: what can be named, what a checkpoint is, and checkpoints as safetensors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pyadvspur.cli.finetune import finetune
from pyadvspur.cli.printing import Json

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
    from pyadvspur.cli import checks
    from pyadvspur.cli.printing import print_json

    found = {str(file): models.verify(file) for file in files}
    if json_:
        print_json(
            [{"file": file, "ok": bool(rows["ok"].all()), "items": rows} for file, rows in found.items()]
        )
    else:
        for file, rows in found.items():
            checks.show(rows, file)
    if not all(rows["ok"].all() for rows in found.values()):
        raise typer.Exit(1)


@app.command()
def convert(
    file: Annotated[Path, typer.Argument(help="A checkpoint: .ckpt, .pt, .pth or .safetensors.")],
    out: Annotated[Path, typer.Argument(help="Where to write; ends in .safetensors and must not exist.")],
    json_: Json = False,
) -> None:
    """Write a checkpoint as safetensors, every weight once, with what is known about it."""
    from pyadvspur import models
    from pyadvspur.cli.printing import print_json

    info = models.convert(file, out)
    if json_:
        sizes = {"bytes_before": file.stat().st_size, "bytes": out.stat().st_size}
        print_json({"file": file, "out": out, **sizes, "info": info})
        return
    sizes = f"{file.stat().st_size / 1e6:.1f} MB to {out.stat().st_size / 1e6:.1f} MB"
    print(f"wrote {out}: {sizes}, equal to {file.name} bit for bit")
    if "arch" in info:
        print(f"{info.get('release', info['arch'])}; load it by its path")
    else:
        print(f"load it with its architecture's name: package.module:factory@{out} or timm:NAME@{out}")
