"""What only a real GPU shows: more than 2^31 elements, two streams at once, the second device."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from pyadvspur.labels import LabelMap
from pyadvspur.native.apgd import apgd_
from pyadvspur.native.hyperplane import fab_step_
from pyadvspur.native.loss import loss
from pyadvspur.native.project import project_
from pyadvspur.native.random import draw
from pyadvspur.native.score import score
from pyadvspur.native.step import step_

NORMS = ["linf", "l2", "l1"]
RADIUS = {"linf": 0.05, "l2": 1.0, "l1": 20.0}
IMAGE = (3, 224, 224)
MANY = -(-(2**31 + 1) // (3 * 224 * 224))  # images of more than 2^31 elements in all


def problem(batch, device="cpu", seed=0):
    """Clean points and gradients; on every device the same."""
    ids = torch.arange(batch, device=device) + 1000 * seed
    n = 3 * 64 * 64
    x0 = draw(ids, n, "uniform", seed, 1).view(batch, 3, 64, 64)
    return x0, draw(ids, n, "normal", seed, 2).view(batch, 3, 64, 64)


def families(device, seed):
    """Name -> a call that returns new tensors."""
    x0, grad = problem(5, device, seed)
    flat = {"eps": torch.full((5,), 0.5, device=device), "loss": torch.linspace(-1, 1, 5, device=device)}
    labels = torch.arange(5, device=device)
    label_map = LabelMap.many_to_one([i % 6 for i in range(1000)])
    logits = grad.flatten(1)[:, :1000].contiguous()

    def apgd():
        state = {name: x0.clone() for name in ("x", "old", "best", "best_grad")}
        low = torch.full((5,), -torch.inf, device=device)
        for name in ("best_loss", "last_loss", "checked_loss"):
            state[name] = low.clone()
        state["size"] = flat["eps"] / 2
        state |= {name: torch.zeros(5, dtype=torch.int32, device=device) for name in ("rises", "halved")}
        state |= {name: torch.full((5,), 90, dtype=torch.int64, device=device) for name in ("width", "count")}
        apgd_(state, grad, flat["loss"], x0=x0, norm="l2", eps=flat["eps"], window=2)
        return state["x"]

    calls = {}
    for norm in NORMS:
        more = {"norm": norm, "eps": RADIUS[norm]}
        calls[f"step {norm}"] = partial(
            lambda **o: step_(x0.clone(), x0, grad, **o), step_size=RADIUS[norm], **more
        )
        calls[f"project {norm}"] = partial(lambda **o: project_(grad.clone(), x0=x0, **o), **more)
        calls[f"fab {norm}"] = partial(
            lambda **o: fab_step_(x0.clone(), x0, grad, flat["loss"], **o), norm=norm, pull=0.9
        )
    calls["apgd"] = apgd
    calls["draw"] = lambda: draw(labels, 4097, "normal", seed, 3)
    calls["score"] = lambda: score(logits, labels, label_map).probability
    calls["loss"] = lambda: loss(logits, labels, "ce")[1]
    return calls


@pytest.mark.gpu
def test_two_streams_at_once():
    jobs = [families("cuda", seed) for seed in (0, 1)]
    expected = [{name: call() for name, call in job.items()} for job in jobs]
    torch.cuda.synchronize()
    streams = [torch.cuda.Stream(), torch.cuda.Stream()]
    for _ in range(10):
        made = [{}, {}]
        for name in jobs[0]:
            for i, stream in enumerate(streams):
                with torch.cuda.stream(stream):
                    made[i][name] = jobs[i][name]()
        torch.cuda.synchronize()
        for one, other in zip(made, expected, strict=True):
            for name in one:
                assert torch.equal(one[name], other[name]), name


@pytest.mark.gpu
def test_every_device_gives_the_same():
    if torch.cuda.device_count() < 2:
        pytest.skip("needs two CUDA devices")
    first, second = families("cuda:0", 0), families("cuda:1", 0)  # the current device stays the first
    for name, call in second.items():
        assert torch.equal(call().cpu(), first[name]().cpu()), name
    assert torch.cuda.current_device() == 0


@pytest.fixture
def room():
    """A test of this many elements holds four such tensors."""
    free = torch.cuda.mem_get_info()[0] / 2**30
    if free < 40:
        pytest.skip(f"needs 40 GiB of free GPU memory, there are {free:.0f}")
    yield
    torch.cuda.empty_cache()


@pytest.mark.gpu
@pytest.mark.parametrize("norm", NORMS)
def test_more_elements_than_int32_counts(room, norm):
    some = torch.tensor([0, MANY // 2, MANY - 1])
    x0 = draw(torch.arange(MANY, device="cuda"), 3 * 224 * 224, "uniform", 0, 1).view(MANY, *IMAGE)
    grad = draw(torch.arange(MANY, device="cuda"), 3 * 224 * 224, "normal", 0, 2).view(MANY, *IMAGE)
    assert torch.equal(x0[some].cpu(), draw(some, 3 * 224 * 224, "uniform", 0, 1).view(3, *IMAGE))
    x = step_(x0.clone(), x0, grad, norm=norm, eps=RADIUS[norm], step_size=RADIUS[norm])
    few, slope = x0[some].cpu(), grad[some].cpu()
    here = step_(few.clone(), few, slope, norm=norm, eps=RADIUS[norm], step_size=RADIUS[norm])
    assert torch.equal(x[some].cpu(), here)
    shrunk = project_(grad, norm=norm, eps=RADIUS[norm], x0=x0)[some].cpu()
    assert torch.equal(shrunk, project_(slope, norm=norm, eps=RADIUS[norm], x0=few))


@pytest.mark.gpu
def test_more_logits_than_int32_counts(room):
    rows = 2**31 // 1000 + 8
    z = torch.empty(rows, 1000, dtype=torch.bfloat16, device="cuda").normal_()
    labels = torch.arange(rows, device="cuda") % 6
    label_map = LabelMap.many_to_one([i % 6 for i in range(1000)])
    there = score(z, labels, label_map)
    here = score(z[-9:].cpu(), labels[-9:].cpu(), label_map)
    for a, b in zip(here, there, strict=True):
        assert torch.equal(a, b[-9:].cpu())


def test_the_calls_run_here():
    """The calls above, on the CPU: they take what they are given, and give the same twice."""
    for name, call in families("cpu", 0).items():
        assert torch.equal(call(), call()), name
