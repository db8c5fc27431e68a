"""The 22 networks of a seed: their names, their files, and training one of them in a process of its own."""

from __future__ import annotations

import hashlib
import json
import os
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path

import torch
import train
from safetensors import safe_open
from safetensors.torch import save_file

HERE = Path(__file__).resolve().parent


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


def is_done(path: Path, job: Job, recipe: str) -> bool:
    """Whether the file holds this very network, of this very recipe."""
    if not path.is_file():
        return False
    with safe_open(path, framework="pt") as file:
        return file.metadata() == _metadata(job, recipe)


def compose(path: Path, config: dict, seed: int) -> None:
    """Training images are composed once and shared by all networks of a seed."""
    if not path.is_file():
        torch.save(train.training_images(config["training"], seed), path.with_suffix(".part"))
        os.replace(path.with_suffix(".part"), path)


def train_network(job: Job, config: dict, folder: str, images: str) -> tuple[str, float]:
    """Train one network and write its file; returns its name and the processor time it took, in seconds."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
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


def train_one(arguments: tuple[Job, dict, str, str]) -> tuple[str, float]:
    """`train_network` with its arguments in one, for a pool of processes."""
    return train_network(*arguments)
