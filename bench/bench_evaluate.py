"""`evaluate` on a folder of JPEGs against its two halves: the model alone on rendered images, and reading alone.

Reading and inference overlap, across units too, so where both have their own hardware (a GPU and enough cores)
`evaluate` should run at the speed of the slower half. On a CPU both halves share the cores: then no schedule can do
more than 1 / (1 / model + 1 / reading) images a second; the column `cores_allow` is that bound over the slower half.
On CUDA the model alone runs in the low precision that `evaluate` looks with; the decisions are compared with float32.
Rows: a middle-sized CNN (ResNet-18), where the model is the slower half, and a small one, where reading counts.
"""

from __future__ import annotations

import argparse
import hashlib
import statistics
import tempfile
from functools import partial
from pathlib import Path

import common  # first: it sets the OpenMP waiting policy
import numpy as np
import torch
from bench_decode import plain, write

from pyadvspur import evaluation, models, pixels
from pyadvspur.attacks.forward import Forward
from pyadvspur.attacks.guard import evaluating
from pyadvspur.benchmarks.base import Batch, Benchmark, Condition
from pyadvspur.evaluation.inference import clean_precision
from pyadvspur.evaluation.runner import default_batch_size
from pyadvspur.labels import LabelMap
from pyadvspur.models import resnet

CLASSES = 1000


class Folder(Benchmark):
    """JPEGs of a folder, shorter side 256, centre crop of 224, labels by turns."""

    name = "folder"
    class_names = tuple(str(k) for k in range(CLASSES))
    conditions = (Condition("all", "all"),)
    input_size = 224
    preprocessing = "pil-bilinear-256-224"

    def __init__(self, paths: list[Path]) -> None:
        self.paths, self.how = paths, pixels.preprocessing(self.preprocessing)

    def size(self, source: str) -> int:
        return len(self.paths)

    def read(self, source: str, start: int, stop: int) -> Batch:
        images, errors = pixels.read_images(self.paths[start:stop], self.how)
        ids = torch.arange(start, stop)
        return Batch(
            ids, torch.from_numpy(images), None, ids % CLASSES, torch.full_like(ids, -1), errors=errors
        )

    def label_map(self, n_outputs: int, name: str = "") -> LabelMap:
        return LabelMap.identity(CLASSES)

    def fingerprint(self) -> str:
        return hashlib.sha256(b"".join(path.read_bytes() for path in self.paths)).hexdigest()

    def verify(self):
        raise NotImplementedError


def network(name: str) -> torch.nn.Module:
    if name == "small":
        return models.load(f"random:{CLASSES}")
    torch.manual_seed(0)
    return resnet.ResNet(*resnet.ARCHITECTURES[name], CLASSES)


def main() -> None:
    def options(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--count", type=int, default=0, help="files; 0: 768, or 128 with --quick")
        parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
        parser.add_argument("--network", action="append", help="resnet18, resnet50, small; repeat")

    run = common.start(__doc__, "evaluate", options)
    count, device = run.options.count or (128 if run.quick else 768), run.options.device
    size = default_batch_size(224, device)
    precision = clean_precision(
        "auto", torch.device(device)
    )  # what evaluate looks with, so the model alone too
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "images").mkdir()
        paths = write(root / "images", count)
        benchmark = Folder(paths)
        batches = [batch.images for batch in benchmark.batches("all", size)]
        # contiguous, as rendering leaves them: an image's layout decides how fast a network is
        rendered = [(images.permute(0, 3, 1, 2).float() / 255).contiguous().to(device) for images in batches]
        turn = 0

        def evaluate(net: torch.nn.Module) -> evaluation.Run:
            nonlocal turn
            turn += 1
            return evaluation.evaluate(
                {"net": net},
                [benchmark],
                out=root / f"run{turn}",
                device=device,
                batch_size=size,
                progress=False,
            )

        def alone(net: torch.nn.Module, precision: str = precision) -> list[torch.Tensor]:
            with evaluating(net), Forward(net, precision=precision) as forward:
                forward.expect(size, torch.device(device))
                logits = [forward.logits(x) for x in rendered]
                return [part.cpu() for part in logits]

        def read() -> None:
            for _ in benchmark.batches("all", size):
                pass

        by_pillow = np.stack([plain(path) for path in paths[:128]])
        differ = np.abs(by_pillow.astype(int) - torch.cat(batches)[:128].numpy()).max()
        run.check("images equal Pillow's", float(differ))
        for name in run.options.network or ["resnet18", "small"]:
            net = network(name).eval().to(device)
            logits = torch.cat(alone(net, "float32"))
            found = evaluate(net).outcomes().sort_values("sample")
            wrong = (found["prediction"].to_numpy() != logits.argmax(1).numpy()).mean()
            run.check(f"predictions of evaluate, {name}", float(wrong))
            repeats = run.options.repeats or (2 if run.quick else 5)
            times = run.measure(
                {"model": partial(alone, net), "reading": read, "evaluate": partial(evaluate, net)},
                repeats,
                warmup=0,
            )
            seconds = zip(*(times[key].seconds for key in ("model", "reading", "evaluate")))
            turns = [(max(m, r) / e, max(m, r) / (m + r)) for m, r, e in seconds]
            run.row(
                network=name, device=device, images=count,
                **{f"{key}_per_s": count / times[key].median for key in times},
                share_of_slower=statistics.median(share for share, _ in turns),
                cores_allow=statistics.median(bound for _, bound in turns) if device == "cpu" else 1.0,
                spread=max(t.spread for t in times.values()),
            )  # fmt: skip
    run.finish()


if __name__ == "__main__":
    main()
