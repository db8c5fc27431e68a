"""The `advspur` command. One file per sub-command; heavy imports happen inside the commands."""

from __future__ import annotations


def main() -> None:
    """Entry point of the `advspur` script."""
    from pyadvspur.cli.app import app

    app()
