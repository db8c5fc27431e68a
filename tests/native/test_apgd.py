"""One step of APGD: equal to its twin, inside ball and box, the same for any batch and thread count."""

from __future__ import annotations

import pytest
import torch

from pyadvspur import AdvSpurError
from pyadvspur.native.apgd import IMAGES, STATE, apgd_
from pyadvspur.native.layout import mask_of
from pyadvspur.reference import apgd as reference

NORMS = ["linf", "l2", "l1"]
ORDER = {"linf": torch.inf, "l2": 2, "l1": 1}
RADIUS = {"linf": 0.1, "l2": 1.0, "l1": 9.0}
SHAPES = [(0, 3, 4, 4), (1, 1, 1, 1), (5, 3, 33, 31), (3, 7), (2, 4097)]


def begin(shape, norm, seed=0):
    """A state at points inside ball and box, radii, and what gives gradients and losses of each turn."""
    g = torch.Generator().manual_seed(seed)
    x0 = (torch.rand(shape, generator=g) * 1.2 - 0.1).clamp(0, 1)
    eps = torch.rand(shape[0], generator=g) * RADIUS[norm] + 1e-3
    n = shape[0]
    state = {name: x0.clone() for name in IMAGES}
    state |= {"best_loss": torch.full((n,), -torch.inf), "last_loss": torch.full((n,), torch.inf)}
    state |= {"checked_loss": torch.zeros(n), "size": eps * 2}
    state |= {name: torch.ones(n, dtype=torch.int32) for name in ("rises", "halved")}
    state |= {"width": torch.arange(1, n + 1) * 3, "count": torch.full((n,), x0[0:1].numel())}

    def look(turn):
        g = torch.Generator().manual_seed(100 * seed + turn)
        return (torch.randn(shape, generator=g) * 8).round() / 8, torch.randn(n, generator=g)

    return state, x0, eps, look


def copy(state):
    return {name: value.clone() for name, value in state.items()}


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("masked", [False, True])
def test_steps_equal_the_twin_and_stay_feasible(norm, shape, masked):
    if masked and len(shape) < 4:
        pytest.skip("masks belong to images")
    state, x0, eps, look = begin(shape, norm)
    mask = (
        (torch.arange(shape[0] * shape[-1] * shape[-2]) % 3 > 0).view(shape[0], *shape[-2:])
        if masked
        else None
    )
    back = 0
    for turn in range(8):
        grad, loss = look(turn)
        window, share = (2 if turn % 2 else 0), (0.75 if turn else 1.0)
        slow, went = reference.apgd(copy(state), grad, loss, x0, eps, norm, window, share, mask_of(mask))
        moved = torch.empty(shape[0], dtype=torch.bool)
        sizes = state["size"].clone()
        apgd_(
            state, grad, loss, x0=x0, norm=norm, eps=eps, window=window, share=share, mask=mask, moved=moved
        )
        assert torch.equal(moved, went)
        for name in STATE:
            if name in ("x", "old") and norm != "linf":
                torch.testing.assert_close(state[name], slow[name], rtol=0, atol=1.2e-7 * (turn + 1))
            else:
                assert torch.equal(state[name], slow[name]), name
        back += int((state["size"] != sizes).sum())
        x = state["x"]
        assert ((x.double() - x0).flatten(1).norm(p=ORDER[norm], dim=1) <= eps.double() * (1 + 1e-6)).all()
        assert not x.numel() or (x.min() >= 0 and x.max() <= 1)
        if masked:
            assert torch.equal(x * ~mask_of(mask), x0 * ~mask_of(mask))
        for name in IMAGES:  # rounding does not add up: both go on from one state
            state[name] = slow[name]
    assert back or not shape[0]


