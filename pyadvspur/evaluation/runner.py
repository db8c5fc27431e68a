"""Runs jobs: read images once, render all their variants, infer or attack, score, store."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from typing import TypeVar

import torch

from pyadvspur import attacks, masking
from pyadvspur.attacks.forward import CHUNK_CPU, CHUNK_CUDA, Forward
from pyadvspur.attacks.gradient_report import GradientReport
from pyadvspur.attacks.guard import evaluating
from pyadvspur.benchmarks.base import Batch, Benchmark
from pyadvspur.errors import AdvSpurError
from pyadvspur.evaluation import points, readout, rows
from pyadvspur.evaluation.class_logits import ClassLogits
from pyadvspur.evaluation.reading import Reader
from pyadvspur.evaluation.store import Store, StoreFullError
from pyadvspur.evaluation.subject import Subject
from pyadvspur.evaluation.unit import Unit
from pyadvspur.native.render import MAX_VARIANTS
from pyadvspur.native.score import score

Job = tuple[Unit, ...]
T = TypeVar("T")
_RENDER_BYTES = 256 << 20  # of variants rendered at a time; 160 of a batch of photographs would be 6 GB


@dataclass(frozen=True)
class Setup:
    """What a worker needs to run any job of a run."""

    subjects: Mapping[str, Subject]
    benchmarks: Mapping[str, Benchmark]
    store: Store
    batch_size: int | None
    device: str
    save_points: bool = False
    accelerate: str = "none"
    on_error: str = "raise"


class Runner:
    """Runs jobs one after another in this process, keeping the last model loaded. A context manager."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.device = torch.device(setup.device)
        self.reader = Reader()
        self._loaded: tuple[str, torch.nn.Module] | None = None
        self._headed: tuple[str, str, torch.nn.Module] | None = None
        self._forward: Forward | None = None
        self._chunk: int | None = None  # images a model call, once memory was short

    def __enter__(self) -> Runner:
        return self

    def __exit__(self, *error: object) -> None:
        self._forget()
        self.reader.__exit__(*error)

    def run(
        self,
        job: Job,
        advance: Callable[[int], None] = lambda n: None,
        note: Callable[[str], None] = lambda text: None,
        then: Job | None = None,
    ) -> dict[str, str]:
        """Store the rows of every unit of the job. advance(n) is called after each n samples, note(text) with what is
        done before the first one: fitting a head. then: the job that will probably follow, whose first images are read
        already.

        Returns the errors of units that have none, by unit key; such an error never stops the other units.
        Raises StoreFullError if rows cannot be written.
        """
        try:
            with evaluating(model := self._answering(job[0], note)):
                if job[0].attack == "none":
                    errors = self._clean(model, job, then, advance)
                else:
                    errors = self._attack(model, job[0], then, advance)
        except (StoreFullError, MemoryError):
            raise
        except Exception as error:  # a model or a file of the user's: any error is theirs to read
            errors = {unit.key: _text(error) for unit in job}
        for unit in job:
            if unit.key in errors:
                self.setup.store.record_failure(unit, errors[unit.key])
        return errors

    # clean units

    def _clean(
        self, model: torch.nn.Module, job: Job, then: Job | None, advance: Callable[[int], None]
    ) -> dict[str, str]:
        benchmark = self.setup.benchmarks[job[0].benchmark]
        found = {unit.key: rows.Rows(len(unit)) for unit in job}
        errors: dict[str, str] = {}
        # On the CPU a sample's bits must not depend on the batch, so the model sees chunks of one fixed size.
        forward = self._forward_of(model)
        with closing(self._batches(job[0], then)) as batches:
            for whole in batches:
                batch, places = rows.usable(whole)
                for units, x in self._rendered(job, batch) if len(batch) else ():
                    alive = [unit for unit in units if unit.key not in errors]
                    try:
                        logits = self._logits(forward, x) if alive else None
                    except Exception as error:
                        errors.update({unit.key: _text(error) for unit in alive})
                        continue
                    for unit in alive:
                        try:
                            scores = self._score(logits, benchmark, unit, batch)
                            found[unit.key].clean(batch, places, scores)
                        except Exception as error:
                            errors[unit.key] = _text(error)
                for part in found.values():
                    part.end(whole)
                advance(len(whole))
        for unit in job:
            if unit.key not in errors:
                self.setup.store.write(unit, "none", found[unit.key].flat())
        return errors

    def _logits(self, forward: Forward, x: torch.Tensor) -> torch.Tensor:
        if x.is_cuda and not forward.note:  # a call is padded to its chunk; halved ones stay halved
            forward.chunk = min(len(x), CHUNK_CUDA)
        return forward.logits(x)

    def _score(
        self, logits: torch.Tensor, benchmark: Benchmark, unit: Unit, batch: Batch
    ) -> dict[str, torch.Tensor]:
        labels = batch.labels.to(self.device)
        found = score(logits, labels, benchmark.map_of(unit.condition, logits.shape[1]))
        _refuse_nonfinite(int((found.prediction == -2).sum()), len(batch), unit)
        return found._asdict()

    # attacked units

    def _attack(
        self, model: torch.nn.Module, unit: Unit, then: Job | None, advance: Callable[[int], None]
    ) -> dict[str, str]:
        benchmark = self.setup.benchmarks[unit.benchmark]
        spec = attacks.parse(unit.attack)
        wrapped = ClassLogits(model, partial(benchmark.map_of, unit.condition))
        part, claims, signs = rows.Rows(len(unit), spec.eps), [], GradientReport()
        with closing(self._batches(unit, then)) as batches:
            for whole in batches:
                batch, places = rows.usable(whole)
                for _, x in self._rendered((unit,), batch) if len(batch) else ():
                    found = self._sweep(wrapped, spec, unit, batch, x)
                    part.attacked(batch, places, found, wrapped.n_classes)
                    signs += found.report
                    if self.setup.save_points:
                        claims.append(points.claims(found, x, batch, unit, wrapped, spec.norm))
                part.end(whole)
                advance(len(whole))
        if claims:
            points.save(self.setup.store, unit, claims)
        self.setup.store.write(unit, spec.kind, part.flat(), asdict(signs))
        return {}

    def _sweep(
        self, model: ClassLogits, spec: attacks.AttackSpec, unit: Unit, batch: Batch, x: torch.Tensor
    ) -> attacks.SweepResult:
        labels, ids = batch.labels.to(self.device), batch.ids.to(self.device)
        mask = _region(spec, unit, batch, self.device)
        with warnings.catch_warnings(), attacks.accelerate(self.setup.accelerate):
            # the first are refused below, by count; the second are judged over the whole run, see Run.gradients
            warnings.filterwarnings("ignore", message="attacks: the model gave logits that are not finite")
            warnings.filterwarnings("ignore", message="attacks: gradients may mislead")
            found = self._within_memory(
                lambda chunk: attacks.sweep(
                    model, x, labels, **spec.call, seed=unit.seed, ids=ids, mask=mask, precision=unit.precision,
                    chunk=chunk,
                ),
                len(x),
            )  # fmt: skip
        _refuse_nonfinite(found.nonfinite_logits, len(batch), unit)
        return found

    # shared

    def _model(self, name: str) -> torch.nn.Module:
        if self._loaded is None or self._loaded[0] != name:
            self._forget()  # free the old one first
            self._loaded = (name, self.setup.subjects[name].load().to(self.device))
        return self._loaded[1]

    def _forward_of(self, model: torch.nn.Module) -> Forward:
        """One for all jobs of a model: new threads for each job would each leave memory behind."""
        if self._forward is None or self._forward.models[0] is not model:
            if self._forward is not None:
                self._forward.__exit__()
            self._forward = Forward(model)
        return self._forward

    def _forget(self) -> None:
        if self._forward is not None:
            self._forward.__exit__()
        self._loaded = self._headed = self._forward = self._chunk = None

    def _answering(self, unit: Unit, note: Callable[[str], None]) -> torch.nn.Module:
        """The unit's model, under a head where its benchmark has a readout."""
        benchmark, plain = self.setup.benchmarks[unit.benchmark], self._model(unit.model)
        if benchmark.readout is None:
            return plain
        if self._headed is None or self._headed[:2] != (unit.model, unit.benchmark):
            with evaluating(plain):
                found = readout.headed(
                    plain, benchmark, model_fingerprint=unit.model_fingerprint,
                    benchmark_fingerprint=unit.benchmark_fingerprint, folder=self.setup.store.root / "heads",
                    device=self.device, batch_size=self._batch_size(benchmark), note=note, call=self._within_memory,
                    skip_unreadable=self.setup.on_error == "record",
                )  # fmt: skip
            self._headed = (unit.model, unit.benchmark, found)
        return self._headed[2]

    def _batches(self, unit: Unit, then: Job | None) -> Iterator[Batch]:
        """The unit's samples, the next ones read while these are worked on. then: the job that follows."""

        def plan(unit: Unit) -> tuple[Benchmark, Unit, int]:
            benchmark = self.setup.benchmarks[unit.benchmark]
            return benchmark, unit, self._batch_size(benchmark)

        for batch in self.reader.batches(*plan(unit), plan(then[0]) if then else None):
            if self.setup.on_error == "raise":
                rows.refuse_errors(batch, unit.source)
            yield batch

    def _batch_size(self, benchmark: Benchmark) -> int:
        return self.setup.batch_size or default_batch_size(benchmark.input_size)

    def _rendered(self, job: Job, batch: Batch) -> Iterator[tuple[Job, torch.Tensor]]:
        """The images of a batch as units show them, with these units. One pass renders as many variants of a trial as
        fit into a bounded buffer, which the next pass overwrites."""
        to = {"device": self.device, "non_blocking": True}
        images, ids = batch.images.to(**to), batch.ids.to(**to)
        masks = None if batch.masks is None else batch.masks.to(**to)
        partners = None if batch.partners is None else batch.partners.to(**to)
        at_once = max(1, min(MAX_VARIANTS, _RENDER_BYTES // max(1, 4 * images.numel())))
        out = None
        for trial in dict.fromkeys(unit.trial for unit in job):
            units = [unit for unit in job if unit.trial == trial]
            names = list(dict.fromkeys(unit.variant for unit in units))
            for first in range(0, len(names), at_once):
                chosen = names[first : first + at_once]
                x = masking.render(
                    images, masks, [masking.parse(name) for name in chosen], ids=ids, seed=units[0].seed,
                    trial=trial, partners=partners, out=None if out is None else out[: len(chosen)],
                )  # fmt: skip
                out = x if out is None else out
                for name, shown in zip(chosen, x):
                    yield tuple(unit for unit in units if unit.variant == name), shown

    def _within_memory(self, work: Callable[[int | None], T], n: int) -> T:
        """work(chunk); where the GPU's memory does not hold a chunk, again with half of it, from then on."""
        while True:
            chunk = min(n, self._chunk or CHUNK_CUDA) if self.device.type == "cuda" else self._chunk
            try:
                return work(chunk)
            except torch.OutOfMemoryError:
                tried = chunk or CHUNK_CPU
                if tried == 1:
                    raise
                self._chunk = (tried + 1) // 2
            torch.cuda.empty_cache()
            warnings.warn(
                f"evaluate: out of memory, going on with {self._chunk} images at a time", stacklevel=2
            )


def default_batch_size(input_size: int) -> int:
    """Samples a batch: 512 small images, fewer large ones (2**24 values); a power of two."""
    return 2 ** int(math.log2(max(16, min(512, 2**24 // (3 * input_size * input_size)))))


def _region(spec: attacks.AttackSpec, unit: Unit, batch: Batch, device: torch.device) -> torch.Tensor | None:
    """The pixels that an attack may change, bool (B, H, W); None: all."""
    if spec.region is None:
        return None
    if batch.masks is None:
        raise AdvSpurError(
            f"evaluate: attack {spec.name!r} is confined to the {spec.region}, but the images of {unit.source!r} come "
            f"without masks. Give a benchmark that has them, or leave out region={spec.region}."
        )
    foreground = batch.masks >= (0.5 if batch.masks.dtype.is_floating_point else 128)
    return (foreground if spec.region == "foreground" else ~foreground).to(device)


def _refuse_nonfinite(count: int, n: int, unit: Unit) -> None:
    if count:
        raise AdvSpurError(
            f"evaluate: model {unit.model!r} returned NaN or infinite logits ({count} times on a batch of {n} images)"
        )


def _text(error: Exception) -> str:
    return str(error) if isinstance(error, AdvSpurError) else f"{type(error).__name__}: {error}"
