"""What runs around `main` of an experiment on the linear model: the options of all experiments, and its settings."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from pyadvspur.claims.options import Options, parse
from pyadvspur.errors import bad

_Item = TypeVar("_Item")
_Found = TypeVar("_Found")


def run_linear(
    script: str, main: Callable[[Options, dict], dict], arguments: Sequence[str] | None = None
) -> dict[str, Any]:
    """Read options and config.toml beside `script`, run `main(options, config)`, say what it found and in what time."""
    began = time.monotonic()
    options = parse(script, (main.__doc__ or "").strip(), arguments, seed=None)
    _check_no_data(options)
    config = settings(script, options)
    options.out.mkdir(parents=True, exist_ok=True)
    outcome = main(options, config)
    for name, passed in outcome["checks"].items():
        print(f"  {'holds' if passed else 'does not hold':<14} {name}")
    print(f"{outcome['claim']}\n{outcome['verdict']}: {outcome['decided by']}")
    print(f"wrote {options.out} in {time.monotonic() - began:.0f} s")
    return outcome


def settings(script: str, options: Options) -> dict[str, Any]:
    """config.toml beside `script`; with --quick the values of its table [quick], with --seed that seed everywhere."""
    from pyadvspur.report.script import read_config

    config = read_config(script)
    quick = config.pop("quick", {})
    for key, value in quick.items() if options.quick else ():
        config[key] = config[key] | value if isinstance(value, dict) else value
    for table in (config, config.get("random", {})) if options.seed is not None else ():
        if "seed" in table:
            table["seed"] = options.seed
    return config


def side_by_side(
    options: Options, function: Callable[[_Item], _Found], items: Iterable[_Item]
) -> list[_Found]:
    """[function(item) for item in items], on so many threads as there are workers."""
    with ThreadPoolExecutor(options.workers) as pool:
        return list(pool.map(function, items))


def _check_no_data(options: Options) -> None:
    """Nothing is loaded, so what names data and models is refused rather than left unread."""
    given = {
        "--data": () if options.data == ("embedded",) else options.data, "--models": options.models,
        "--root": (options.root,) if options.root else (), "--trained": tuple(options.trained),
        "--limit": (str(options.limit),) if options.limit and not options.quick else (),
    }  # fmt: skip
    for name, value in given.items():
        if value:
            raise bad(
                "experiment", name, " ".join(value), "nothing here",
                "The linear model is computed: it has no data and no networks. --quick makes it smaller.",
            )  # fmt: skip
