"""The nearest point of a plane in the box: on the plane, in the box, no longer than any other way there."""

from __future__ import annotations

import pytest
import torch

from pyadvspur import AdvSpurError
from pyadvspur.native.hyperplane import fab_step_, to_plane
from pyadvspur.reference import hyperplane as reference

NORMS = ["linf", "l2", "l1"]


def points(shape, seed=0):
    g = torch.Generator().manual_seed(seed)
    x = (torch.rand(shape, generator=g) * 1.4 - 0.2).clamp(0, 1)  # a seventh at each wall
    w = torch.randn(shape, generator=g) * (torch.rand(shape, generator=g) > 0.1)
    return x, w


def reach(x, w, gap):
    """How much of the gap the box allows to close."""
    way = torch.sign(w) * torch.where(gap < 0, -1.0, 1.0).view(-1, *[1] * (x.dim() - 1))
    return (w.abs().double() * torch.where(way > 0, 1 - x, x)).flatten(1).sum(1)


def gaps(x, w):
    """Tiny, ordinary and nearly out of reach, both signs, and one out of reach."""
    share = torch.tensor([1e-6, -0.01, 0.3, -0.6, 0.999, -1.5, 0.0])[: len(x)].double()
    return share * reach(x, w, share)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("shape", [(0, 3, 4, 4), (7, 1), (7, 31), (6, 3, 33, 31), (2, 4097)])
def test_to_plane_equals_its_twin_and_reaches_the_plane(norm, shape):
    x, w = points(shape)
    gap = gaps(x, w)
    fast, slow = to_plane(x, w, gap, norm), reference.to_plane(x, w, gap, norm)
    torch.testing.assert_close(fast.double(), slow, rtol=1e-5, atol=1e-7)
    if fast.numel():
        assert (x.double() + fast).min() >= -1e-7
        assert (x.double() + fast).max() <= 1 + 1e-7
    gained = (w.double() * fast).flatten(1).sum(1)
    wanted = torch.where(gap.abs() < reach(x, w, gap), gap, torch.sign(gap) * reach(x, w, gap))
    torch.testing.assert_close(gained, wanted, rtol=2e-6, atol=1e-9)


@pytest.mark.parametrize("norm", NORMS)
def test_no_feasible_move_is_shorter(norm):
    """Against scipy's solvers: linear programs for linf and l1, a bounded least-norm problem for l2."""
    optimize = pytest.importorskip("scipy.optimize")
    x, w = points((12, 9), seed=2)
    share = torch.tensor([-0.9, 0.05, -0.2, 0.6] * 3).double()
    gap = share * reach(x, w, share)
    length = reference.length(to_plane(x, w, gap, norm), norm)
    for i in range(len(x)):
        a, low, high = w[i].double().numpy(), (-x[i]).double().numpy(), (1 - x[i]).double().numpy()
        n = len(a)
        if norm == "l2":
            bounds = optimize.Bounds(low, high)
            line = optimize.LinearConstraint(a, gap[i], gap[i])
            options = {"ftol": 1e-14, "maxiter": 500}
            start = to_plane(x[i : i + 1], w[i : i + 1], gap[i : i + 1], "l1")[0].double().numpy()
            best = optimize.minimize(
                lambda d: d @ d, start, jac=lambda d: 2 * d, method="SLSQP", bounds=bounds, constraints=[line],
                options=options,
            )  # fmt: skip
            shortest = best.fun**0.5
        else:  # d = up - down; linf: one variable t above every |d_i|
            import numpy as np

            cost = np.r_[np.zeros(2 * n), 1] if norm == "linf" else np.r_[np.ones(2 * n), 0]
            under = np.c_[np.eye(n), np.eye(n), -np.ones(n)] if norm == "linf" else None
            best = optimize.linprog(
                cost, A_ub=under, b_ub=None if under is None else np.zeros(n), A_eq=[np.r_[a, -a, 0]], b_eq=[gap[i]],
                bounds=[(0, u) for u in high] + [(0, -v) for v in low] + [(0, None)],
            )  # fmt: skip
            shortest = best.fun
        assert length[i] <= shortest * (1 + 1e-5) + 1e-7


