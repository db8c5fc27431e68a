"""`advspur challenge`: the adversarial backgrounds of ImageNet-9."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from pyadvspur.cli.printing import Json

_INTERRUPTED = 130  # the shell's code for Ctrl-C


def challenge(
    benchmark: Annotated[str, typer.Argument(help="imagenet9=DIR; options follow a question mark.")],
    model: Annotated[str, typer.Option("--model", "-m", help="A name for models.load.")],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="JSON file of finished foregrounds; goes on from it.")
    ],
    limit: Annotated[
        int | None, typer.Option(help="At most so many foregrounds, by turns through the classes.")
    ] = None,
    batch_size: Annotated[int | None, typer.Option(help="Images a model call; changes no result.")] = None,
    threads: Annotated[int | None, typer.Option(help="CPU threads. Default: torch's.")] = None,
    device: Annotated[str | None, typer.Option(help="cpu or cuda. Default: cuda where there is one.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    json_: Json = False,
) -> None:
    """Count the objects that some background of the whole set makes a model lose.

    \b
    advspur challenge imagenet9=DIR --model torchvision:resnet50 --out runs/challenge-resnet50.json
    """
    import torch

    from pyadvspur import benchmarks
    from pyadvspur.benchmarks.imagenet9 import ImageNet9
    from pyadvspur.errors import bad

    found = benchmarks.parse(benchmark)
    if not isinstance(found, ImageNet9):
        raise bad("challenge", "benchmark", repr(benchmark), "imagenet9=DIR")
    if threads:
        torch.set_num_threads(threads)
    with _progress(quiet) as advance:
        try:
            result = found.challenge(
                model, limit=limit, batch_size=batch_size, device=device, out=out, advance=advance
            )
        except KeyboardInterrupt:
            print(
                f"\nInterrupted: finished foregrounds are safe in {out}. The same command goes on.",
                file=sys.stderr,
            )
            raise typer.Exit(_INTERRUPTED) from None
    accuracy = result.accuracy
    if json_:
        from dataclasses import asdict

        from pyadvspur.cli.printing import print_json

        counts = {key: getattr(result, key) for key in ("model", "backgrounds", "forwards", "possible")}
        print_json({**counts, "challenge_accuracy": asdict(accuracy), "out": out})
        return
    print(
        f"{result.model}: challenge accuracy {accuracy.value:.1%} [{accuracy.low:.1%}, {accuracy.high:.1%}], "
        f"n = {accuracy.n} foregrounds against {result.backgrounds} backgrounds"
    )
    share = result.forwards / max(1, result.possible)
    print(f"{result.forwards:,} of {result.possible:,} pairs were shown ({share:.1%}); rows are in {out}")


def _progress(quiet: bool):
    """A context whose value is advance(done, total): a bar on a terminal, nothing elsewhere."""
    from contextlib import contextmanager, nullcontext

    if quiet or not sys.stderr.isatty():
        return nullcontext(lambda done, total: None)

    @contextmanager
    def bar():
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("foregrounds"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True)) as shown:
            task = shown.add_task("", total=None)
            yield lambda done, total: shown.update(task, completed=done, total=total)

    return bar()
