"""The embedded suite: train its 22 networks, evaluate them, write the tables.

    advspur experiment embedded-suite --seed 0 --workers 2

One thread a network, so that a seed gives the same weights whatever the number of workers. A network that is already
in the folder (of the same recipe) is not trained again, and an evaluation goes on where it stopped. `--ship` copies
networks and manifest into the package.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import shutil
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))  # networks.py and train.py; processes that are started inherit the path
os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def train_seed(seed: int, options: argparse.Namespace) -> Path:
    """Train what is missing of a seed's networks; returns their folder, with its manifest."""
    import networks

    config = networks.read_config()
    folder = options.out / f"seed{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    jobs = networks.jobs_of(config, seed)
    missing = [
        job
        for job in jobs
        if (not options.only or job.name in options.only)
        and not networks.is_done(folder / f"{job.name}.safetensors", job, config["sha256"])
    ]
    print(
        f"seed {seed}, recipe {config['sha256'][:12]}: {len(missing)} of {len(jobs)} networks to train",
        flush=True,
    )
    if missing:
        images = folder / f"images_{config['sha256'][:12]}.pt"
        networks.compose(images, config, seed)
        with multiprocessing.get_context("spawn").Pool(options.workers) as pool:
            arguments = [(job, config, str(folder), str(images)) for job in missing]
            for name, seconds in pool.imap_unordered(networks.train_one, arguments):
                print(f"{time.strftime('%H:%M:%S')} {name} {seconds:.0f} s of processor time", flush=True)
        images.unlink()
    if not options.only:
        networks.write_manifest(folder, jobs, config)
    return folder


def ship(folder: Path) -> None:
    """Copy a seed's networks into the package."""
    from pyadvspur.models.registry import WEIGHTS

    WEIGHTS.mkdir(exist_ok=True)
    for old in WEIGHTS.glob("*.safetensors"):
        old.unlink()
    for file in (*folder.glob("*.safetensors"), folder / "manifest.json"):
        shutil.copyfile(file, WEIGHTS / file.name)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="advspur experiment embedded-suite",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seed", type=int, nargs="+", default=[0, 1])
    parser.add_argument(
        "--workers", "--jobs", type=int, default=2, help="networks at work at the same time, one thread each"
    )
    parser.add_argument("--out", type=Path, default=Path("runs/embedded_suite"))
    parser.add_argument("--only", nargs="*", help="names of networks to train; all by default")
    parser.add_argument("--train", action="store_true", help="train only, no evaluation")
    parser.add_argument("--ship", action="store_true", help="copy the first seed's networks into the package")
    parser.add_argument(
        "--save", action="store_true", help="write the tables to results/ beside this file, not to --out"
    )
    options = parser.parse_args(arguments)
    folders = {seed: train_seed(seed, options) for seed in options.seed}
    if options.ship:
        ship(folders[options.seed[0]])
    if options.train or options.only:
        return
    import results

    for seed, folder in folders.items():
        results.write(folder, seed, options.workers, HERE / "results" if options.save else options.out)


if __name__ == "__main__":
    main()
