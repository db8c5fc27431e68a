"""Readouts: a frozen model under a head that is fitted on the benchmark's own training data, once a run.

Features of the training and validation sources are extracted in blocks, each kept on disk until the head is there; the
head is kept in the run's folder. So an interruption costs one block, workers share the blocks between them, and a
finished head is never fitted again. What is fitted depends on weights, images and the readout alone.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import torch

from pyadvspur.benchmarks.base import Benchmark
from pyadvspur.evaluation import heads
from pyadvspur.evaluation.features import Extractor, blocks
from pyadvspur.evaluation.fitting import fit
from pyadvspur.evaluation.unit import digest
from pyadvspur.models.head import features, with_head

_FORMAT = 1  # raised when the meaning of a stored head changes


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
) -> torch.nn.Module:
    """The model as it answers a benchmark: under a head where the benchmark's readout applies, else itself.

    model: pixels in [0,1] -> logits, on `device`, in eval mode. folder: where heads are kept. batch_size, the number of
    threads and of workers change no bit on the CPU. skip_unreadable: images that cannot be read are left out; otherwise
    they are an error. note(text) is told what is done.
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
        wanted = blocks(benchmark, sources)
        with Extractor(found, benchmark, place, device, batch_size, note, skip_unreadable) as extractor:
            extractor.extract(wanted)
            with heads.lock(place.parts / "head.lock"):
                head = place.read()  # another worker may have been first
                if head is None:
                    rows = {source: extractor.rows(wanted, source) for source in sources}
                    note("fitting head")
                    validation = rows[readout.validation][0] if readout.validation else None
                    head = fit(readout, rows[readout.train][0], validation, torch.get_num_threads(), note)
                    about = {"benchmark": benchmark.name, "readout": str(readout), "spec": readout.key}
                    about["unreadable"] = {source: count for source, (_, count) in rows.items()}
                    place.write(head, about)
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
