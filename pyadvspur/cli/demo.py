"""`advspur demo`: the embedded suite end to end, without a download."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pyadvspur.cli.printing import Json

_ATTACKS = ["linf:1/255,2/255,4/255,8/255(steps=10)", "l2:0.25,0.5,1(steps=10)"]
_QUICK_ATTACKS = ["linf:2/255,8/255(steps=5)", "l2:0.25,1(steps=5)"]


def demo(
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder of the run; default advspur-demo.")
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Processes; default one a core, at most 4.")] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Fewer samples and attack steps: half a minute.")
    ] = False,
    json_: Json = False,
) -> None:
    """Evaluate the 22 embedded networks, clean and attacked; print the trade-off, write figures and a page.

    No download. Interrupt it with Ctrl-C and run it again: it goes on where it stopped.
    """
    import os
    import sys
    import time

    from pyadvspur import models, report
    from pyadvspur.cli import running

    began = time.monotonic()
    out = out or Path("advspur-demo-quick" if quick else "advspur-demo")
    workers = workers or min(4, os.cpu_count() or 1)
    run = running.run(
        f"advspur demo --out {out}{' --quick' if quick else ''}", models=models.suite("embedded20"),
        benchmarks=["embedded"], attacks=_QUICK_ATTACKS if quick else _ATTACKS, out=out, workers=workers,
        threads=1 if workers > 1 else None, limit=100 if quick else None, device="cpu",
    )  # fmt: skip
    running.show(run, json_)
    report.write(run, out / "report.html")
    figures = report.save(report.figures(run), out / "figures")
    to = sys.stderr if json_ else sys.stdout
    print(
        f"\n{time.monotonic() - began:.0f} s. Outcomes: {out}/units; page: {out}/report.html; figures:",
        file=to,
    )
    for path in figures:
        print(f"  {path}", file=to)
    running.finish(run)
