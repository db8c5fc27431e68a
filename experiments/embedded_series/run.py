"""More networks of the embedded suite: other contrasts of the background, other agreements, other seeds, l1.

    advspur experiment embedded-series --workers 2           # train what is missing
    advspur experiment embedded-series --ship             # and copy all into the package, in half precision

One thread a network, by the recipe of experiments/embedded_suite. A network that is already in the folder is not
trained again.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))  # series.py; processes that are started inherit it
os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def main(arguments: list[str] | None = None) -> None:
    import series

    parser = argparse.ArgumentParser(
        prog="advspur experiment embedded-series",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--workers", "--jobs", type=int, default=2, help="networks at work at the same time, one thread each"
    )
    parser.add_argument("--out", type=Path, default=Path("runs/embedded_series"))
    parser.add_argument("--only", nargs="*", help="names of networks, or how they begin; all by default")
    parser.add_argument("--ship", action="store_true", help="copy the networks into the package")
    options = parser.parse_args(arguments)
    config = series.read_config()
    jobs = series.jobs_of(config)
    wanted = tuple(options.only) if options.only else ("",)
    options.out.mkdir(parents=True, exist_ok=True)
    missing = [
        job for job in jobs if job.name.startswith(wanted) and not series.is_done(options.out, job, config)
    ]
    print(f"recipe {config['sha256'][:12]}: {len(missing)} of {len(jobs)} networks to train", flush=True)
    if missing:
        with multiprocessing.get_context("spawn").Pool(options.workers) as pool:
            work = [(job, config, str(options.out)) for job in missing]
            for name, seconds in pool.imap_unordered(series.train_network, work):
                print(f"{time.strftime('%H:%M:%S')} {name} {seconds:.0f} s of processor time", flush=True)
    if options.ship:
        from pyadvspur.models.registry import SERIES

        series.ship(options.out, SERIES, jobs, config)


if __name__ == "__main__":
    main()
