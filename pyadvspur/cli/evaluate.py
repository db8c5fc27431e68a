"""`advspur evaluate`: models on benchmarks, clean and attacked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pyadvspur.cli.printing import Json


def evaluate(
    model: Annotated[
        list[str],
        typer.Option(
            "--model",
            "-m",
            help="A name for models.load, a suite, or a glob such as 'embedded:cnn_*'. Repeat.",
        ),
    ],
    benchmark: Annotated[
        list[str],
        typer.Option(
            "--benchmark",
            "-b",
            help="NAME, or NAME=DIR for data on disk, or NAME=DIR?option=value&... Repeat.",
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder of the run. The same command goes on in it.")
    ],
    attack: Annotated[
        list[str] | None,
        typer.Option(
            "--attack", "-a", help="NORM:EPS,...; radii in [0,1] pixel units: linf:1/255,4/255. Repeat."
        ),
    ] = None,
    workers: Annotated[int, typer.Option(help="Processes; 1 works in this one.")] = 1,
    threads: Annotated[
        int | None, typer.Option(help="CPU threads of each process. Default: all, shared out.")
    ] = None,
    engine: Annotated[str, typer.Option(help="Where units run.")] = "local",
    precision: Annotated[
        str, typer.Option(help="Of the attack's search, and of the first look on CUDA; float32 decides.")
    ] = "auto",
    seed: Annotated[int, typer.Option(help="Of noise and attack starts.")] = 0,
    batch_size: Annotated[
        int | None, typer.Option(help="Samples a batch; changes no outcome on the CPU.")
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(
            help="cpu, cuda, cuda:1, or several: cuda:0,cuda:1, a process each. Default: cuda where there is one."
        ),
    ] = None,
    limit: Annotated[int | None, typer.Option(help="At most so many samples a condition.")] = None,
    save_points: Annotated[
        bool, typer.Option("--save-points", help="Keep adversarial images, for `advspur attack verify`.")
    ] = False,
    accelerate: Annotated[
        str,
        typer.Option(
            help="auto: clean images by CUDA graphs where there is CUDA. Of the search too: compile, or graph. none. "
            "Falls back with a message."
        ),
    ] = "auto",
    on_error: Annotated[
        str,
        typer.Option(
            help="An image that cannot be used: raise = its unit fails; record = a row says why, the rest goes on."
        ),
    ] = "raise",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    json_: Json = False,
) -> None:
    """Evaluate models on benchmarks, clean and attacked, and record every outcome.

    \b
    advspur evaluate --model my_pkg.models:build --benchmark imagenet9=DIR --attack linf:1/255,2/255 --out runs/a
    """
    from pyadvspur.cli import running

    run = running.run(
        f"--out {out}", models=running.expand(model), benchmarks=benchmark, attacks=attack or [], out=out,
        engine=engine, workers=workers, threads=threads, precision=precision, seed=seed, batch_size=batch_size,
        device=device, limit=limit, save_points=save_points, accelerate=accelerate, on_error=on_error,
        progress=not quiet,
    )  # fmt: skip
    running.show(run, json_)
    if not json_:
        print(f"\nOutcomes are in {out}; `advspur report {out}` writes the page.")
    running.finish(run)
