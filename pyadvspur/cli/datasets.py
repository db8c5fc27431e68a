"""`advspur datasets`: what there is, check data on disk, make a small copy in the true layout."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pyadvspur.cli.printing import Json

app = typer.Typer(
    help="Data on disk: list what is known, verify a folder, or make a small sample.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("list")
def list_(json_: Json = False) -> None:
    """One line a benchmark: where to get its data, and under which licence."""
    from pyadvspur import benchmarks
    from pyadvspur.cli.printing import print_json

    names = benchmarks.names()
    if json_:
        classes = {name: benchmarks.find(name) for name in names}
        print_json([{"name": n, "homepage": c.homepage, "licence": c.licence} for n, c in classes.items()])
        return
    for name in names:
        found = benchmarks.find(name)
        about = [text for text in (found.homepage, found.licence) if text]
        print(f"{name:<{max(map(len, names))}}  {'; '.join(about) or 'made at run time, no download'}")


@app.command()
def verify(
    name: Annotated[str, typer.Argument(help="A benchmark, for example imagenet9.")],
    folder: Annotated[
        str | None,
        typer.Argument(help="Its folder, with options as DIR?size=32; none for benchmarks made at run time."),
    ] = None,
    json_: Json = False,
) -> None:
    """Say what is there, missing or wrong; exit code 1 if anything is."""
    from pyadvspur import benchmarks
    from pyadvspur.cli import checks
    from pyadvspur.cli.printing import print_json

    found = benchmarks.parse(name if folder is None else f"{name}={folder}").verify()
    if json_:
        print_json(found)
    else:
        checks.show(found)
    if not found["ok"].all():
        raise typer.Exit(1)


@app.command()
def sample(
    name: Annotated[str, typer.Argument(help="A benchmark that reads a folder, for example imagenet9.")],
    folder: Annotated[Path, typer.Argument(help="Where to write; must not exist, or be empty.")],
    per_class: Annotated[int, typer.Option(help="Images a class.")] = 4,
    seed: Annotated[int, typer.Option(help="Of the composition.")] = 0,
    damaged: Annotated[
        bool, typer.Option("--damaged", help="Spoil four images: truncated, empty, a web page, missing.")
    ] = False,
    json_: Json = False,
) -> None:
    """Write a small generated copy in the benchmark's true layout, from embedded digits and photographs."""
    from pyadvspur.benchmarks import layouts
    from pyadvspur.cli.printing import print_json

    count = layouts.sample(name, folder, per_class=per_class, seed=seed, damaged=damaged)
    if json_:
        print_json({"folder": folder, "files": count})
        return
    print(f"wrote {count} files under {folder}")
