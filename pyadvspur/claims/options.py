"""The options that every experiment takes, and what runs around its `main`."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyadvspur.errors import bad

if TYPE_CHECKING:
    from pyadvspur.evaluation import Run


@dataclass(frozen=True)
class Options:
    """data: benchmarks as `benchmarks.parse` reads them. models: names or suites; () = the experiment's own. root:
    folder of released checkpoints. trained: model -> (norm, eps) where it does not say itself. limit: samples a
    condition. quick: fewer radii and attack steps too. seed: None = the config's own."""

    out: Path
    data: tuple[str, ...] = ("embedded",)
    models: tuple[str, ...] = ()
    root: str | None = None
    trained: dict[str, tuple[str, float]] = field(default_factory=dict)
    workers: int = 1
    limit: int | None = None
    quick: bool = False
    seed: int | None = 0

    @property
    def embedded(self) -> bool:
        """Whether this is the embedded suite, with its own networks."""
        return self.data == ("embedded",) and not self.models

    def evaluate(self, name: str, models: Sequence[str], benchmarks, attacks: Sequence[str] = ()) -> Run:
        """`evaluation.evaluate` into out/name; goes on where it stopped."""
        from pyadvspur import evaluation

        named = {model.removeprefix("embedded:"): model for model in models}
        with _ModelsIn(self.root):
            return evaluation.evaluate(
                models=named, benchmarks=benchmarks, attacks=attacks, out=self.out / "runs" / name,
                workers=self.workers, threads=1 if self.workers > 1 else None, limit=self.limit, seed=self.seed or 0,
            )  # fmt: skip

    def chosen(self, default: Sequence[str]) -> list[str]:
        """The models asked for, suites written out; else the default."""
        from pyadvspur import models

        found = [n for name in self.models for n in (models.suite(name) if name in models.SUITES else [name])]
        return list(dict.fromkeys(found)) or list(default)


def parse(script: str, about: str, arguments: Sequence[str] | None = None, seed: int | None = 0) -> Options:
    """Options from the command line; `script` is the experiment's run.py, seed what --seed is if it is not given."""
    folder = Path(script).resolve().parent
    parser = argparse.ArgumentParser(
        prog=f"advspur experiment {folder.name.replace('_', '-')}", description=about,
    )  # fmt: skip
    add = parser.add_argument
    add(
        "--data",
        nargs="+",
        action="extend",
        metavar="NAME=DIR",
        help="data sets; the embedded suite by default",
    )
    add("--models", nargs="+", action="extend", metavar="NAME", help="models or suites, such as salman20")
    add("--root", help="folder of the released checkpoints (or 'hub')")
    add("--trained", nargs="+", action="extend", default=[], metavar="NAME=NORM:EPS", help="how a model of your own "
        "was trained: my.module:net=l2:0.5, or my.module:net=standard")  # fmt: skip
    add("--out", type=Path, default=Path("runs") / folder.name, help="folder of everything it writes")
    add(
        "--workers",
        type=int,
        default=min(4, os.cpu_count() or 1),
        help="processes; of the linear model: threads",
    )
    add("--limit", type=int, help="samples a condition")
    shown = "that of config.toml" if seed is None else "%(default)s"
    add("--seed", type=int, default=seed, help=f"of everything that is drawn; default: {shown}")
    add("--quick", action="store_true", help="few samples and radii: does it run?")
    got = parser.parse_args(arguments)
    if got.workers < 1:
        raise bad("experiment", "--workers", got.workers, "an integer >= 1")
    if got.limit is not None and got.limit < 1:
        raise bad("experiment", "--limit", got.limit, "an integer >= 1")
    limit = got.limit or (60 if got.quick else None)
    return Options(
        got.out, tuple(got.data or ("embedded",)), tuple(got.models or ()), got.root,
        dict(_trained(text) for text in got.trained), got.workers, limit, got.quick, got.seed,
    )  # fmt: skip


def run_claim(
    script: str, main: Callable[[Options, dict], dict], arguments: Sequence[str] | None = None
) -> dict[str, Any]:
    """Read options and config.toml beside `script`, run `main(options, config)`, say what it found and in what time."""
    from pyadvspur.report.script import read_config

    began = time.monotonic()
    options = parse(script, (main.__doc__ or "").strip(), arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    outcome = main(options, read_config(script))
    for check in outcome["checks"]:
        print(
            f"  {check['outcome']:<14} {check['name']}: {_interval(check)} (claimed {check['side']} {check['bound']:g})"
        )
    for note in outcome["notes"]:
        print(f"  note: {note}")
    print(f"{outcome['claim']}\n{outcome['verdict']}: {outcome['decided by']}")
    print(f"wrote {options.out} in {time.monotonic() - began:.0f} s")
    return outcome


def smaller(options: Options, **changes: Any) -> Options:
    """The same with other values."""
    return replace(options, **changes)


def _interval(check: dict) -> str:
    shown = ["undefined" if check[key] is None else f"{check[key]:.3g}" for key in ("value", "low", "high")]
    return f"{shown[0]} [{shown[1]}, {shown[2]}]"


def _trained(text: str) -> tuple[str, tuple[str, float]]:
    from pyadvspur import attacks

    name, equal, how = text.rpartition("=")
    if not equal:
        raise bad("experiment", "--trained", repr(text), "NAME=NORM:EPS, such as my.module:net=linf:4/255")
    if how == "standard":
        return name, ("", 0.0)
    spec = attacks.parse(how)
    return name, (spec.norm, spec.eps[0])


class _ModelsIn:
    """The folder of released checkpoints, as `models.load` and worker processes look for it."""

    def __init__(self, root: str | None) -> None:
        self.root = root

    def __enter__(self) -> None:
        from pyadvspur.models.files import FOLDERS

        self.name, self.before = FOLDERS, os.environ.get(FOLDERS)
        if self.root is not None:
            os.environ[FOLDERS] = self.root

    def __exit__(self, *error: object) -> None:
        if self.root is not None:
            if self.before is None:
                del os.environ[self.name]
            else:
                os.environ[self.name] = self.before
