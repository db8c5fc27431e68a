"""`evaluate`: from models, benchmarks and attacks to outcomes on disk."""

from __future__ import annotations

import os
import platform
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch

from pyadvspur import __version__, attacks, pixels
from pyadvspur.attacks.acceleration import MODES
from pyadvspur.benchmarks.base import Benchmark
from pyadvspur.errors import AdvSpurError, bad, unknown
from pyadvspur.evaluation import engine as engines
from pyadvspur.evaluation import joined, points, samples
from pyadvspur.evaluation import progress as shown
from pyadvspur.evaluation.devices import devices
from pyadvspur.evaluation.plan import Plan, PlannedBenchmark, PlannedCondition
from pyadvspur.evaluation.run import Run
from pyadvspur.evaluation.runner import Setup
from pyadvspur.evaluation.store import Store
from pyadvspur.evaluation.subject import Subject, subjects
from pyadvspur.evaluation.unit import Unit

_ON_ERROR = ("raise", "record")
_PRECISIONS = ("auto", "float32", "bfloat16", "float16")


def evaluate(
    models: Iterable[Any] | Mapping[str, Any],
    benchmarks: Iterable[Benchmark | str],
    attacks: Iterable[str] = (),
    out: str | os.PathLike = "runs/evaluation",
    engine: str = "local",
    workers: int = 1,
    precision: str = "auto",
    seed: int = 0,
    *,
    batch_size: int | None = None,
    threads: int | None = None,
    device: str | None = None,
    limit: int | None = None,
    save_points: bool = False,
    accelerate: str = "auto",
    on_error: str = "raise",
    progress: bool = True,
) -> Run:
    """Evaluate models on benchmarks, clean and attacked, and record every outcome.

    models: names for `models.load`, torch modules (pixels in [0,1] NCHW -> logits), (name, module) pairs, or a
    mapping. benchmarks: Benchmark objects, or names such as "imagenet9=DIR" and "embedded". attacks: names such as
    "linf:1/255,4/255" (radii in [0,1] pixel units), run on each benchmark's `attacked` conditions.
    out: folder of the run. If it holds this very run, finished units are kept and the rest is done; if it holds
    another, that is refused. Ctrl-C at any time loses at most the units at work.
    workers: spawned processes (1 = this process), threads: CPU threads of each. device: "cpu", "cuda", "cuda:1", or
    several, "cuda:0,cuda:1", one worker each at least; "cuda" spreads several workers over the devices there are.
    precision: of the search for adversarial images ("auto" = bfloat16 on CUDA and on CPUs that multiply it, else
    float32), and of the first look at clean ones ("auto" = bfloat16 on CUDA, else float32). What counts is always
    decided in float32: see docs/evaluate.md. accelerate: "compile" or "graph" for the search, see `attacks.accelerate`;
    with "auto" and "graph" clean images on CUDA are rendered, classified and scored by CUDA graphs; "none": neither.
    limit: at most so many samples a condition. save_points: keep the adversarial images of every attacked unit in
    out/points, for `advspur attack verify`. on_error: what an image or mask that cannot be used (truncated, of another
    size, ...) does: "raise" = its unit fails, "record" = it gets rows that say why (column error, prediction -3), which
    no metric counts, and the others of its unit are evaluated. batch_size, workers, threads and device change no
    outcome on the CPU.

    Returns a `Run`. A unit that fails (a model that returns NaN or the wrong shape, an unreadable image) is recorded
    in `run.failures()`, the others go on, and a warning says so at the end; running again tries it again.
    Raises AdvSpurError for unknown names, for a folder with another run, and for a disk that is full.
    """
    benchmarks = _benchmarks(benchmarks)
    found = subjects(models)
    plan = make_plan(found, benchmarks, attacks, seed=seed, precision=precision, limit=limit)
    if batch_size is not None and (not isinstance(batch_size, int) or batch_size < 1):
        raise bad("evaluate", "batch_size", repr(batch_size), "an integer >= 1")
    if accelerate not in ("auto", *MODES):
        raise unknown("evaluate", "accelerate", accelerate, ("auto", *MODES))
    if on_error not in _ON_ERROR:
        raise unknown("evaluate", "on_error", on_error, _ON_ERROR)
    engines.check(engine, workers)
    on = devices(device, workers)
    workers = max(workers, len(on))  # a device without a worker would do nothing
    run_jobs = engines.get(engine, workers, threads)

    store = Store(out)
    store.start(plan, _record(found, benchmarks))
    samples.save(store, benchmarks, seed)
    jobs, skipped = [], 0
    for job in plan.jobs():
        left = tuple(unit for unit in job if not _finished(store, unit, save_points))
        skipped += len(job) - len(left)
        if left:
            jobs.append(left)
    # model after model, so that none is loaded anew for each benchmark; the order of the rows is the plan's
    place = {subject.name: k for k, subject in enumerate(found)}
    jobs.sort(key=lambda job: place[job[0].model])
    # modules on the way to another process go by value, once a worker
    setup = Setup(
        {s.name: s for s in found}, {b.name: b for b in benchmarks}, store, batch_size, on, save_points,
        accelerate, on_error,
    )  # fmt: skip
    before = torch.get_num_threads()
    readers_before = pixels.set_threads(threads)
    try:
        if threads and workers == 1:
            torch.set_num_threads(threads)
        with shown.make(jobs, skipped, min(workers, max(1, len(jobs))), progress) as watcher:
            if jobs:
                run_jobs(setup, jobs, watcher)
    finally:
        torch.set_num_threads(before)
        pixels.set_threads(readers_before)
    joined.join(store, plan.units())
    run = Run(out)
    if failures := run.failures():
        first = next(iter(failures.items()))
        warnings.warn(f"evaluate: {len(failures)} units failed, first {first[0]}: {first[1]}", stacklevel=2)
    return run


