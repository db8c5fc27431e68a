"""Train the embedded suite: `python experiments/embedded_suite/run.py --seed 0 --jobs 2 --out runs/embedded_suite`.

One thread a network, so that a seed gives the same weights whatever the number of jobs. A network that is already
in the folder (of the same recipe) is not trained again. `--ship` copies the result into the package.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import shutil
import sys
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))  # train.py, here and in the processes that are started


@dataclass(frozen=True)
class Job:
    """One network. eps is in [0,1] pixel units; norm "" and eps 0 are standard training."""

    name: str
    arch: str
    norm: str
    eps: float
    seed: int


def read_config() -> dict:
    """The recipe, with its SHA-256 (over config.toml and train.py) under "sha256"."""
    text = (HERE / "config.toml").read_bytes()
    digest = hashlib.sha256(text + (HERE / "train.py").read_bytes()).hexdigest()
    return {**tomllib.loads(text.decode()), "sha256": digest}


def jobs_of(config: dict, seed: int) -> list[Job]:
    """The 22 networks: by architecture, the standard one first, then by norm and radius."""
    jobs = []
    for arch in config["architectures"]:
        jobs.append(Job(f"{arch}_standard", arch, "", 0.0, seed))
        for norm, unit in (("l2", 1.0), ("linf", 255.0)):
            jobs += [
                Job(f"{arch}_{norm}_eps{eps:g}", arch, norm, eps / unit, seed)
                for eps in config["radii"][norm]
            ]
    return jobs


def _metadata(job: Job, recipe: str) -> dict[str, str]:
    # One entry only: several would be written in an order that changes from run to run.
    facts = {"arch": job.arch, "norm": job.norm, "eps": job.eps, "seed": job.seed, "recipe": recipe}
    return {"advspur": json.dumps(facts, sort_keys=True)}


def _is_done(path: Path, job: Job, recipe: str) -> bool:
    from safetensors import safe_open

    if not path.is_file():
        return False
    with safe_open(path, framework="pt") as file:
        return file.metadata() == _metadata(job, recipe)


def _compose(path: Path, config: dict, seed: int) -> None:
    """Training images are composed once and shared by all networks of a seed."""
    import torch
    import train

    if not path.is_file():
        torch.save(train.training_images(config["training"], seed), path.with_suffix(".part"))
        os.replace(path.with_suffix(".part"), path)


def _train(job: Job, config: dict, folder: str, images: str) -> tuple[str, float]:
    import torch
    from safetensors.torch import save_file

    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    import train

    data = torch.load(images, mmap=True, weights_only=True)
    start = time.process_time()
    network = train.train(job.arch, job.norm or None, job.eps, job.seed, config["training"], data)
    tensors = {key: value.contiguous() for key, value in network.state_dict().items()}
    part = Path(folder) / f"{job.name}.part"
    save_file(tensors, part, metadata=_metadata(job, config["sha256"]))
    os.replace(part, Path(folder) / f"{job.name}.safetensors")
    return job.name, time.process_time() - start


def write_manifest(folder: Path, jobs: list[Job], config: dict) -> None:
    """manifest.json: what each weights file is, with its SHA-256."""
    import torch

    networks = {}
    for job in jobs:
        file = f"{job.name}.safetensors"
        facts = {"arch": job.arch, "norm": job.norm, "eps": job.eps, "seed": job.seed}
        networks[job.name] = {
            "file": file,
            "sha256": hashlib.sha256((folder / file).read_bytes()).hexdigest(),
            **facts,
        }
    made = {"torch": torch.__version__, "recipe": config["sha256"], "seed": jobs[0].seed}
    (folder / "manifest.json").write_text(json.dumps({**made, "networks": networks}, indent=1) + "\n")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--jobs", type=int, default=2, help="networks trained at the same time, one thread each"
    )
    parser.add_argument("--out", type=Path, default=Path("runs/embedded_suite"))
    parser.add_argument("--only", nargs="*", help="names of networks; all by default")
    parser.add_argument("--ship", action="store_true", help="copy the result into the package")
    options = parser.parse_args(arguments)

    config = read_config()
    folder = options.out / f"seed{options.seed}"
    folder.mkdir(parents=True, exist_ok=True)
    jobs = jobs_of(config, options.seed)
    open_jobs = [
        job
        for job in jobs
        if (not options.only or job.name in options.only)
        and not _is_done(folder / f"{job.name}.safetensors", job, config["sha256"])
    ]
    print(f"recipe {config['sha256'][:12]}: {len(open_jobs)} of {len(jobs)} networks to train", flush=True)
    if open_jobs:
        os.environ.setdefault("OMP_WAIT_POLICY", "passive")
        os.environ["OMP_NUM_THREADS"] = "1"
        images = folder / f"images_{config['sha256'][:12]}.pt"
        _compose(images, config, options.seed)
        with multiprocessing.get_context("spawn").Pool(options.jobs) as pool:
            waiting = [pool.apply_async(_train, (job, config, str(folder), str(images))) for job in open_jobs]
            for result in waiting:
                name, seconds = result.get()
                print(f"{time.strftime('%H:%M:%S')} {name} {seconds:.0f} s of processor time", flush=True)
    if options.only:
        return
    write_manifest(folder, jobs, config)
    if options.ship:
        from pyadvspur.models.registry import WEIGHTS

        WEIGHTS.mkdir(exist_ok=True)
        for file in (*folder.glob("*.safetensors"), folder / "manifest.json"):
            shutil.copy2(file, WEIGHTS / file.name)


if __name__ == "__main__":
    main()
