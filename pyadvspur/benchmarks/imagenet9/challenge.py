"""The adversarial-background challenge: is there one background, of 4,050, that makes a model lose an object?

Foreground i with mask m is *vulnerable* if any image B of `only_bg_t` makes m x_i + (1-m) B something else than i's
class. Backgrounds of the same class count, so a plain error counts as well. Challenge accuracy is the share that is
not vulnerable.

"Any" does not depend on an order, so backgrounds are tried in a cheap one and a foreground stops at its first hit.
First come those that broke most earlier foregrounds of its class, then of all classes, then the others by their ids.
(What the model makes of a background alone is no guide: tried, and worse than chance on networks that know objects.)
Orders are settled once a block of foregrounds, so rows depend neither on batches and threads nor on interruptions.

Source: Xiao, Engstrom, Ilyas & Madry, "Noise or Signal", ICLR 2021, section 4.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from pyadvspur import masking
from pyadvspur.attacks.forward import CHUNK_CUDA, Forward
from pyadvspur.attacks.guard import evaluating
from pyadvspur.benchmarks.base import Batch, Benchmark
from pyadvspur.benchmarks.imagenet9.challenge_file import Finished, Record
from pyadvspur.benchmarks.imagenet9.classes import NAMES
from pyadvspur.errors import AdvSpurError, bad
from pyadvspur.metrics import Estimate, proportion
from pyadvspur.native.score import score

if TYPE_CHECKING:
    import pandas

BLOCK = 32  # foregrounds that share what is known of backgrounds; rows depend on it
_BATCH_CPU = 64
_READ = 256  # backgrounds decoded at a time
_SWAP = masking.Variants([masking.swap("background")])
_WHERE = "imagenet9.challenge"


@dataclass(frozen=True)
class Challenge:
    """What came out. finished: one entry a foreground, in the benchmark's order. backgrounds: how many there are.

    forwards: images shown to the model, over all sittings; `possible` is what trying every pair would take.
    """

    model: str
    finished: tuple[Finished, ...]
    backgrounds: int
    forwards: int

    @property
    def accuracy(self) -> Estimate:
        """The share of foregrounds that no background broke, with Wilson's interval."""
        return proportion(float(sum(not row.vulnerable for row in self.finished)), len(self.finished))

    @property
    def possible(self) -> int:
        """Foregrounds times backgrounds."""
        return len(self.finished) * self.backgrounds

    def frame(self) -> pandas.DataFrame:
        """One row a foreground: sample, label, vulnerable, background (the id of the first one in its order that broke
        it, -1 = none), tried (the backgrounds up to it, or all)."""
        import pandas as pd

        rows = [(r.sample, r.label, r.vulnerable, r.background, r.tried) for r in self.finished]
        return pd.DataFrame(rows, columns=["sample", "label", "vulnerable", "background", "tried"])


