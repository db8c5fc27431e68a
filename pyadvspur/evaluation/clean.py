"""Clean units: images read once, all their variants rendered, one model call a variant, scores kept on the device."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch

from pyadvspur import masking
from pyadvspur.benchmarks.base import Batch, Benchmark
from pyadvspur.errors import AdvSpurError
from pyadvspur.evaluation import precise
from pyadvspur.evaluation.inference import Inference
from pyadvspur.evaluation.rows import Rows, select
from pyadvspur.evaluation.unit import Unit
from pyadvspur.native.render import MAX_VARIANTS
from pyadvspur.native.score import Scores, score

RENDER_BYTES = 256 << 20  # of variants rendered at a time; 160 of a batch of photographs would be 6 GB
_SCORES = {
    "prediction": torch.int64, "probability": torch.float32, "margin": torch.float32, "correct": torch.bool,
}  # fmt: skip
Job = tuple[Unit, ...]


class Look(NamedTuple):
    """One way of showing the images, and the units that ask for it."""

    trial: int
    variant: str
    units: Job


def looks(job: Job) -> list[Look]:
    """A job's looks, the variants of a trial side by side."""
    keys = dict.fromkeys((unit.trial, unit.variant) for unit in job)
    order = {trial: k for k, trial in enumerate(dict.fromkeys(unit.trial for unit in job))}
    keys = sorted(keys, key=lambda key: order[key[0]])
    return [Look(t, v, tuple(u for u in job if (u.trial, u.variant) == (t, v))) for t, v in keys]


