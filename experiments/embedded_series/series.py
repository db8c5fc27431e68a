"""The networks of the series: what sets each apart, training one in a process of its own, shipping them in halves."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
import tomllib
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "embedded_suite"))

import networks  # noqa: E402
import train  # noqa: E402

from pyadvspur.benchmarks import embedded_scenes as scenes  # noqa: E402

#: by which letters of a name a series is known, and the values of the suite itself, whose networks ship already
SERIES = {
    "contrast": ("contrast", 1.0), "agreement": ("agree", 0.6), "images": ("images", 40.0), "seed": ("seed", 0),
}  # fmt: skip


@dataclass(frozen=True)
class Job:
    """One network. series: in what it differs from the suite's, by `value`. eps in [0,1] pixel units."""

    series: str
    value: float
    arch: str
    norm: str
    eps: float

    @property
    def name(self) -> str:
        kind = (
            f"{self.norm}_eps{self.eps * (255 if self.norm == 'linf' else 1):g}" if self.norm else "standard"
        )
        return f"{SERIES[self.series][0]}{self.value:g}_{self.arch}_{kind}"

    @property
    def seed(self) -> int:
        return int(self.value) if self.series == "seed" else 0

    def setting(self, series: str) -> float:
        """What this network was trained with, of "contrast", "agreement" and "images" (in thousands)."""
        return self.value if self.series == series else SERIES[series][1]

    @property
    def images(self) -> int:
        """How many training images it was shown, each once."""
        return round(1000 * self.setting("images"))

    def facts(self) -> dict:
        own = asdict(self)
        return {key: own[key] for key in ("arch", "norm", "eps", "series")} | {
            "seed": self.seed,
            "contrast": self.setting("contrast"),
            "agreement": self.setting("agreement"),
            "images": self.images,
        }


def jobs_of(config: dict) -> list[Job]:
    """All networks that the suite does not have."""
    jobs = []
    for series, (_, usual) in SERIES.items():
        for value in config[series]["values"]:
            if config[series]["standard"] and value != usual:
                jobs.append(Job(series, value, config["architecture"], "", 0.0))
            for norm, unit in (("linf", 255), ("l2", 1), ("l1", 1)):
                if value == usual and norm != "l1":
                    continue
                radii = config[series].get(norm, ())
                jobs += [Job(series, value, config["architecture"], norm, eps / unit) for eps in radii]
    return jobs


def read_config() -> dict:
    """The series, with the suite's recipe under "training" and its SHA-256 under "sha256"."""
    suite = networks.read_config()
    own = tomllib.loads((HERE / "config.toml").read_text())
    return {**own, "training": suite["training"], "sha256": suite["sha256"]}


def training_images(job: Job) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """As the suite's (`train.training_images`), with this network's agreement, contrast and number."""
    n = job.images
    ids = (job.seed + 1 << 40) + np.arange(n)
    images, labels = np.empty((n, 3, scenes.SIZE, scenes.SIZE), np.uint8), np.empty(n, np.int64)
    for start in range(0, n, 1000):
        part = slice(start, start + 1000)
        drawn = replace(scenes.draw_scenes(ids[part], train=True), contrast=job.setting("contrast"))
        chosen = scenes.agree_with(drawn, job.setting("agreement"))
        images[part] = scenes.compose(chosen)[0].transpose(0, 3, 1, 2)
        labels[part] = chosen.label
    return torch.from_numpy(images), torch.from_numpy(labels), torch.from_numpy(ids)


def _metadata(job: Job, config: dict) -> dict[str, str]:
    return {"advspur": json.dumps({**job.facts(), "recipe": config["sha256"]}, sort_keys=True)}


def is_done(folder: Path, job: Job, config: dict) -> bool:
    """Whether the folder holds this very network, of this very recipe."""
    path = folder / f"{job.name}.safetensors"
    if not path.is_file():
        return False
    with safe_open(path, framework="pt") as file:
        return file.metadata() == _metadata(job, config)


def train_network(arguments: tuple[Job, dict, str]) -> tuple[str, float]:
    """Train one network and write its file; returns its name and the processor time it took, in seconds."""
    job, config, folder = arguments
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    start = time.process_time()
    data = training_images(job)
    network = train.train(job.arch, job.norm or None, job.eps, job.seed, config["training"], data)
    tensors = {key: value.contiguous() for key, value in network.state_dict().items()}
    part = Path(folder) / f"{job.name}.part"
    save_file(tensors, part, metadata=_metadata(job, config))
    os.replace(part, Path(folder) / f"{job.name}.safetensors")
    return job.name, time.process_time() - start


def ship(folder: Path, target: Path, jobs: list[Job], config: dict) -> None:
    """Write all networks in half precision, with a manifest of their SHA-256, into the package."""
    target.mkdir(parents=True, exist_ok=True)
    for old in target.glob("*.safetensors"):
        old.unlink()
    entries = {}
    for job in jobs:
        file = f"{job.name}.safetensors"
        tensors = {key: value.half() for key, value in load_file(folder / file).items()}
        save_file(tensors, target / file, metadata=_metadata(job, config))
        digest = hashlib.sha256((target / file).read_bytes()).hexdigest()
        entries[job.name] = {"file": file, "sha256": digest, **job.facts()}
    made = {"torch": torch.__version__, "recipe": config["sha256"]}
    (target / "manifest.json").write_text(json.dumps({**made, "networks": entries}, indent=1) + "\n")
