"""A command as a typer application. Command modules import typer only; the rest is imported inside the command."""

from __future__ import annotations

import importlib

import typer

from pyadvspur.cli.commands import COMMANDS


def build(name: str) -> typer.Typer:
    """The application `advspur` with the one command that is going to run."""
    # Help is plain text: rich's renderer alone costs 80 ms, more than typer itself.
    app = typer.Typer(
        name="advspur", add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False,
    )  # fmt: skip

    @app.callback()
    def _root() -> None:
        """Measure the price of adversarial robustness."""

    module, attribute = COMMANDS[name][0].split(":")
    found = getattr(importlib.import_module(f"pyadvspur.cli.{module}"), attribute)
    if isinstance(found, typer.Typer):
        app.add_typer(found, name=name)
    else:
        # what follows an experiment's name is the experiment's to read
        more = {"allow_extra_args": True, "ignore_unknown_options": True} if name == "experiment" else {}
        app.command(name, context_settings=more)(found)
    return app
