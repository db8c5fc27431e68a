"""What `evaluate` and `demo` share: running so that Ctrl-C explains itself, showing tables, the exit code."""

from __future__ import annotations

import sys
import warnings
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from pyadvspur.evaluation import Run

_INTERRUPTED = 130  # the shell's code for Ctrl-C
_FAILED = 1
_SHOWN = 5  # images named at the end


def run(again: str, **arguments: Any) -> Run:
    """`evaluation.evaluate(**arguments)`; Ctrl-C says how far it came and how to go on. again: options to repeat."""
    from pyadvspur import evaluation

    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="evaluate: .* units failed")  # `finish` reports them
            return evaluation.evaluate(**arguments)
    except KeyboardInterrupt:
        try:
            progress = evaluation.load(arguments["out"]).progress()
            done, total = int(progress["done"].sum()), int(progress["samples"].sum())
            state = f"{done} of {total} outcomes are safe in {arguments['out']}"
        except ValueError:
            state = "nothing was finished yet"
        print(f"\nInterrupted: {state}. Run the same command again to go on ({again}).", file=sys.stderr)
        raise typer.Exit(_INTERRUPTED) from None


def expand(names: list[str]) -> list[str]:
    """Model names with suites and globs written out."""
    from pyadvspur import models
    from pyadvspur.errors import unknown

    found: list[str] = []
    for name in names:
        if name in models.SUITES:
            found += models.suite(name)
        elif "*" in name or "?" in name:
            matching = models.names(name)
            if not matching:
                raise unknown("evaluate", "model", name, models.names())
            found += matching
        else:
            found.append(name)
    return list(dict.fromkeys(found))


def show(run: Run, json: bool = False) -> None:
    """The trade-off table of every benchmark, with intervals, and its curves; or all numbers as JSON."""
    from pyadvspur import report
    from pyadvspur.cli.curves import curves
    from pyadvspur.cli.printing import print_json, print_table

    metrics = run.metrics()
    if json:
        print_json(
            {
                "out": run.out, "key": run.record["key"], "complete": run.complete, "models": run.models(),
                "metrics": metrics, "left_out": run.errors(), "failures": run.failures(),
                "gradients": run.gradients(),
            }
        )  # fmt: skip
        return
    tables = report.trade_off(run, metrics)
    lines = curves(metrics, {name: [row[0] for row in t.rows] for name, t in tables.items()})
    for name, table in tables.items():
        print_table(f"{name}: {table.caption}", table)
        if name in lines:
            print_table(f"{name}: {lines[name].caption}", lines[name])


def finish(run: Run) -> None:
    """Name the images that were left out and the units that failed; the latter leave with a code that says so."""
    for name, left_out in run.errors().groupby("benchmark", sort=False):
        some = f"{len(left_out)} image" + "s" * (len(left_out) > 1)
        print(f"\n{name}: {some} could not be used; no figure counts them:", file=sys.stderr)
        for error in left_out["error"].head(_SHOWN):
            print(f"  {error}", file=sys.stderr)
        if len(left_out) > _SHOWN:
            print(f"  ... and {len(left_out) - _SHOWN} more: run.errors() has them all", file=sys.stderr)
    doubtful = run.gradients()
    for row in doubtful[doubtful["warning"] != ""].itertuples():
        place = f"{row.model} on {row.benchmark}/{row.condition}, {row.attack}"
        print(f"\n{place}: {row.warning}", file=sys.stderr)
    if failures := run.failures():
        print(f"\n{len(failures)} units failed:", file=sys.stderr)
        by_error: dict[str, list[str]] = {}
        for label, error in failures.items():
            by_error.setdefault(error, []).append(label)
        for error, labels in by_error.items():
            more = f" and {len(labels) - 1} more" if len(labels) > 1 else ""
            print(f"  {labels[0]}{more}: {error}", file=sys.stderr)
        print("Running the same command again tries them again.", file=sys.stderr)
        raise typer.Exit(_FAILED)
