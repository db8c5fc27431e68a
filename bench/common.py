"""What every benchmark script shares: options, interleaved timing, bandwidth, the printed table, the saved result.

A script reads:

    run = common.start(__doc__, "step")              # options, threads, machine line
    run.check("linf equals torchattacks", worst)     # equality first; a failed check ends the script
    times = run.measure({"ours": f, "peer": g})      # interleaved repeats
    run.row(case="linf", **common.against(times, "ours", "peer"))
    run.finish()                                     # table; with --save bench/results/step.json
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # before torch: waiting pools must not spin on busy cores

import argparse
import gc
import json
import platform
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch

RESULTS = Path(__file__).resolve().parent / "results"


@dataclass(frozen=True)
class Times:
    """Seconds of each repeat, in the order they were taken."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def spread(self) -> float:
        """Interquartile range over the median."""
        if len(self.seconds) < 4:
            return (max(self.seconds) - min(self.seconds)) / self.median
        low, _, high = statistics.quantiles(self.seconds, n=4)
        return (high - low) / self.median


def measure(
    cases: dict[str, Callable[[], object]],
    repeats: int = 15,
    warmup: int = 2,
    before: Callable[[], object] | None = None,
) -> dict[str, Times]:
    """Run the cases in turn, `repeats` times each, so that a busy machine disturbs all alike.

    before: called ahead of every timed call and not timed (to reset a state, to flush a cache).
    """
    taken: dict[str, list[float]] = {name: [] for name in cases}
    gc_was_on = gc.isenabled()
    gc.disable()
    try:
        for turn in range(warmup + repeats):
            for name, case in cases.items():
                if before is not None:
                    before()
                start = time.perf_counter()
                case()
                seconds = time.perf_counter() - start
                if turn >= warmup:
                    taken[name].append(seconds)
    finally:
        if gc_was_on:
            gc.enable()
    return {name: Times(tuple(seconds)) for name, seconds in taken.items()}


def measure_cuda(
    cases: dict[str, Callable[[], object]], repeats: int = 30, warmup: int = 5, calls: int = 1
) -> dict[str, Times]:
    """The same on the current CUDA device, with events; each timing spans `calls` calls and is divided by them."""
    taken: dict[str, list[float]] = {name: [] for name in cases}
    for turn in range(warmup + repeats):
        for name, case in cases.items():
            start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            start.record()
            for _ in range(calls):
                case()
            end.record()
            end.synchronize()
            if turn >= warmup:
                taken[name].append(start.elapsed_time(end) / 1e3 / calls)
    return {name: Times(tuple(seconds)) for name, seconds in taken.items()}


def against(times: dict[str, Times], ours: str, peer: str) -> dict[str, float]:
    """Columns of a comparison; the ratio is the median over pairs of neighbouring runs."""
    pairs = zip(times[peer].seconds, times[ours].seconds, strict=True)
    return {
        "ours_ms": times[ours].median * 1e3,
        "peer_ms": times[peer].median * 1e3,
        "ratio": statistics.median(theirs / mine for theirs, mine in pairs),
        "spread": max(times[ours].spread, times[peer].spread),
    }


def triad(n: int = 1 << 25) -> Callable[[], object]:
    """a = b + s c over n floats, one fused loop of torch: the stream triad (McCalpin). Time it beside the kernels.

    Its traffic is `triad_bytes(n)`.
    """
    a, b, c = (torch.full((n,), float(i)) for i in range(3))
    return lambda: torch.add(b, c, alpha=3.0, out=a)


def triad_bytes(n: int = 1 << 25) -> int:
    """Bytes a triad moves: two reads, one write, and the read of the lines it will overwrite."""
    return 16 * n


def machine() -> dict[str, object]:
    """What the figures were taken on. No host name."""
    import pyadvspur
    from pyadvspur.native import core

    cpu = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        cpu = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), cpu)
    return {
        "cpu": cpu,
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "instruction_set": core.info()["instruction_set"],
        "python": platform.python_version(),
        "torch": torch.__version__,
        "pyadvspur": pyadvspur.__version__,
    }


