"""Runs jobs: read images once, render all their variants, infer or attack, score, store."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial

import torch

from pyadvspur import attacks
from pyadvspur.attacks.forward import CHUNK_CUDA
from pyadvspur.attacks.gradient_report import GradientReport
from pyadvspur.attacks.guard import evaluating
from pyadvspur.benchmarks.base import Batch, Benchmark
from pyadvspur.errors import AdvSpurError
from pyadvspur.evaluation import points, readout, rows
from pyadvspur.evaluation.class_logits import ClassLogits
from pyadvspur.evaluation.clean import RENDER_BYTES, Clean, Job, looks, nonfinite, rendered, text_of
from pyadvspur.evaluation.inference import Inference
from pyadvspur.evaluation.reading import Reader
from pyadvspur.evaluation.store import Store, StoreFullError
from pyadvspur.evaluation.subject import Subject
from pyadvspur.evaluation.unit import Unit
from pyadvspur.evaluation.upload import Upload


@dataclass(frozen=True)
class Setup:
    """What a worker needs to run any job of a run."""

    subjects: Mapping[str, Subject]
    benchmarks: Mapping[str, Benchmark]
    store: Store
    batch_size: int | None
    devices: tuple[str, ...]  # worker i works on the i-th, round and round
    save_points: bool = False
    accelerate: str = "auto"
    on_error: str = "raise"


class Runner:
    """Runs jobs one after another in this process, keeping the last model loaded. A context manager."""

    def __init__(self, setup: Setup, worker: int = 0) -> None:
        self.setup = setup
        self.device = torch.device(setup.devices[worker % len(setup.devices)])
        if self.device.type == "cuda" and self.device.index is not None:
            torch.cuda.set_device(self.device)  # this process works on no other
        self.reader = Reader()
        self._loaded: tuple[str, torch.nn.Module] | None = None
        self._headed: tuple[str, str, torch.nn.Module] | None = None
        self._inference: Inference | None = None
        self.upload = Upload(self.device)

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
            errors = {unit.key: text_of(error) for unit in job}
        for unit in job:
            if unit.key in errors:
                self.setup.store.record_failure(unit, errors[unit.key])
        return errors

    # clean units

    def _clean(
        self, model: torch.nn.Module, job: Job, then: Job | None, advance: Callable[[int], None]
    ) -> dict[str, str]:
        benchmark = self.setup.benchmarks[job[0].benchmark]
        inference = self._inference_of(model, job[0].precision)
        work = Clean(job, benchmark, inference, self._batch_size(benchmark), self.device)
        with closing(self._batches(job[0], then)) as batches:
            for whole in batches:
                batch, places = rows.usable(whole)
                work.add(whole, self.upload(batch), places)
                advance(len(whole))
        found = work.finish()
        for unit in job:
            if unit.key in found:
                precision = work.rows[unit.key].precision
                self.setup.store.write(unit, "none", found[unit.key], precision=precision)
        return work.errors

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
                if len(batch):
                    [(_, x)] = rendered(looks((unit,)), self.upload(batch), RENDER_BYTES)
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
        with warnings.catch_warnings(), attacks.accelerate(_of_search(self.setup.accelerate)):
            # the first are refused below, by count; the second are judged over the whole run, see Run.gradients
            warnings.filterwarnings("ignore", message="attacks: the model gave logits that are not finite")
            warnings.filterwarnings("ignore", message="attacks: gradients may mislead")
            found = attacks.sweep(
                model, x, labels, **spec.call, seed=unit.seed, ids=ids, mask=mask, precision=unit.precision,
                chunk=min(len(x), CHUNK_CUDA) if x.is_cuda else None,
            )  # fmt: skip
        if found.nonfinite_logits:
            raise nonfinite(found.nonfinite_logits, len(batch), unit)
        return found

    # shared

    def _model(self, name: str) -> torch.nn.Module:
        if self._loaded is None or self._loaded[0] != name:
            self._forget()  # free the old one first
            self._loaded = (name, self.setup.subjects[name].load().to(self.device))
        return self._loaded[1]

    def _inference_of(self, model: torch.nn.Module, precision: str) -> Inference:
        """One for all jobs of a model."""
        held = self._inference
        if held is None or held.model is not model or held.precision != precision:
            if held is not None:
                held.__exit__()
            capture = self.setup.accelerate in ("auto", "graph")
            self._inference = Inference(model, precision, self.device, capture)
        return self._inference

    def _forget(self) -> None:
        if self._inference is not None:
            self._inference.__exit__()
        self._loaded = self._headed = self._inference = None

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
                    device=self.device, batch_size=self._batch_size(benchmark), note=note,
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
        return self.setup.batch_size or default_batch_size(benchmark.input_size, self.device)


def default_batch_size(input_size: int, device: torch.device | str = "cpu") -> int:
    """Samples a batch: 512 small images, fewer large ones (2**24 values, on CUDA 2**26); a power of two."""
    values = 2**26 if torch.device(device).type == "cuda" else 2**24
    return 2 ** int(math.log2(max(16, min(512, values // (3 * input_size * input_size)))))


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


def _of_search(accelerate: str) -> str:
    """ "auto" captures what is sure to be repeated, clean images; a search may end before it pays."""
    return "none" if accelerate == "auto" else accelerate
