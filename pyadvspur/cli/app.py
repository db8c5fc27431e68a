"""The command tree."""

from __future__ import annotations

import typer

from pyadvspur.cli import info

app = typer.Typer(
    name="advspur",
    help="Measure the price of adversarial robustness.",
    no_args_is_help=True,
    add_completion=False,
)
app.command("info")(info.info)


@app.callback()
def _root() -> None:
    """Measure the price of adversarial robustness."""