def remarks(page: Path) -> str:
    """What somebody wrote by hand below the table and the machine's line: a new table keeps it."""
    text = page.read_text() if page.exists() else ""
    _, machine_line, rest = text.partition("\n\nbenchmark ")
    return rest.partition("\n")[2] if machine_line else ""


@dataclass
class Run:
    """One benchmark: its options, its checks, its rows."""

    name: str
    options: argparse.Namespace
    machine: dict[str, object]
    checks: list[dict[str, object]] = field(default_factory=list)
    rows: list[dict[str, object]] = field(default_factory=list)

    @property
    def quick(self) -> bool:
        return self.options.quick

    def check(self, what: str, error: float, allowed: float = 0.0) -> None:
        """Equality comes before speed: end the script where the error is above what is allowed."""
        ok = error <= allowed
        print(f"check  {what}: error {error:.3g}, allowed {allowed:.3g}: {'ok' if ok else 'FAILED'}")
        self.checks.append({"what": what, "error": error, "allowed": allowed})
        if not ok:
            sys.exit(f"{self.name}: {what} failed; no timing is worth printing")

    def measure(
        self, cases: dict[str, Callable[[], object]], repeats: int | None = None, **more
    ) -> dict[str, Times]:
        """`measure` with the script's number of repeats."""
        return measure(cases, repeats or self.options.repeats or (5 if self.quick else 21), **more)

    def row(self, **columns: object) -> None:
        self.rows.append(columns)

    def keep(self, row: dict[str, object], by: tuple[str, ...], order: Callable[[dict], object]) -> None:
        """With --save: the row in the saved table at once, beside those of other cases; a row with the same values of
        `by` is replaced. For scripts whose cases take minutes each and are run one by one."""
        if not self.options.save:
            return
        same = [row[name] for name in by]
        others = [old for old in self.kept() if [old.get(name) for name in by] != same]
        self.rows, mine = sorted([*others, row], key=order), self.rows
        try:
            self.finish()
        finally:
            self.rows = mine

    def kept(self) -> list[dict[str, object]]:
        """The rows that earlier runs saved."""
        file = RESULTS / f"{self.name}.json"
        return json.loads(file.read_text())["rows"] if file.exists() else []

    def finish(self) -> None:
        """Print the table; with --save also write it."""
        text = table(self.rows)
        print(f"\n{text}\n")
        if self.options.save:
            RESULTS.mkdir(exist_ok=True)
            head = {"benchmark": self.name, "quick": self.quick, "threads": torch.get_num_threads()}
            content = head | {"machine": self.machine, "checks": self.checks, "rows": self.rows}
            (RESULTS / f"{self.name}.json").write_text(json.dumps(content, indent=1) + "\n")
            note = ", ".join(f"{key} {value}" for key, value in (head | self.machine).items())
            page = RESULTS / f"{self.name}.md"
            page.write_text(f"{text}\n\n{note}\n{remarks(page)}")


def start(doc: str | None, name: str, add: Callable[[argparse.ArgumentParser], object] | None = None) -> Run:
    """Read the command line (`add` may add options), set the threads, say where we are."""
    parser = argparse.ArgumentParser(description=(doc or name).strip().splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes, few repeats")
    parser.add_argument("--save", action="store_true", help=f"write bench/results/{name}.json and .md")
    parser.add_argument(
        "--threads", type=int, default=torch.get_num_threads(), help="for torch and for the kernels"
    )
    parser.add_argument("--repeats", type=int, default=0, help="0: the script's choice")
    if add is not None:
        add(parser)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    here = machine()
    print(f"{name}: {options.threads} threads; " + ", ".join(f"{key} {value}" for key, value in here.items()))
    return Run(name, options, here)


def table(rows: list[dict[str, object]]) -> str:
    """Rows as a Markdown table; columns in the order in which they first appear."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    cells = [columns] + [[_cell(row.get(column, "")) for column in columns] for row in rows]
    widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
    lines = [
        "| " + " | ".join(text.ljust(width) for text, width in zip(line, widths)) + " |" for line in cells
    ]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]])


def _cell(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
