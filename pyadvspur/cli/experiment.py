"""`advspur experiment`: one of the folders of experiments/, each a claim with its config, command and figure."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pyadvspur.cli.printing import Json


def experiment(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Argument(help="For example embedded-suite. Without a name: list them.")
    ] = None,
    json_: Json = False,
) -> None:
    """Run one of the experiments; options after the name go to it (NAME -- --help lists them). Without a name: all of
    them, each with the verdict that it came to on the embedded suite. --json prints its verdict alone."""
    import contextlib
    import runpy
    import sys

    from pyadvspur.cli.printing import print_json
    from pyadvspur.errors import AdvSpurError, unknown

    known = {path.parent.name: path for folder in _folders() for path in sorted(folder.glob("*/run.py"))}
    if name is None:
        rows = [
            {"name": key.replace("_", "-"), "title": _title(known[key]), "verdict": _shipped(known[key])}
            for key in sorted(known)
        ]
        if json_:
            print_json(rows)
            return
        wide = max((len(row["name"]) for row in rows), default=0)
        for row in rows:
            print(f"{row['name']:<{wide}}  {row['verdict'] or '-':<13}  {row['title']}")
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
        with contextlib.redirect_stdout(sys.stderr) if json_ else contextlib.nullcontext():
            runpy.run_path(str(script), run_name="__main__")
    finally:
        sys.argv, sys.path[:] = before
    if json_:
        print_json(_verdict(context.args, script))


def _title(script: Path) -> str:
    """The first line of the experiment's README."""
    readme = script.with_name("README.md")
    return readme.read_text(encoding="utf-8").partition("\n")[0].lstrip("# ") if readme.is_file() else ""


def _shipped(script: Path) -> str | None:
    """The verdict beside the experiment; None where it has none (those that train networks)."""
    import json

    file = script.with_name("verdict.json")
    return json.loads(file.read_text(encoding="utf-8"))["verdict"] if file.is_file() else None


def _verdict(arguments: list[str], script: Path) -> dict | None:
    """What the experiment wrote into verdict.json of its --out folder; None if it writes none."""
    import json

    out = Path("runs") / script.parent.name
    for place, word in enumerate(arguments):
        if word == "--out" and place + 1 < len(arguments):
            out = Path(arguments[place + 1])
        elif word.startswith("--out="):
            out = Path(word.removeprefix("--out="))
    file = out / "verdict.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None


def _folders() -> list[Path]:
    """Where experiments lie: inside an installed package, or beside it in a checkout."""
    import pyadvspur

    inside = [Path(folder) / "experiments" for folder in pyadvspur.__path__]
    beside = [Path(folder).parent / "experiments" for folder in pyadvspur.__path__]
    return [folder for folder in (*beside, *inside) if folder.is_dir()]