@pytest.mark.parametrize("norm", NORMS)
def test_equal_weights_walls_and_scales(norm):
    x = torch.tensor([[0.5, 0.5, 0.5, 0.5, 1.0, 0.0], [0.2, 0.9, 1.0, 0.0, 0.3, 0.3]])
    w = torch.tensor([[1.0, 1.0, 1.0, 1.0, 1.0, -1.0], [float("nan"), 2.0, 2.0, -2.0, float("inf"), 0.0]])
    for scale in (1e-30, 1e-3, 1.0, 1e20):
        gap = torch.tensor([1.2, 0.1]).double() * scale
        d = to_plane(x, w * scale, gap, norm)
        torch.testing.assert_close(d[0], torch.tensor([0.3, 0.3, 0.3, 0.3, 0.0, 0.0]))
        torch.testing.assert_close(d[1], torch.tensor([0.0, 0.05, 0.0, 0.0, 0.0, 0.0]))
    assert not to_plane(x, w * 0, torch.ones(2), norm).any()
    assert not to_plane(x, w, torch.tensor([float("nan"), float("inf")]), norm).any()


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("shape", [(0, 3, 4, 4), (5, 31), (6, 3, 33, 31)])
@pytest.mark.parametrize("masked", [False, True])
def test_fab_step_equals_its_twin(norm, shape, masked):
    if masked and len(shape) != 4:
        pytest.skip("masks are for images")
    x0, w = points(shape)
    x = (x0 + 0.1 * torch.randn(shape, generator=torch.Generator().manual_seed(5))).clamp(0, 1)
    value = torch.tensor([-1.0, 0.5, -3.0, 1e-3, float("nan"), 0.0])[: len(x)]
    pull = torch.tensor([1.0, 0.9, 1.0, 0.5, 0.9, 1.0])[: len(x)]
    mask = torch.rand(len(x), *shape[2:]) > 0.4 if masked else None
    wide = None if mask is None else mask[:, None]
    slow, went = reference.fab_step(x, x0, w, value, norm, pull, 1.05, 0.1, wide)
    moved = torch.zeros(len(x), dtype=torch.bool)
    fast = fab_step_(x.clone(), x0, w, value, norm=norm, pull=pull, mask=mask, moved=moved)
    torch.testing.assert_close(fast, slow, rtol=1e-5, atol=1e-6)
    assert torch.equal(moved, went)
    if masked:
        assert torch.equal(torch.where(wide, 0.0, fast), torch.where(wide, 0.0, x0))


@pytest.mark.parametrize("norm", NORMS)
def test_threads_batches_and_layouts(norm):
    x0, w = points((6, 3, 40, 30))
    x, mask = (x0 + 0.05).clamp(0, 1), torch.rand(6, 40, 30) > 0.5
    value = torch.tensor([-1.0, 2.0, -30.0, -200.0, 3.0, 0.1])
    step = {"norm": norm, "pull": 0.9}
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        whole, plane = fab_step_(x.clone(), x0, w, value, mask=mask, **step), to_plane(x, w, value, norm)
        torch.set_num_threads(4)
        cut = [slice(0, 1), slice(1, 4), slice(4, 6)]
        parts = [fab_step_(x[c].clone(), x0[c], w[c], value[c], mask=mask[c], **step) for c in cut]
        assert torch.equal(torch.cat(parts), whole)
        assert torch.equal(torch.cat([to_plane(x[c], w[c], value[c], norm) for c in cut]), plane)
    finally:
        torch.set_num_threads(before)
    last = fab_step_(x.to(memory_format=torch.channels_last), x0, w, value, mask=mask, **step)
    torch.testing.assert_close(last, whole, rtol=1e-6, atol=1e-7)
    odd = x.transpose(2, 3).contiguous().transpose(2, 3)  # no flat order
    assert torch.equal(fab_step_(odd, x0, w, value, mask=mask, **step), whole)
    half = fab_step_(x.clone(), x0, w.bfloat16(), value, mask=mask, **step)
    assert torch.equal(half, fab_step_(x.clone(), x0, w.bfloat16().float(), value, mask=mask, **step))


def test_refusals():
    x, w = points((2, 3, 4, 4))
    with pytest.raises(AdvSpurError, match="norm"):
        to_plane(x, w, torch.zeros(2), "2")
    with pytest.raises(AdvSpurError, match="gap"):
        to_plane(x, w, torch.zeros(3), "l2")
    with pytest.raises(AdvSpurError, match="w got"):
        fab_step_(x.clone(), x, w[:1], torch.zeros(2), norm="l2")


@pytest.mark.parametrize("norm", range(3))
def test_operators_are_well_formed(norm):
    x, w = points((2, 3, 4, 4))
    mask, moved = torch.ones(2, 4, 4, dtype=torch.uint8), torch.zeros(2, dtype=torch.bool)
    value, ones = torch.tensor([-1.0, 1.0]), torch.ones(2)
    torch.library.opcheck(torch.ops.advspur.to_plane, (torch.empty_like(x), x, w, value.double(), norm))
    arguments = (x.clone(), x, w, value, ones, mask, moved, norm, 1.05, 0.1)
    torch.library.opcheck(torch.ops.advspur.fab_step, arguments)


@pytest.mark.gpu
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("shape", [(0, 3, 4, 4), (6, 3, 33, 31), (3, 3, 224, 224)])
def test_gpu_equals_cpu(norm, masked, layout, shape):
    x0, w = (t.contiguous(memory_format=layout) for t in points(shape))
    x = (x0 + 0.05).clamp(0, 1)
    value = torch.tensor([-1.0, 2.0, -30.0, -200.0, 3.0, 0.1])[: len(x)]
    mask = torch.rand(shape[0], *shape[2:]) > 0.4 if masked else None
    here = fab_step_(x.clone(), x0, w, value, norm=norm, pull=0.9, mask=mask)
    far = None if mask is None else mask.cuda()
    there = fab_step_(x.cuda(), x0.cuda(), w.cuda(), value.cuda(), norm=norm, pull=0.9, mask=far)
    assert torch.equal(there.cpu(), here)
    assert torch.equal(to_plane(x.cuda(), w.cuda(), value.cuda(), norm).cpu(), to_plane(x, w, value, norm))
