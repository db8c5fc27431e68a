"""Full fine-tuning: every weight of a network trained on a benchmark's own training images, under a new last layer.

The other readout of a frozen probe: slower, and it changes what the network leans on. Training is `attacks.train` with
no attack, so it goes on after an interruption and a seed gives the same weights.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from pyadvspur import attacks
from pyadvspur.benchmarks.base import Benchmark
from pyadvspur.benchmarks.readout import RULES, Readout
from pyadvspur.errors import AdvSpurError, bad, unknown
from pyadvspur.evaluation.fitting import Rows, held_out
from pyadvspur.models import finetuned, new_head
from pyadvspur.models.loading import load

if TYPE_CHECKING:
    import pandas

SELECT = ("average", "last")
_AT_A_TIME = 256


@dataclass(frozen=True)
class Finetuned:
    """file: the weights; `models.load(file)` takes it, or `package.module:factory@file` where that was the base.
    history: one row a pass: loss, accuracy on training images, clean_accuracy on validation images."""

    file: Path
    history: pandas.DataFrame


def finetune(
    model: str,
    benchmark: Benchmark | str,
    out: str | os.PathLike,
    *,
    epochs: int = 100,
    lr: float = 1e-3,
    weight_decay: float = 1e-3,
    batch_size: int = 32,
    augment: str | None = None,
    select: str = "average",
    seed: int = 0,
    device: str | None = None,
    progress: bool = True,
) -> Finetuned:
    """Fine-tune all weights of a model on a benchmark that says what to train on (its readout's sources).

    model: a name for `models.load`. benchmark: an object, or a name such as "waterbirds=DIR". out: the file to write,
    ending in .safetensors; beside it a folder FILE.training holds the checkpoint from which the same call goes on.
    Optimiser: SGD with Nesterov momentum .9 and constant rate (defaults: those of the DFR code), cross-entropy, batch
    normalisation in train mode. augment: None, or "crop-flip". select: "average" keeps the pass with the highest plain
    validation accuracy, which uses no group labels; "last" the last one. Training images are held in memory as bytes.
    Raises AdvSpurError for benchmarks without training data and for images that cannot be read.
    """
    where = "evaluation.finetune"
    if select not in SELECT:
        raise unknown(where, "select", select, SELECT)
    out = Path(out)
    if out.suffix.lower() != ".safetensors":
        raise bad(where, "out", repr(str(out)), "a file ending in .safetensors")
    if isinstance(benchmark, str):
        from pyadvspur import benchmarks

        benchmark = benchmarks.parse(benchmark)
    if benchmark.readout is None:
        raise bad(
            where, "benchmark", benchmark.name, "a benchmark with a readout, which names its training data"
        )
    found = load(model)
    if progress:
        print(f"finetune: reading the images of {benchmark.name}", file=sys.stderr, flush=True)
    train, validation = _data(benchmark, benchmark.readout)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        head = new_head.new_head(found.network, benchmark.readout.n_classes, benchmark.input_size)
    found.requires_grad_(True)
    found.to(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    recipe = attacks.Recipe(
        None, 0, epochs=epochs, batch_size=batch_size, optimizer="sgd", lr=lr, weight_decay=weight_decay,
        schedule="constant", augment=augment, seed=seed,
    )  # fmt: skip
    done = attacks.train(
        found,
        train,
        recipe,
        validation=validation,
        out=out.with_name(f"{out.name}.training"),
        progress=progress,
    )
    state = done.best if select == "average" else done.network.state_dict()
    chosen = int(done.history["clean_accuracy"].idxmax()) if select == "average" else len(done.history) - 1
    info = {
        "base": finetuned.base_of(model, found.network), "head": head, "n_outputs": benchmark.readout.n_classes,
        "benchmark": benchmark.name, "preprocessing": benchmark.preprocessing, "finetuned": recipe.key(),
        "rule": RULES["average"] if select == "average" else "last pass", "pass": chosen + 1,
        **{key: value for key, value in found.training_info.items() if key in ("norm", "eps", "arch")},
    }  # fmt: skip
    _save(out, {key.removeprefix("network."): value for key, value in state.items()}, info)
    return Finetuned(out, done.history)


def _data(benchmark: Benchmark, readout: Readout) -> tuple[tuple, tuple]:
    """(x, y, ids) to train on and to choose by, as the readout's probe would take them."""
    train = _read(benchmark, readout.train)
    if readout.validation is not None:
        return train, _read(benchmark, readout.validation)
    n = len(train[1])
    numbered = Rows(np.arange(n)[:, None], train[1].numpy(), np.full(n, -1), train[2].numpy())
    inside, outside = (torch.from_numpy(part.x[:, 0]) for part in held_out(numbered, readout))
    return tuple(part[inside] for part in train), tuple(part[outside] for part in train)


def _read(benchmark: Benchmark, source: str) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """A whole source: uint8 (N, 3, H, W), labels, ids."""
    n, side = benchmark.size(source), benchmark.input_size
    x = torch.empty(n, 3, side, side, dtype=torch.uint8)
    labels, ids = torch.empty(n, dtype=torch.int64), torch.empty(n, dtype=torch.int64)
    start = 0
    for batch in benchmark.batches(source, _AT_A_TIME):
        if broken := [text for text in batch.errors or () if text]:
            raise AdvSpurError(
                f"evaluation.finetune: {broken[0]}. `advspur datasets verify` names all such files."
            )
        stop = start + len(batch)
        x[start:stop] = batch.images.permute(0, 3, 1, 2)
        labels[start:stop], ids[start:stop] = batch.labels, batch.ids
        start = stop
    return x, labels, ids


def _save(out: Path, state: dict[str, torch.Tensor], info: dict[str, object]) -> None:
    from safetensors.torch import save_file

    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        tensors = {key: value.detach().cpu().contiguous().clone() for key, value in state.items()}
        save_file(tensors, part, metadata={"advspur": json.dumps(info, sort_keys=True)})
        os.replace(part, out)
    except OSError as error:
        raise AdvSpurError(f"evaluation.finetune: {out} cannot be written ({error})") from error
    finally:
        part.unlink(missing_ok=True)
