"""The `advspur` command. One file per sub-command; heavy imports happen inside the commands."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Entry point of the `advspur` script. An AdvSpurError is one line on stderr and exit code 2."""
    # before OpenMP starts: threads that wait must not spin, or several processes starve each other
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    from pyadvspur.cli.app import app
    from pyadvspur.errors import AdvSpurError

    try:
        app()
    except AdvSpurError as error:
        print(f"advspur: {error}", file=sys.stderr)
        sys.exit(2)
