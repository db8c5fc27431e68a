"""`advspur models finetune`: all weights of a network trained on a benchmark's own training images."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from pyadvspur.cli.printing import Json, print_json


def finetune(
    model: Annotated[str, typer.Argument(help="A name for models.load.")],
    benchmark: Annotated[str, typer.Argument(help="NAME=DIR, for example waterbirds=DIR.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="File to write; ends in .safetensors.")],
    epochs: Annotated[int, typer.Option(help="Passes over the training images.")] = 100,
    lr: Annotated[float, typer.Option(help="Constant rate of SGD with momentum .9.")] = 1e-3,
    weight_decay: Annotated[float, typer.Option(help="Of the optimiser.")] = 1e-3,
    batch_size: Annotated[int, typer.Option(help="Images a step.")] = 32,
    augment: Annotated[str | None, typer.Option(help="crop-flip.")] = None,
    select: Annotated[
        str, typer.Option(help="average = the pass with the best plain validation accuracy; last.")
    ] = "average",
    seed: Annotated[int, typer.Option(help="Of the new last layer, order and augmentation.")] = 0,
    device: Annotated[str | None, typer.Option(help="cpu or cuda. Default: cuda where there is one.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    json_: Json = False,
) -> None:
    """Fine-tune all weights on a benchmark's own training images; the same command goes on after Ctrl-C.

    advspur models finetune torchvision:resnet50 waterbirds=DIR --out resnet50_waterbirds.safetensors
    """
    from pyadvspur.evaluation import finetune as run

    try:
        done = run(
            model, benchmark, out, epochs=epochs, lr=lr, weight_decay=weight_decay, batch_size=batch_size,
            augment=augment, select=select, seed=seed, device=device, progress=not quiet,
        )  # fmt: skip
    except KeyboardInterrupt:
        print("\nInterrupted. Run the same command again to go on.", file=sys.stderr)
        raise typer.Exit(130) from None
    if json_:
        print_json({"out": out, "history": done.history})
        return
    best = done.history["clean_accuracy"].max()
    print(f"wrote {out}; highest plain validation accuracy {best:.1%}. Evaluate it: --model {out}")
