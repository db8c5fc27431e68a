"""`advspur models`: what can be named."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(help="Models that can be named.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _models() -> None:
    """Models that can be named."""


@app.command("list")
def list_models(
    pattern: Annotated[str, typer.Argument(help="A glob, for example 'embedded:*_l2_*'.")] = "*",
) -> None:
    """List the models that need no file and no code of yours."""
    from pyadvspur import models
    from pyadvspur.errors import unknown

    names = models.names(pattern)
    if not names:
        raise unknown("models list", "pattern", pattern, models.names())
    for name in names:
        print(name)
    print(
        "\nAlso: package.module:factory (your own code), torchvision:NAME, timm:NAME, and any of these with @FILE "
        "for a checkpoint."
    )
