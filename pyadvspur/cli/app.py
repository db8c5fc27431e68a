"""The command tree. Each command's module imports typer only; everything heavy is imported inside the command."""

from __future__ import annotations

import importlib

import typer

#: name -> module:function, in the order of `advspur --help`
COMMANDS = {
    "demo": "demo:demo",
    "evaluate": "evaluate:evaluate",
    "report": "report:report",
    "theory": "theory:theory",
    "experiment": "experiment:experiment",
    "info": "info:info",
}
#: groups of commands: name -> module:typer application
GROUPS = {
    "models": "models:app",
    "datasets": "datasets:app",
}

# Help is plain text: rich's renderer alone costs 80 ms, more than typer itself.
app = typer.Typer(
    name="advspur",
    help="Measure the price of adversarial robustness.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback()
def _root() -> None:
    """Measure the price of adversarial robustness."""


def _find(where: str):
    module, name = where.split(":")
    return getattr(importlib.import_module(f"pyadvspur.cli.{module}"), name)


for _name, _where in COMMANDS.items():
    more = {"allow_extra_args": True, "ignore_unknown_options": True} if _name == "experiment" else {}
    app.command(_name, context_settings=more)(_find(_where))
for _name, _where in GROUPS.items():
    app.add_typer(_find(_where), name=_name)
