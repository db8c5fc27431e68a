"""What experiments read and write: config in, table and verdict out."""

from __future__ import annotations

import csv
import json
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np


def read_config(script: str) -> dict:
    """config.toml beside `script`."""
    return tomllib.loads((Path(script).resolve().parent / "config.toml").read_text())


def conclude(
    out: Path,
    claim: str,
    statement: str,
    checks: dict[str, bool],
    numbers: dict,
    reading: str,
    worded: dict[str, bool] | None = None,
) -> dict:
    """The outcome of an experiment; also written to out/verdict.json.

    checks: what was computed -> whether it came out as the exact statement says. worded: what the claim says in its
    own words -> whether that came out; none where the statement implies the claim. The claim holds where all do; it
    does not where the statement is borne out and its own words are not; where the statement is not, nothing is
    decided. reading: the result in words, if the statement is borne out.
    """
    failed = [name for name, passed in checks.items() if not passed]
    wrong = [name for name, passed in (worded or {}).items() if not passed]
    outcome = {
        "claim": claim,
        "statement": statement,
        "verdict": "not decided" if failed else "does not hold" if wrong else "holds",
        "decided by": "; ".join(failed or wrong) or "every check",
        "reading": "FAILS: " + "; ".join(failed) if failed else reading,
        "checks": {name: bool(passed) for name, passed in {**checks, **(worded or {})}.items()},
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