def _finished(store: Store, unit: Unit, save_points: bool) -> bool:
    kept = not save_points or unit.attack == "none" or points.path_of(store, unit).exists()
    return kept and store.finished(unit)


def make_plan(
    subjects: Sequence[Subject],
    benchmarks: Sequence[Benchmark],
    attack_names: Iterable[str],
    *,
    seed: int = 0,
    precision: str = "auto",
    limit: int | None = None,
) -> Plan:
    """What a run of these would do. Raises AdvSpurError for anything that cannot be."""
    if precision not in _PRECISIONS:
        raise unknown("evaluate", "precision", precision, _PRECISIONS)
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):
        raise bad("evaluate", "limit", repr(limit), "an integer >= 1")
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise bad("evaluate", "seed", repr(seed), "an integer")
    for subject in subjects:
        for benchmark in benchmarks:
            if subject.input_size not in (None, benchmark.input_size):
                takes, gives = f"{subject.input_size}x{subject.input_size}", benchmark.input_size
                raise AdvSpurError(
                    f"evaluate: model {subject.name!r} takes images of {takes}, benchmark {benchmark.name!r} gives "
                    f"{gives}x{gives}. {_resized(benchmark, subject.input_size)}"
                )
            _check_outputs(subject, benchmark)
    given = [attack_names] if isinstance(attack_names, str) else attack_names
    specs = [attacks.parse(name) for name in given]
    columns = [(spec.kind, eps) for spec in specs for eps in spec.eps]
    if twice := {c for c in columns if columns.count(c) > 1}:
        kind, eps = sorted(twice)[0]
        raise bad("evaluate", "attacks", f"{kind} at {eps:g} twice", "each attack and radius once")
    planned = []
    for benchmark in benchmarks:
        conditions = []
        for condition in benchmark.conditions:
            n = min(benchmark.size(condition.source), limit or benchmark.size(condition.source))
            cap = n if benchmark.attack_size is None else min(n, benchmark.attack_size)
            n_attacked = cap if condition.name in benchmark.attacked else 0
            conditions.append(
                PlannedCondition(
                    condition.name, condition.source, condition.variant.name, condition.trial, n, n_attacked
                )
            )
        planned.append(PlannedBenchmark(benchmark.name, benchmark.fingerprint(), tuple(conditions)))
    names = tuple((s.name, s.fingerprint) for s in subjects)
    return Plan(names, tuple(planned), tuple(spec.name for spec in specs), seed, precision)


def _check_outputs(subject: Subject, benchmark: Benchmark) -> None:
    """Refuse a model whose outputs do not answer the benchmark's labels, before anything is run."""
    n = subject.outputs(benchmark.input_size)
    if n is None or (benchmark.readout is not None and benchmark.readout.applies(n)):
        return
    for condition in benchmark.conditions:
        try:
            benchmark.map_of(condition.name, n).codes(n)
        except AdvSpurError as error:
            raise AdvSpurError(
                f"evaluate: model {subject.name!r} has {n} outputs and cannot answer benchmark "
                f"{benchmark.name!r}: {error}"
            ) from error


def _resized(benchmark: Benchmark, size: int) -> str:
    """What to write so that a benchmark gives images of that size."""
    from pyadvspur import benchmarks

    if "size" not in benchmarks.options_of(type(benchmark)):
        return "Put the resizing into the model; it is part of what is measured."
    head, _, query = (benchmark.written or benchmark.name).partition("?")
    kept = [part for part in query.split("&") if part and not part.startswith("size=")]
    return f"Write {head}?{'&'.join([*kept, f'size={size}'])} for the same images at that size."


def _benchmarks(given: Iterable[Benchmark | str] | Benchmark | str) -> list[Benchmark]:
    from pyadvspur import benchmarks

    items = [given] if isinstance(given, (str, Benchmark)) else list(given)
    found = [benchmarks.parse(item) if isinstance(item, str) else item for item in items]
    for item in found:
        if not isinstance(item, Benchmark):
            raise bad("evaluate", "benchmarks", repr(item)[:80], "Benchmark objects or names")
    names = [b.name for b in found]
    if not found or len(set(names)) < len(names):
        raise bad("evaluate", "benchmarks", names or "none", "one or more, each name once")
    return found


def _record(found: Sequence[Subject], benchmarks: Sequence[Benchmark]) -> dict[str, Any]:
    """What run.json says beside the spec; none of it decides an outcome."""
    return {
        "measures": {b.name: [m.to_dict() for m in b.measures] for b in benchmarks},
        "shown": {b.name: list(b.shown) for b in benchmarks},
        "groups": {b.name: list(b.group_names) for b in benchmarks},
        "classes": {b.name: list(b.class_names) for b in benchmarks},
        "frames": {b.name: list(b.frame) for b in benchmarks if b.frame is not None},
        "preprocessing": {b.name: b.preprocessing for b in benchmarks},
        "readouts": {b.name: str(b.readout) for b in benchmarks if b.readout},
        "training": {s.name: s.training_info for s in found},
        "versions": {
            "pyadvspur": __version__, "torch": torch.__version__, "python": platform.python_version(),
            "platform": platform.platform(),
        },
    }  # fmt: skip