@pytest.mark.parametrize("norm", NORMS)
def test_a_sample_does_not_know_its_batch_nor_the_threads(norm):
    def go(rows, threads):
        torch.set_num_threads(threads)
        state, x0, eps, look = begin((7, 3, 40, 41), norm)
        state = {name: value[rows].clone() for name, value in state.items()}
        for turn in range(4):
            grad, loss = look(turn)
            apgd_(state, grad[rows], loss[rows], x0=x0[rows], norm=norm, eps=eps[rows], window=turn % 2 * 2)
        return state

    before = torch.get_num_threads()
    try:
        whole = go(slice(0, 7), 1)
        for threads in (2, 3):
            parts = [go(slice(a, b), threads) for a, b in ((0, 3), (3, 4), (4, 7))]
            for name in STATE:
                assert torch.equal(torch.cat([part[name] for part in parts]), whole[name]), name
    finally:
        torch.set_num_threads(before)


def test_the_rules_of_a_checkpoint():
    n = 4
    state, x0, eps, look = begin((n, 6), "linf")
    grad, _ = look(0)
    state["rises"] = torch.tensor([3, 4, 4, 4], dtype=torch.int32)  # of five steps; the sixth look is no rise
    state["halved"] = torch.tensor([1, 1, 0, 0], dtype=torch.int32)
    state["best_loss"] = torch.tensor([1.0, 1.0, 1.0, 1.0])
    state["checked_loss"] = torch.tensor([0.0, 1.0, 1.0, 0.5])
    state["best"], state["best_grad"] = x0 * 0.5, -grad
    sizes = state["size"].clone()
    apgd_(state, grad, torch.zeros(n), x0=x0, norm="linf", eps=eps, window=5)
    # few rises; nothing gained but just halved; nothing gained; gained
    assert (state["size"] / sizes).tolist() == [0.5, 1.0, 0.5, 1.0]
    assert state["halved"].tolist() == [1, 0, 1, 0]
    assert torch.equal(state["old"][[0, 2]], (x0 * 0.5)[[0, 2]])  # these went on from the best point
    assert torch.equal(state["old"][[1, 3]], x0[[1, 3]])
    assert (state["rises"] == 0).all()


def test_no_direction_keeps_the_momentum_only():
    state, x0, eps, _ = begin((2, 8), "l2")
    moved = torch.empty(2, dtype=torch.bool)
    apgd_(state, torch.zeros(2, 8), torch.zeros(2), x0=x0, norm="l2", eps=eps, moved=moved)
    assert not moved.any()
    assert torch.equal(state["x"], x0)


def test_refusals_and_operator():
    state, x0, eps, look = begin((2, 3, 4, 4), "linf")
    grad, loss = look(0)
    with pytest.raises(AdvSpurError, match="norm"):
        apgd_(state, grad, loss, x0=x0, norm="l3", eps=eps)
    with pytest.raises(AdvSpurError, match="best got"):
        apgd_(state | {"best": x0[:1]}, grad, loss, x0=x0, norm="linf", eps=eps)
    mask = torch.ones(2, 4, 4, dtype=torch.uint8)
    numbers = [state[name] for name in STATE if name not in IMAGES]
    arguments = [
        *(state[n] for n in IMAGES),
        grad,
        x0,
        loss,
        eps,
        *numbers,
        torch.empty(2, dtype=torch.bool),
        mask,
    ]
    torch.library.opcheck(torch.ops.advspur.apgd, (*arguments, 1, 3, 0.75))


@pytest.mark.gpu
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("shape", SHAPES)
def test_gpu_equals_cpu(norm, shape):
    state, x0, eps, look = begin(shape, norm)
    there = {name: value.cuda() for name, value in state.items()}
    mask = torch.rand(shape[0], *shape[-2:]) > 0.4 if len(shape) == 4 else None
    for turn in range(6):
        grad, loss = look(turn)
        more = {"norm": norm, "window": turn % 2 * 2, "share": 0.75 if turn else 1.0}
        apgd_(state, grad, loss, x0=x0, eps=eps, mask=mask, **more)
        far = None if mask is None else mask.cuda()
        apgd_(there, grad.cuda(), loss.cuda(), x0=x0.cuda(), eps=eps.cuda(), mask=far, **more)
        for name in STATE:
            assert torch.equal(there[name].cpu(), state[name]), name
