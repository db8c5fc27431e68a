"""`advspur experiment`: one of the folders of experiments/, each a claim with its config, command and figure."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def experiment(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Argument(help="For example embedded-suite. Without a name: list them.")
    ] = None,
) -> None:
    """Run one of the experiments; options after the name go to it."""
    import runpy
    import sys

    from pyadvspur.errors import AdvSpurError, unknown

    known = {path.parent.name: path for folder in _folders() for path in sorted(folder.glob("*/run.py"))}
    if name is None:
        for known_name in sorted(known):
            print(known_name.replace("_", "-"))
        return
    script = known.get(name.replace("-", "_"))
    if script is None:
        names = [n.replace("_", "-") for n in known]
        if not names:
            raise AdvSpurError("experiment: no experiments are installed beside this package")
        raise unknown("experiment", "name", name, names)
    before = sys.argv, list(sys.path)
    sys.argv = [str(script), *context.args]
    sys.path.insert(0, str(script.parent))  # an experiment may have modules of its own
    try:
        runpy.run_path(str(script), run_name="__main__")
    finally:
        sys.argv, sys.path[:] = before


def _folders() -> list[Path]:
    """Where experiments lie: inside an installed package, or beside it in a checkout."""
    import pyadvspur

    inside = [Path(folder) / "experiments" for folder in pyadvspur.__path__]
    beside = [Path(folder).parent / "experiments" for folder in pyadvspur.__path__]
    return [folder for folder in (*beside, *inside) if folder.is_dir()]
