"""Calls of several sizes: only where they give the same bits, and as even as can be."""

from __future__ import annotations

import threading

import pytest
import torch
from torch import nn

from pyadvspur import attacks
from pyadvspur.attacks.chunking import PATIENCE, cuts
from pyadvspur.attacks.forward import Forward


@pytest.mark.parametrize("lanes", [1, 2, 3, 4])
@pytest.mark.parametrize("widest", [16, 64])
def test_cuts_cover_the_batch_evenly(lanes, widest):
    for n in (0, 1, 15, 16, 17, 64, 65, 200, 513):
        sizes = cuts(n, lanes, widest)
        assert 0 <= sum(sizes) - n <= 16 if n else sizes == [16]
        assert all(16 <= size <= widest and size % 16 == 0 for size in sizes)
        assert max(sizes) - min(sizes) <= 16
        if -(-n // 16) >= lanes:
            assert len(sizes) % lanes == 0 or widest == 16 or len(sizes) == -(-n // 16)


@pytest.mark.parametrize("lanes", [1, 2, 3, 4])
def test_few_samples_share_all_lanes_without_padding_to_16(lanes):
    for n in range(16 * lanes + 1):
        sizes = cuts(n, lanes, 16, 4)
        assert 0 <= sum(sizes) - n < 4 or n == 0
        assert all(4 <= size <= 16 and size % 4 == 0 for size in sizes)
        assert len(sizes) == min(lanes, max(1, -(-n // 4)))
    assert cuts(16 * lanes + 1, lanes, 16, 4) == cuts(16 * lanes + 1, lanes, 16)


class Counting(nn.Module):
    """Linear, and keeps the sizes of its calls; `fussy`: other bits for other sizes."""

    def __init__(self, fussy: bool = False):
        super().__init__()
        self.linear, self.fussy, self.sizes = nn.Linear(12, 4), fussy, []

    def forward(self, x):
        self.sizes.append(len(x))
        z = self.linear(x.flatten(1))
        return z + len(x) * 1e-7 if self.fussy else z

    def __deepcopy__(self, memo):
        raise TypeError("one worker: the sizes of all calls in one list")


@pytest.fixture
def one_thread():
    """How wide calls are depends on how many threads share them."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("fussy", [False, True])
@pytest.mark.usefixtures("one_thread")
def test_wide_calls_only_where_the_bits_agree(fussy):
    model, x = Counting(fussy), torch.rand(100, 3, 2, 2)
    with Forward(model.eval()) as forward:
        logits = forward.logits(x)
        tried = len(model.sizes)
        forward.logits(x)
        assert set(model.sizes[tried:]) == ({16} if fussy else {48, 64})
    with Forward(model, chunk=16) as forward:
        assert torch.equal(forward.logits(x), logits)
    tried = len(model.sizes)
    with Forward(model) as forward:  # remembered by model
        forward.logits(x)
    assert set(model.sizes[tried:]) == ({16} if fussy else {48, 64})


class Rowwise(Counting):
    """The same bits for every size: no matrix kernel."""

    def forward(self, x):
        self.sizes.append(len(x))
        z = (x.flatten(1)[:, None] * self.linear.weight).sum(2)
        return z + len(x) * 1e-7 if self.fussy else z


@pytest.mark.parametrize("fussy", [False, True])
@pytest.mark.usefixtures("one_thread")
def test_narrow_calls_once_they_are_many_and_only_where_the_bits_agree(fussy):
    model, x = Rowwise(fussy), torch.rand(5, 3, 2, 2)
    with Forward(model.eval()) as forward:
        first = forward.logits(x)
        assert set(model.sizes) == {16}
        for _ in range(PATIENCE):
            assert torch.equal(forward.logits(x), first)
        tried = len(model.sizes)
        assert torch.equal(forward.logits(x), first)
        assert set(model.sizes[tried:]) == ({16} if fussy else {8})
        tried = len(model.sizes)
        forward.logits(torch.rand(17, 3, 2, 2))
        assert 4 not in model.sizes[tried:]


class Small(Counting):
    """Memory for eight samples: 40, 20, 10 do not fit."""

    def forward(self, x):
        if len(x) > 8:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return super().forward(x)


def test_out_of_memory_halves_the_call_says_so_once_and_goes_on():
    torch.manual_seed(0)
    model, x = Small().eval(), torch.rand(40, 3, 2, 2)
    y = model.linear(x.flatten(1)).argmax(1)
    with pytest.warns(RuntimeWarning, match="out of memory") as said:
        r = attacks.pgd(model, x, y, "linf", 0.2, steps=3)
    assert len(said) == 1
    assert r.notes == ("out of memory: 5 samples a model call",)
    assert r.broken.any()
    model.sizes.clear()

    class Nothing(Small):
        def forward(self, x):
            raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(torch.OutOfMemoryError), pytest.warns(RuntimeWarning, match="out of memory"):
        attacks.pgd(Nothing().eval(), x, y, "linf", 0.2, steps=3)


class Asking(nn.Module):
    """Linear, and keeps how many threads torch has in each call, in one list for all copies."""

    def __init__(self):
        super().__init__()
        self.linear, self.seen = nn.Linear(12, 4), {"threads": []}

    def forward(self, x):
        self.seen["threads"].append((torch.get_num_threads(), threading.current_thread().name))
        return self.linear(x.flatten(1))

    def __deepcopy__(self, memo):
        copied = Asking()
        copied.linear, copied.seen = self.linear, self.seen
        return copied


def test_a_call_runs_on_one_thread_and_the_calls_side_by_side():
    """Lanes with a team each would be threads x threads of them, and give bits that depend on the number."""
    before, model = torch.get_num_threads(), Asking().eval()
    try:
        torch.set_num_threads(3)
        with Forward(model, chunk=16) as forward:
            forward.gradient(torch.rand(96, 3, 2, 2), lambda logits: logits.sum(1))
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
    threads, names = zip(*model.seen["threads"])
    assert set(threads) == {1}
    assert all(name.startswith("advspur-forward") for name in names)
