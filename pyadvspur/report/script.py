"""What every experiments/*/run.py of the linear theory does around its `main`: config in, table and verdict out."""

from __future__ import annotations

import argparse
import csv
import json
import tomllib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np


def run_script(
    script: str, main: Callable[[Path, dict], dict], arguments: Sequence[str] | None = None
) -> None:
    """Read config.toml beside `script`, run `main(out, config)`, write verdict.json and print it."""
    folder = Path(script).resolve().parent
    parser = argparse.ArgumentParser(prog=folder.name, description=(main.__doc__ or "").strip())
    parser.add_argument(
        "--out", type=Path, default=Path("runs") / folder.name, help="folder for what it writes"
    )
    out = parser.parse_args(arguments).out
    out.mkdir(parents=True, exist_ok=True)
    outcome = main(out, read_config(script))
    print(json.dumps(outcome, indent=1))
    print(f"wrote {out}")


def read_config(script: str) -> dict:
    """config.toml beside `script`."""
    return tomllib.loads((Path(script).resolve().parent / "config.toml").read_text())


def conclude(
    out: Path, claim: str, statement: str, checks: dict[str, bool], numbers: dict, verdict: str
) -> dict:
    """The outcome of an experiment; also written to out/verdict.json.

    checks: what was computed -> whether it came out as the statement says. verdict: the sentence if all of them did.
    """
    failed = [name for name, passed in checks.items() if not passed]
    outcome = {
        "claim": claim,
        "statement": statement,
        "verdict": verdict if not failed else "FAILS: " + "; ".join(failed),
        "checks": {name: bool(passed) for name, passed in checks.items()},
        "numbers": {name: _short(value) for name, value in numbers.items()},
    }
    (out / "verdict.json").write_text(json.dumps(outcome, indent=1) + "\n")
    return outcome


def write_table(out: Path, columns: Sequence[str], rows: Iterable[Sequence]) -> None:
    """out/table.csv, numbers to ten digits."""
    with (out / "table.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([[f"{v:.10g}" if isinstance(v, float) else v for v in row] for row in rows])


def _short(value):
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_short(v) for v in value]
    if isinstance(value, dict):
        return {key: _short(v) for key, v in value.items()}
    return float(f"{value:.4g}") if isinstance(value, (float, np.floating)) else value
