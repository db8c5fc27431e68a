"""Compiled and captured searches: same claims checked the same way, and a word where they do not work."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pyadvspur import AdvSpurError, attacks
from pyadvspur.attacks.forward import Forward

X = torch.rand(21, 3, 6, 6, generator=torch.Generator().manual_seed(0))
Y = torch.arange(21) % 3


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3)).eval()


def sweep(model, device="cpu"):
    return attacks.sweep(model, X.to(device), Y.to(device), "linf", [0.01, 0.05], steps=8)


@pytest.mark.slow
@pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::UserWarning"
)  # torch's own, of its compiler
def test_a_compiled_search_finds_as_much():
    model = network()
    plain = sweep(model)
    calls = []
    with attacks.accelerate("compile"):
        kept = Forward.gradient
        Forward.gradient = lambda self, *a: (calls.append(self.compiled), kept(self, *a))[1]
        try:
            fast = sweep(model)
        finally:
            Forward.gradient = kept
    assert calls
    assert all(part.fast is not None for held in calls for part in held.values())  # it was the compiled model
    assert int((fast.broken != plain.broken).sum()) <= 1  # another rounding, hardly another outcome
    points = attacks.Points.of(fast, X, Y, "linf")
    assert attacks.recheck(model, points).refuted == 0


@pytest.mark.parametrize("mode", ["compile", "graph"])
def test_where_it_does_not_work_the_search_goes_on_and_says_so_once(monkeypatch, mode):
    plain = sweep(network())
    monkeypatch.setattr(torch, "compile", lambda *a, **k: (_ for _ in ()).throw(RuntimeError("no compiler")))
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with attacks.accelerate(mode), pytest.warns(RuntimeWarning, match="going on without") as said:
            found = sweep(network())
    finally:
        torch.set_num_threads(before)
    assert len(said) == 1
    assert torch.equal(found.broken, plain.broken)
    assert torch.equal(found.x_adv, plain.x_adv)


def test_the_mode_ends_with_its_context_and_unknown_ones_are_refused():
    with pytest.raises(AdvSpurError, match="Did you mean 'graph'"), attacks.accelerate("graphs"):
        pass
    with attacks.accelerate("graph"):
        assert attacks.acceleration.current() == "graph"
    assert attacks.acceleration.current() == "none"


@pytest.mark.gpu
@pytest.mark.parametrize("mode", ["compile", "graph"])
def test_on_a_gpu(mode):
    model = network().cuda()
    plain = sweep(model, "cuda")
    with attacks.accelerate(mode):
        fast = sweep(model, "cuda")
    assert int((fast.broken != plain.broken).sum()) <= 1
    assert attacks.recheck(model, attacks.Points.of(fast, X, Y, "linf"), device="cuda").refuted == 0