def challenge(
    model: torch.nn.Module | str,
    benchmark: Benchmark,
    *,
    limit: int | None = None,
    batch_size: int | None = None,
    device: str | None = None,
    out: str | os.PathLike | None = None,
    advance: Callable[[int, int], None] = lambda done, total: None,
) -> Challenge:
    """Run the challenge on one model.

    model: a module (pixels in [0,1] NCHW -> 1,000 or 9 logits), or a name for `models.load`. limit: at most so many
    foregrounds (by turns through the classes); all backgrounds are always tried. out: a JSON file of finished
    foregrounds, written after every block; the same call goes on from it, with another limit too, and a file of
    another model or other images is refused. batch_size changes nothing but speed and `forwards`. advance(done,
    total) is called after every block.

    Raises AdvSpurError where `original`, `only_bg_t` or `fg_mask` is missing, for images that cannot be read (the
    challenge is defined over all of them) and for models that return other than finite logits.
    """
    name, module, fingerprint = _model(model)
    search = _Search(module, benchmark, batch_size, device)
    n = benchmark.size("original")
    n = min(n, _positive("limit", limit)) if limit is not None else n
    record = Record(out, {"model_fingerprint": fingerprint, "benchmark_fingerprint": benchmark.fingerprint()})
    finished, forwards = record.load()
    finished = finished[:n] if len(finished) >= n else finished[: len(finished) // BLOCK * BLOCK]
    if len(finished) < n:
        with evaluating(module), Forward(module) as forward:
            search.start(finished)
            while len(finished) < n:
                block = benchmark.read("original", len(finished), min(len(finished) + BLOCK, n))
                finished += search.block(forward, _checked(block))
                record.save(name, finished, forwards + search.forwards)
                advance(len(finished), n)
    return Challenge(name, tuple(finished), benchmark.size("only_bg_t"), forwards + search.forwards)


class _Search:
    """Foregrounds against all backgrounds. counts: how often each background broke a foreground of each class."""

    def __init__(
        self, model: torch.nn.Module, benchmark: Benchmark, batch_size: int | None, device: str | None
    ) -> None:
        sources = {condition.source for condition in benchmark.conditions}
        missing = [v for v in ("original", "only_bg_t") if v not in sources]
        if "original" in sources and benchmark.read("original", 0, 1).masks is None:
            missing.append("fg_mask")
        if missing:
            raise bad(_WHERE, "benchmark", f"no {', '.join(missing)}", "original, only_bg_t and fg_mask")
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.benchmark, self.model = benchmark, model.to(self.device)
        on_gpu = self.device.type == "cuda"
        self.batch_size = _positive("batch_size", batch_size or (CHUNK_CUDA if on_gpu else _BATCH_CPU))
        self.forwards = 0
        self._kept: list[torch.Tensor] | None = None

    def start(self, finished: Sequence[Finished]) -> None:
        """Read the backgrounds, and count what earlier foregrounds found."""
        n, side = self.benchmark.size("only_bg_t"), self.benchmark.input_size
        self.ids = np.empty(n, dtype=np.int64)
        self.backgrounds = torch.empty(n, side, side, 3, dtype=torch.uint8, device=self.device)
        for start in range(0, n, _READ):
            part = slice(start, min(start + _READ, n))
            batch = _checked(self.benchmark.read("only_bg_t", part.start, part.stop))
            self.ids[part] = batch.ids.numpy()
            self.backgrounds[part] = batch.images.to(self.device)
        self.counts = np.zeros((len(NAMES), n), dtype=np.int64)
        place = {int(number): k for k, number in enumerate(self.ids)}
        for row in finished:
            if row.vulnerable:
                self.counts[row.label, place[row.background]] += 1

    def block(self, forward: Forward, foregrounds: Batch) -> list[Finished]:
        """The foregrounds of a block, each up to its first breaking background."""
        b, n = len(foregrounds), len(self.ids)
        labels = foregrounds.labels.numpy()
        order = np.stack([self._order(label) for label in range(len(NAMES))])[labels]
        to = [foregrounds.images, foregrounds.masks, foregrounds.labels]
        images, masks, targets = (tensor.to(self.device) for tensor in to)
        position, alive, start = np.full(b, n), np.arange(b), 0
        while len(alive) and start < n:
            depth = min(n - start, max(1, self.batch_size // len(alive)))
            pairs = torch.from_numpy(alive.repeat(depth)).to(self.device)
            tried = torch.from_numpy(order[alive, start : start + depth].ravel()).to(self.device)
            logits = forward.logits(self._composed(images, masks, pairs, tried))
            if not bool(logits.isfinite().all()):
                raise AdvSpurError(f"{_WHERE}: the model returned NaN or infinite logits")
            right = score(logits, targets[pairs], self.benchmark.label_map(logits.shape[1])).correct
            broken = ~right.cpu().numpy().reshape(len(alive), depth)
            self.forwards += broken.size
            hit = broken.any(1)
            position[alive[hit]] = start + broken[hit].argmax(1)
            alive, start = alive[~hit], start + depth
        rows = []
        for k, (number, label) in enumerate(zip(foregrounds.ids.tolist(), labels.tolist())):
            found = int(order[k, position[k]]) if position[k] < n else -1
            if found >= 0:
                self.counts[label, found] += 1
            witness = int(self.ids[found]) if found >= 0 else -1
            rows.append(Finished(number, label, witness, int(min(position[k] + 1, n))))
        return rows

    def _composed(
        self, images: torch.Tensor, masks: torch.Tensor, pairs: torch.Tensor, tried: torch.Tensor
    ) -> torch.Tensor:
        """m x + (1-m) B of some pairs, float (n, 3, H, W); overwritten by the next call.

        Into kept buffers: mapping 100 MB of fresh memory a batch costs the CPU more than composing.
        """
        n = len(pairs)
        if self._kept is None or len(self._kept[0]) < n:
            self._kept = [t.new_empty((n, *t.shape[1:])) for t in (images, masks, self.backgrounds)]
            self._x = images.new_empty((1, n, 3, *images.shape[1:3]), dtype=torch.float32)
        x, m, b = (
            _take(source, rows, kept[:n])
            for source, rows, kept in zip(
                (images, masks, self.backgrounds), (pairs, pairs, tried), self._kept
            )
        )
        return masking.render(x, m, _SWAP, partners=b, out=self._x[:, :n])[0]

    def _order(self, label: int) -> np.ndarray:
        return np.lexsort((self.ids, -self.counts.sum(0), -self.counts[label]))


def _take(source: torch.Tensor, rows: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
    """source[rows] into out. On the CPU by numpy, which copies whole rows; torch goes byte by byte."""
    if source.is_cuda:
        return torch.index_select(source, 0, rows, out=out)
    np.take(source.numpy(), rows.numpy(), axis=0, out=out.numpy(), mode="clip")
    return out


def _model(model: torch.nn.Module | str) -> tuple[str, torch.nn.Module, str]:
    from pyadvspur.models.classifier import fingerprint_of

    if isinstance(model, str):
        from pyadvspur import models

        model = models.load(model)
    if not isinstance(model, torch.nn.Module):
        raise bad(_WHERE, "model", type(model).__name__, "a torch module, or a name for models.load")
    name = getattr(model, "name", None) or type(model).__name__
    return str(name), model, getattr(model, "fingerprint", None) or fingerprint_of(model)


def _checked(batch: Batch) -> Batch:
    if wrong := [text for text in batch.errors or () if text]:
        raise AdvSpurError(f"{_WHERE}: {wrong[0]}. The challenge is defined over all images.")
    return batch


def _positive(name: str, value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise bad(_WHERE, name, repr(value), "an integer >= 1")
    return value
