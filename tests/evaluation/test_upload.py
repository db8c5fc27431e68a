"""Batches on their way to a device: two slots, none overwritten while it is read; the same values arrive."""

from __future__ import annotations

import pytest
import torch
import toys

from pyadvspur import evaluation
from pyadvspur.evaluation import clean, runner
from pyadvspur.evaluation.inference import Inference
from pyadvspur.evaluation.upload import Upload
from pyadvspur.native.score import Scores


class Late:
    """A device whose copies happen only when an order of events forces them to: as late as a stream may be."""

    def __init__(self):
        self.queue, self.done, self.said = [], 0, []  # copies and, in between, numbered events

    def pinned(self, n):
        return torch.zeros(n, dtype=torch.uint8)

    memory = pinned

    def copy(self, to, pinned):
        self.queue.append((to, pinned))

    def mark_copy(self):
        return len(self.queue)

    def mark_work(self):
        self.said.append("work")
        return f"work {self.said.count('work')}"

    def copy_after(self, event):
        self.said.append(f"copy after {event}")

    def work_after(self, event):
        self._run(event)  # the work is about to read what was copied

    def wait(self, event):
        self.said.append(f"host waits for {event}")
        self._run(event)

    def _run(self, until):
        while self.done < until:
            to, pinned = self.queue[self.done]
            to.copy_(pinned)
            self.done += 1


def test_what_arrives_is_what_was_sent_and_stays_until_the_call_after_the_next():
    line, toy = Late(), toys.Toy()
    upload = Upload(torch.device("cpu"), line)
    sizes = [(0, 40), (40, 80), (80, 97), (97, 140), (140, 141)]
    batches = [toy.read("agrees", *cut) for cut in sizes]
    held = []
    for batch in batches:
        held.append(upload(batch))
        for sent, got in list(zip(batches, held))[-2:]:
            for name in ("ids", "images", "masks", "labels", "groups"):
                assert torch.equal(getattr(got, name), getattr(sent, name)), name
            assert got.partners is None
            assert got.images.dtype == torch.uint8
    assert not torch.equal(held[0].images[:17], batches[0].images[:17])  # the slot was used again
    waits = [text for text in line.said if text.startswith("host")]
    assert len(waits) == len(batches) - 2  # for copies two batches ago, never for the last
    assert [t for t in line.said if t.startswith("copy")] == [
        f"copy after work {k}" for k in range(1, len(batches))
    ]


def test_on_the_cpu_nothing_is_copied():
    batch = toys.Toy().read("agrees", 0, 4)
    assert Upload(torch.device("cpu"))(batch) is batch


class Replayed:
    """CUDA graphs on the CPU: the first call is recorded as work on fixed places, later ones fill the places."""

    failed = False

    def __init__(self):
        self.held, self.replays = {}, 0

    def __call__(self, name, work, *args):
        if name not in self.held:
            self.held[name] = ([None if a is None else a.clone() for a in args], work)
        places, work = self.held[name]
        for place, value in zip(places, args):
            if place is not None:
                assert place.shape == value.shape
                place.copy_(value)
        self.replays += 1
        return tuple(result.clone() for result in work(*places))


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_captured_job_gives_the_rows_of_an_eager_one(precision):
    toy, device = toys.Toy(), torch.device("cpu")
    plan = evaluation.api.make_plan(
        evaluation.api.subjects({"net": toys.Net(2, 12)}), [toy], [], precision=precision
    )
    jobs = list(plan.jobs())
    found = []
    for captures in (False, True):
        with Inference(toys.Net(2, 12).eval(), precision, device, capture=False) as inference:
            inference.graphs = Replayed() if captures else None
            for job in jobs:
                work = clean.Clean(job, toy, inference, 16, device)
                for start in range(0, toys.N, 16):
                    batch = toy.read(job[0].source, start, min(start + 16, toys.N))
                    work.add(batch, batch, torch.arange(len(batch)))
                rows = work.finish()
                assert not work.errors
                found.append(rows)
            if captures:
                assert inference.graphs.replays == len(jobs) * (10 - 2)
    for eager, replayed in zip(found[: len(jobs)], found[len(jobs) :]):
        assert eager.keys() == replayed.keys()
        for key in eager:
            for name, column in eager[key].items():
                assert (column == replayed[key][name]).all(), name


def test_scores_are_kept_under_the_names_that_scoring_gives():
    assert tuple(clean._SCORES) == Scores._fields


def test_batches_are_larger_on_a_gpu():
    assert [runner.default_batch_size(s) for s in (32, 224, 299)] == [512, 64, 32]
    assert [runner.default_batch_size(s, "cuda") for s in (32, 224, 299)] == [512, 256, 128]


@pytest.mark.gpu
@pytest.mark.parametrize("accelerate", ["auto", "none"])
def test_on_cuda_decisions_are_those_of_the_cpu(tmp_path, accelerate):
    options = {"progress": False, "batch_size": 16}
    nets = {"three": toys.Net(1), "twelve": toys.Net(2, 12)}
    cpu = evaluation.evaluate(nets, [toys.Toy()], out=tmp_path / "a", device="cpu", **options).outcomes()
    gpu = evaluation.evaluate(
        nets, [toys.Toy()], out=tmp_path / "b", device="cuda", accelerate=accelerate, **options
    ).outcomes()
    assert (cpu["prediction"] == gpu["prediction"]).mean() > 0.995  # rounding at a tie
    assert (cpu["sample"] == gpu["sample"]).all()


@pytest.mark.gpu
def test_uploads_on_cuda_arrive_whole():
    toy, upload = toys.Toy(), Upload(torch.device("cuda"))
    for start in range(0, toys.N - 20, 13):
        batch = toy.read("agrees", start, start + 20)
        there = upload(batch)
        assert there.images.is_cuda
        assert torch.equal(there.images.cpu(), batch.images)
        assert torch.equal(there.ids.cpu(), batch.ids)
