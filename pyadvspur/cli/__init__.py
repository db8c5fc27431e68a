"""The `advspur` command. One file per sub-command; heavy imports happen inside the commands."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Entry point of the `advspur` script. An AdvSpurError, or a file that cannot be used, is one line on
    stderr and exit code 2."""
    from pyadvspur.cli.commands import COMMANDS, overview
    from pyadvspur.errors import AdvSpurError, unknown

    name = sys.argv[1] if len(sys.argv) > 1 else "--help"
    if name in ("--help", "-h"):
        print(overview())
        return
    if name == "--version":
        from pyadvspur import __version__

        print(__version__)
        return
    # before OpenMP starts: threads that wait must not spin, or several processes starve each other
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    try:
        if name not in COMMANDS:
            raise unknown("command line", "command", name, COMMANDS, "`advspur --help` lists them.")
        from pyadvspur.cli.app import build

        build(name)(prog_name="advspur")
    except AdvSpurError as error:
        print(f"advspur: {error}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:  # a file that was named on the command line
        if error.filename is None:
            raise
        why = "it is a file, not a folder" if isinstance(error, FileExistsError) else error.strerror
        print(f"advspur: {str(error.filename)!r} cannot be read or written ({why})", file=sys.stderr)
        sys.exit(2)
