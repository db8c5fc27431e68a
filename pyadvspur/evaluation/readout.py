"""Readouts: a frozen model under a head that is fitted on the benchmark's own training data, once a run.

Features of the training and validation sources are extracted in blocks, each kept on disk until the head is there; the
head is kept in the run's folder. So an interruption costs one block, workers share the blocks between them, and a
finished head is never fitted again. What is fitted depends on weights, images and the readout alone.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import torch

from pyadvspur.attacks.forward import Forward
from pyadvspur.benchmarks.base import Batch, Benchmark
from pyadvspur.errors import AdvSpurError
from pyadvspur.evaluation import heads
from pyadvspur.evaluation.fitting import Rows, fit
from pyadvspur.evaluation.unit import digest
from pyadvspur.models.head import Features, features, with_head

BLOCK = 512  # samples whose features are extracted and kept together
_FORMAT = 1  # raised when the meaning of a stored head changes

#: work(call) with call(chunk) -> features; a runner's may go on with smaller chunks where memory is short
Call = Callable[[Callable[[int | None], torch.Tensor], int], torch.Tensor]


def headed(
    model: torch.nn.Module,
    benchmark: Benchmark,
    *,
    model_fingerprint: str,
    benchmark_fingerprint: str,
    folder: Path,
    device: torch.device | str = "cpu",
    batch_size: int = 64,
    skip_unreadable: bool = False,
    note: Callable[[str], None] = lambda text: None,
    call: Call = lambda work, n: work(None),
) -> torch.nn.Module:
    """The model as it answers a benchmark: under a head where the benchmark's readout applies, else itself.

    model: pixels in [0,1] -> logits, on `device`, in eval mode. folder: where heads are kept. batch_size, the number of
    threads and of workers change no bit on the CPU. skip_unreadable: images that cannot be read are left out; otherwise
    they are an error. note(text) is told what is done, call runs the model.
    Raises AdvSpurError that says why no head can be fitted.
    """
    readout = benchmark.readout
    if readout is None:
        return model
    n_outputs = _outputs(model, benchmark.input_size, device)
    if not readout.applies(n_outputs):
        return model
    found = features(model, benchmark.input_size)
    key = digest([_FORMAT, model_fingerprint, benchmark_fingerprint, benchmark.name, readout.key])
    place = heads.Heads(folder, key)
    head = place.read()
    if head is None:
        sources = [readout.train] + ([readout.validation] if readout.validation else [])
        blocks = [(s, start) for s in sources for start in range(0, benchmark.size(s), BLOCK)]
        _extract(found, benchmark, blocks, place, device, batch_size, note, call)
        with heads.lock(place.parts / "head.lock"):
            head = place.read()  # another worker may have been first
            if head is None:
                rows = {source: _rows(place, source, blocks, skip_unreadable) for source in sources}
                train, validation = rows[readout.train], rows.get(readout.validation)
                note("fitting head")
                head = fit(readout, train, validation, torch.get_num_threads(), note)
                place.write(head, {"benchmark": benchmark.name, "readout": str(readout), "spec": readout.key})
        shutil.rmtree(place.parts, ignore_errors=True)
    weight, bias = torch.from_numpy(head.weight), torch.from_numpy(head.bias)
    return with_head(model, weight, bias, input_size=benchmark.input_size)


def _outputs(model: torch.nn.Module, size: int, device: torch.device | str) -> int:
    """How many outputs a model has: what it says, or what it gives for one grey image."""
    known = getattr(model, "n_outputs", None)
    if known is None:
        with torch.no_grad():
            known = model(torch.full((1, 3, size, size), 0.5, device=device)).shape[-1]
    return int(known)


def _extract(
    found: Features,
    benchmark: Benchmark,
    blocks: list[tuple[str, int]],
    place: heads.Heads,
    device: torch.device | str,
    batch_size: int,
    note: Callable[[str], None],
    call: Call,
) -> None:
    """Every block on disk: first those that nobody works on, then, when their workers are done or dead, the rest."""
    for wait in (False, True):
        for k, (source, start) in enumerate(blocks):
            if place.block(source, start).exists():
                continue
            note(f"features of {source}, block {k + 1} of {len(blocks)}")
            with heads.lock(place.block(source, start).with_suffix(".lock"), wait=wait) as mine:
                # in this order: blocks go only after the head is written
                if not mine or place.block(source, start).exists():
                    continue
                if place.read() is not None:
                    return
                stop = min(start + BLOCK, benchmark.size(source))
                place.write_block(
                    source, start, _block(found, benchmark, source, start, stop, device, batch_size, call)
                )


def _block(
    found: Features,
    benchmark: Benchmark,
    source: str,
    start: int,
    stop: int,
    device: torch.device | str,
    batch_size: int,
    call: Call,
) -> dict[str, torch.Tensor]:
    """Features of samples start..stop-1, with what is known of them. unreadable: bool, features of nothing."""
    parts: list[dict[str, torch.Tensor]] = []
    # On the CPU a sample's bits must not depend on the batch: the model sees chunks of one fixed size.
    with Forward(found) as forward, closing(_ahead(benchmark, source, start, stop, batch_size)) as batches:
        for batch in batches:
            # contiguous: whole and padded chunks then have one memory layout, and convolutions one order of sums
            x = (batch.images.to(device).permute(0, 3, 1, 2).float() / 255).contiguous()

            def work(chunk: int | None, x: torch.Tensor = x) -> torch.Tensor:
                forward.chunk = chunk
                return forward.logits(x)

            values = call(work, len(x)).cpu()
            errors = batch.errors or ("",) * len(batch)
            bad_rows = torch.tensor([bool(text) for text in errors], dtype=torch.bool)
            if not bool(values[~bad_rows].isfinite().all()):
                raise AdvSpurError(f"readout: features of {source!r} are NaN or infinite")
            parts.append(
                {
                    "x": values, "label": batch.labels, "group": batch.groups, "sample": batch.ids,
                    "unreadable": bad_rows,
                }
            )  # fmt: skip
    return {name: torch.cat([part[name] for part in parts]).contiguous() for name in parts[0]}


def _ahead(benchmark: Benchmark, source: str, start: int, stop: int, size: int) -> Iterator[Batch]:
    """Batches of a range, the next one read while this one is worked on."""
    from concurrent.futures import ThreadPoolExecutor

    cuts = [(a, min(a + size, stop)) for a in range(start, stop, size)]
    with ThreadPoolExecutor(1) as reader:
        ahead = reader.submit(benchmark.read, source, *cuts[0])
        for following in (*cuts[1:], None):
            batch = ahead.result()
            if following:
                ahead = reader.submit(benchmark.read, source, *following)
            yield batch


def _rows(place: heads.Heads, source: str, blocks: list[tuple[str, int]], skip_unreadable: bool) -> Rows:
    """All blocks of a source, in order, as arrays."""
    parts = [place.read_block(source, start) for s, start in blocks if s == source]
    if not parts:
        raise AdvSpurError(f"readout: source {source!r} is empty")
    whole = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
    unreadable = whole.pop("unreadable")
    if bool(unreadable.any()) and not skip_unreadable:
        raise AdvSpurError(
            f"readout: {int(unreadable.sum())} images of {source!r} cannot be read. `advspur datasets verify` names "
            "them; on_error='record' leaves them out."
        )
    return Rows(**{name: value[~unreadable].numpy() for name, value in whole.items()})
