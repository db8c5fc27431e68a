"""Projections: the minimiser of the distance on the set, and nothing outside it."""

from __future__ import annotations

import pytest
import torch

from pyadvspur import AdvSpurError
from pyadvspur.native.project import project_, project_l1_box_
from pyadvspur.reference import project as reference

NORMS = ["linf", "l2", "l1"]
ORDER = {"linf": torch.inf, "l2": 2, "l1": 1}


def points(shape, seed=0):
    g = torch.Generator().manual_seed(seed)
    return (torch.rand(shape, generator=g) * 1.2 - 0.1).clamp(0, 1), torch.randn(shape, generator=g)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("boxed", [False, True])
@pytest.mark.parametrize("shape", [(0, 3, 4, 4), (1, 1), (5, 31), (4, 3, 33, 31), (2, 4097)])
def test_project_equals_its_twin_and_is_feasible(norm, boxed, shape):
    x0, delta = points(shape)
    eps = torch.tensor([0.05, 0.7, 3.0, 40.0, 1e4])[: shape[0]]
    box = x0 if boxed else None
    slow = reference.project(delta, norm, eps, box)
    fast = project_(delta.clone(), norm=norm, eps=eps, x0=box)
    torch.testing.assert_close(fast, slow, rtol=1e-6, atol=1e-7)
    length = fast.double().flatten(1).norm(p=ORDER[norm], dim=1)
    assert (length <= eps.double() * (1 + 1e-6)).all()
    if boxed and fast.numel():
        assert (x0 + fast).min() >= 0
        assert (x0 + fast).max() <= 1
    again = project_(fast.clone(), norm=norm, eps=eps, x0=box)
    torch.testing.assert_close(again, fast, rtol=1e-6, atol=1e-7)


def objective(u, v):
    return (u.double() - v.double()).square().sum().item() / 2


@pytest.mark.parametrize("scale", [0.01, 1.0, 100.0])
@pytest.mark.parametrize("eps", [0.5, 30.0, 2000.0])
def test_l1_box_reaches_the_float64_optimum(scale, eps):
    x0, delta = points((1, 3, 100, 101), seed=3)
    delta = delta * scale
    room = reference.room_of(delta, x0)
    t = reference.threshold_l1(delta, room, torch.tensor([eps]))
    best = reference.soft(delta, room, t)
    fast = project_l1_box_(x0, delta.clone(), eps)
    assert objective(fast, delta) <= objective(best, delta) * (1 + 1e-6)
    used, allowed = fast.double().abs().sum().item(), min(eps, best.abs().sum().item())
    assert abs(used - allowed) <= 1e-6 * allowed


@pytest.mark.parametrize(
    "values",
    [
        [0.3] * 9,  # all equal: one breakpoint
        [5.0, 5.0, 5.0, 5.0, 0.1, 0.1, 0.1, 0.1, 0.1],  # all interior elements at their walls
        [1e-30, 2e-30, 1e-38, 1e-44, 0, 0, 0, 0, 0],
        [1e30, -1e30, 1e20, 1.0, 1e-3, 0, 0, 0, 0],
        [0.0] * 9,
    ],
)
@pytest.mark.parametrize("eps", [0.0, 1e-6, 0.4, 2.5])
def test_l1_box_at_the_corners(values, eps):
    delta, x0 = torch.tensor([values]), torch.full((1, 9), 0.5)
    fast = project_l1_box_(x0, delta.clone(), eps)
    slow = reference.project(delta, "l1", torch.tensor([eps]), x0)
    torch.testing.assert_close(fast, slow, rtol=2e-6, atol=1e-9)
    assert fast.double().abs().sum() <= eps * (1 + 1e-6)


def test_masks_batches_threads_and_layouts():
    x0, delta = points((6, 3, 40, 30))
    mask = torch.rand(6, 40, 30) > 0.5
    before = torch.get_num_threads()
    try:
        for norm, eps in (("linf", 0.1), ("l2", 3.0), ("l1", 20.0)):
            torch.set_num_threads(1)
            whole = project_(delta.clone(), norm=norm, eps=eps, x0=x0, mask=mask)
            assert not (whole * ~mask[:, None]).any()
            torch.set_num_threads(4)
            parts = [
                project_(delta[i : i + 1].clone(), norm=norm, eps=eps, x0=x0[i : i + 1], mask=mask[i : i + 1])
                for i in range(6)
            ]
            assert torch.equal(torch.cat(parts), whole)
            last = delta.clone(memory_format=torch.channels_last)
            project_(last, norm=norm, eps=eps, x0=x0, mask=mask)
            torch.testing.assert_close(last, whole, rtol=1e-6, atol=1e-7)
    finally:
        torch.set_num_threads(before)


def test_refusals():
    x0, delta = points((2, 3, 4, 4))
    with pytest.raises(AdvSpurError, match="norm"):
        project_(delta, norm="2", eps=1.0)
    with pytest.raises(AdvSpurError, match="eps"):
        project_(delta, norm="l2", eps=-1.0)
    with pytest.raises(AdvSpurError, match="x0"):
        project_(delta, norm="l2", eps=1.0, x0=x0[:1])
    with pytest.raises(AdvSpurError, match="delta"):
        project_(delta.half(), norm="l2", eps=1.0)


@pytest.mark.parametrize("norm", range(3))
def test_operator_is_well_formed(norm):
    x0, delta = points((2, 3, 4, 4))
    mask = torch.ones(2, 4, 4, dtype=torch.uint8)
    torch.library.opcheck(torch.ops.advspur.project, (delta, x0, norm, torch.tensor([0.1, 1.0]), mask))
    torch.library.opcheck(torch.ops.advspur.project, (delta, None, norm, torch.tensor([0.1, 1.0]), None))


def test_compiles_into_one_graph():
    x0, delta = points((2, 3, 8, 8))

    def both(x0, delta, eps):
        return project_l1_box_(x0, delta * 1.0, eps) + project_(delta * 2.0, norm="l2", eps=1.0)

    eps = torch.tensor([1.0, 2.0])
    fast = torch.compile(both, fullgraph=True, backend="aot_eager")
    assert torch.equal(fast(x0, delta, eps), both(x0, delta, eps))


@pytest.mark.gpu
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("boxed", [False, True])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("shape", [(0, 3, 4, 4), (5, 3, 33, 31), (3, 3, 224, 224)])
def test_gpu_equals_cpu(norm, boxed, masked, layout, shape):
    x0, delta = (t.contiguous(memory_format=layout) for t in points(shape))
    eps = torch.tensor([0.05, 0.7, 3.0, 40.0, 1e4])[: shape[0]]
    mask = torch.rand(shape[0], *shape[2:]) > 0.4 if masked else None
    here = project_(delta.clone(), norm=norm, eps=eps, x0=x0 if boxed else None, mask=mask)
    more = {"x0": x0.cuda() if boxed else None, "mask": None if mask is None else mask.cuda()}
    assert torch.equal(project_(delta.cuda(), norm=norm, eps=eps.cuda(), **more).cpu(), here)