def rendered(wanted: list[Look], batch: Batch, bytes_at_once: int) -> Iterator[tuple[Look, torch.Tensor]]:
    """The images of a batch as each look shows them. One pass renders as many variants of a trial as fit into a
    bounded buffer, which the next pass overwrites."""
    at_once = max(1, min(MAX_VARIANTS, bytes_at_once // max(1, 4 * batch.images.numel())))
    out = None
    for trial in dict.fromkeys(look.trial for look in wanted):
        chosen = [look for look in wanted if look.trial == trial]
        for first in range(0, len(chosen), at_once):
            part = chosen[first : first + at_once]
            x = masking.render(
                batch.images, batch.masks, [masking.parse(look.variant) for look in part], ids=batch.ids,
                seed=part[0].units[0].seed, trial=trial, partners=batch.partners,
                out=None if out is None else out[: len(part)],
            )  # fmt: skip
            out = x if out is None else out
            yield from zip(part, x)


class Clean:
    """The clean units of one job. batch_size: what a full batch has; on CUDA smaller ones are padded to it.

    Feed it all batches (`add`), then `finish`. Nothing waits for the device in between.
    """

    def __init__(
        self, job: Job, benchmark: Benchmark, inference: Inference, batch_size: int, device: torch.device
    ) -> None:
        self.job, self.benchmark, self.inference, self.device = job, benchmark, inference, device
        self.batch_size, self.looks = batch_size, looks(job)
        self.rows = {unit.key: Rows(len(unit)) for unit in job}
        self.errors: dict[str, str] = {}
        n = len(job[0])
        self.scores = {
            unit.key: {name: torch.zeros(n, dtype=kind, device=device) for name, kind in _SCORES.items()}
            for unit in job
        }
        self.shown = 0  # samples that the model has seen: their scores lie one after another
        self.kept: list[Batch] = []  # with low precision: the images, for a second look
        self.fast: dict[int, list[torch.Tensor]] = {k: [] for k in range(len(self.looks))}
        for forward in (inference.exact, inference.first):
            forward.expect(batch_size, device)

    def add(self, whole: Batch, there: Batch, places: torch.Tensor) -> None:
        """The next batch. there: its usable samples, on the device; places: where they are in the whole."""
        for part in self.rows.values():
            part.shown(whole, places)
        if not len(there):
            return
        if self.inference.fast is not None:
            self.kept.append(_cloned(there))
        for k, scores, logits in self._results(there):
            look = self.looks[k]
            for unit, found in zip(look.units, scores):
                if found is not None:
                    self._put(unit, slice(self.shown, self.shown + len(there)), found)
            if self.inference.fast is not None and logits is not None:
                self.fast[k].append(logits)
        self.shown += len(there)

    def finish(self) -> dict[str, dict]:
        """Rows of every unit without an error, by key. Waits for the device."""
        if self.inference.fast is not None and self.shown:
            images = _joined(self.kept)
            for k, look in enumerate(self.looks):
                if any(unit.key not in self.errors for unit in look.units):
                    self._caught(look.units, lambda k=k: self._second_look(k, images))
        found = {}
        for unit in self.job:
            if unit.key not in self.errors:
                part = self.rows[unit.key]
                part.scored(
                    {name: v[: self.shown].cpu().numpy() for name, v in self.scores[unit.key].items()}
                )
                found[unit.key] = self._caught((unit,), lambda part=part, unit=unit: _columns(part, unit))
        return {key: columns for key, columns in found.items() if columns is not None}

    # one batch

    def _results(self, batch: Batch) -> Iterator[tuple[int, list[Scores | None], torch.Tensor | None]]:
        """Scores of every look's units (None: it has an error), and logits."""
        if not self.errors and len(batch) <= self.batch_size:
            args = (batch.images, batch.masks, batch.partners, batch.ids, batch.labels)
            what = tuple(
                (look.trial, look.variant, *(u.condition for u in look.units)) for look in self.looks
            )
            facts = (self.benchmark.name, what, self.job[0].seed, self.batch_size)
            name = (*facts, *(None if a is None else (a.dtype, a.shape[1:]) for a in args))
            if self.inference.may_capture(name):
                yield from self._replayed(name, len(batch), args)
                return
        for k, (look, x) in enumerate(rendered(self.looks, batch, RENDER_BYTES)):
            logits = None
            if any(unit.key not in self.errors for unit in look.units):
                logits = self._caught(look.units, lambda x=x: self.inference.first.logits(x))
            if logits is None:
                continue
            found = [
                None if unit.key in self.errors
                else self._caught((unit,), lambda unit=unit, logits=logits: self._score(logits, batch.labels, unit))
                for unit in look.units
            ]  # fmt: skip
            yield k, found, logits

    def _replayed(self, name, n: int, args) -> Iterator[tuple[int, list[Scores | None], torch.Tensor]]:
        """The same as one CUDA graph: render, model and score of all looks, on batches padded to one size."""

        def work(images, masks, partners, ids, labels) -> tuple[torch.Tensor, ...]:
            batch = Batch(ids, images, masks, labels, labels, partners)
            found: list[torch.Tensor] = []
            for look, x in rendered(self.looks, batch, RENDER_BYTES):
                logits = self.inference.first.logits(x)
                found.append(logits)
                for unit in look.units:
                    found += self._score(logits, labels, unit)
            return tuple(found)

        padded = (None if a is None else padded_to(a, self.batch_size) for a in args)
        results = iter([r[:n] for r in self.inference.captured(name, work, *padded)])
        for k, look in enumerate(self.looks):
            logits = next(results)
            yield k, [Scores(*(next(results) for _ in _SCORES)) for _ in look.units], logits

    def _score(self, logits: torch.Tensor, labels: torch.Tensor, unit: Unit) -> Scores:
        label_map = self.inference.map_of(self.benchmark, unit.condition, logits.shape[1])
        return score(logits, labels, label_map)

    def _put(self, unit: Unit, at: slice | torch.Tensor, found: Scores) -> None:
        for name, value in self.scores[unit.key].items():
            value[at] = getattr(found, name)

    def _caught(self, units: Job, work: Callable):
        """work(), or None where it fails: then that is the error of these units, and the others go on."""
        try:
            return work()
        except Exception as error:  # a model of the user's: any error is theirs to read
            self.errors.update({unit.key: text_of(error) for unit in units if unit.key not in self.errors})
            return None

    # low precision

    def _second_look(self, k: int, images: Batch) -> None:
        look, fast = self.looks[k], torch.cat(self.fast[k])
        alive = [unit for unit in look.units if unit.key not in self.errors]
        maps = [self.inference.map_of(self.benchmark, unit.condition, fast.shape[1]) for unit in alive]
        gaps = torch.stack([precise.gap(fast, label_map) for label_map in maps]).amin(0)

        def exact(places: torch.Tensor) -> torch.Tensor:
            found = []
            for part in places.split(self.batch_size):
                [(_, x)] = rendered([look], select(images, part), RENDER_BYTES)
                found.append(self.inference.exact.logits(x))
            return torch.cat(found)

        places, logits, bound = precise.second_look(fast, gaps, exact)
        for unit in alive:
            self._put(unit, places, self._score(logits, images.labels[places], unit))
            self.rows[unit.key].precision = {
                "first": self.inference.fast.kind, "samples": len(fast), "again": len(places), "bound": bound,
            }  # fmt: skip


def padded_to(tensor: torch.Tensor, n: int) -> torch.Tensor:
    """The first row again for every missing one: valid input for everything that follows."""
    missing = n - len(tensor)
    return torch.cat([tensor, tensor[:1].expand(missing, *tensor.shape[1:])]) if missing else tensor


def _cloned(batch: Batch) -> Batch:
    parts = {name: v.clone() if isinstance(v, torch.Tensor) else v for name, v in vars(batch).items()}
    return Batch(**parts)


def _joined(batches: list[Batch]) -> Batch:
    """One batch of all of them."""

    def join(name: str) -> torch.Tensor | None:
        parts = [getattr(batch, name) for batch in batches]
        return None if parts[0] is None else torch.cat(parts)

    names = ("ids", "images", "masks", "labels", "groups", "partners")
    return Batch(**{name: join(name) for name in names})


def _columns(part: Rows, unit: Unit) -> dict[str, np.ndarray]:
    if count := int((part.columns["prediction"] == -2).sum()):
        raise nonfinite(count, len(unit), unit)
    return part.flat()


def nonfinite(count: int, n: int, unit: Unit) -> AdvSpurError:
    return AdvSpurError(
        f"evaluate: model {unit.model!r} returned NaN or infinite logits ({count} times on {n} images)"
    )


def text_of(error: Exception) -> str:
    return str(error) if isinstance(error, AdvSpurError) else f"{type(error).__name__}: {error}"
