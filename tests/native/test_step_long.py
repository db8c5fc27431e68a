"""The l2 step that the box does not shorten: equal to its twin, of the length asked for, the same for any batch."""

from __future__ import annotations

import pytest
import torch

from pyadvspur.native.layout import mask_of
from pyadvspur.native.step import step_
from pyadvspur.reference import step as reference
from pyadvspur.reference.project import wide

SHAPES = [(0, 3, 4, 4), (1, 1, 1, 1), (5, 3, 33, 31), (2, 3, 64, 65), (3, 7), (2, 4097)]
CASES = [(shape, masked) for shape in SHAPES for masked in (False, True) if len(shape) == 4 or not masked]
LAYOUTS = [torch.contiguous_format, torch.channels_last]


def problem(shape, seed=0):
    """Clean points (many on the walls), a gradient with zeros and ties, radii and steps of each sample."""
    g = torch.Generator().manual_seed(seed)
    x0 = (torch.rand(shape, generator=g) * 1.2 - 0.1).clamp(0, 1)
    grad = (torch.randn(shape, generator=g) * 8).round() / 8
    eps = torch.rand(shape[0], generator=g) + 1e-3
    return x0, grad, eps, eps * 0.6


def distance(x, x0):
    return (x.double() - x0.double()).flatten(1).norm(dim=1)


def long_(x, x0, grad, eps, size, **more):
    return step_(x, x0, grad, norm="l2", eps=eps, step_size=size, lengthen=True, **more)


@pytest.mark.parametrize("shape, masked", CASES)
def test_it_equals_its_twin_and_stays_feasible(shape, masked):
    x0, grad, eps, size = problem(shape)
    mask = (torch.arange(shape[0] * shape[-1] * shape[-2]) % 3 > 0).view(shape[0], *shape[-2:])
    mask = mask if masked else None
    x, moved = x0.clone(), torch.empty(shape[0], dtype=torch.bool)
    for turn in range(4):
        slow, went = reference.step(x, x0, grad, "l2", eps, size, mask_of(mask), lengthen=True)
        long_(x, x0, grad, eps, size, mask=mask, moved=moved)
        assert torch.equal(moved, went)
        torch.testing.assert_close(x, slow, rtol=0, atol=1.2e-7)
        assert (distance(x, x0) <= eps.double() * (1 + 1e-6)).all()
        assert not x.numel() or (x.min() >= 0 and x.max() <= 1)
        if masked:
            assert torch.equal(x * ~mask_of(mask), x0 * ~mask_of(mask))
        grad = problem(shape, turn + 1)[1]


@pytest.mark.parametrize("scale", [1e-38, 1e-20, 1.0, 1e30, 1e37])
def test_the_step_has_its_length_wherever_the_box_has_room_for_it(scale):
    x0 = torch.randint(
        0, 2, (4, 3, 33, 31), generator=torch.Generator().manual_seed(0)
    ).float()  # all on walls
    grad = torch.randn(x0.shape, generator=torch.Generator().manual_seed(1)) * 8
    size = torch.tensor([0.01, 1.0, 10.0, 1e3])
    x = long_(x0.clone(), x0, (grad.double() * scale).float(), 1e4, size)
    room = torch.where((grad > 0) == (x0 > 0), 0.0, 1.0)
    most = room.flatten(1).norm(dim=1)
    torch.testing.assert_close(distance(x, x0).float(), size.minimum(most), rtol=1e-5, atol=0)
    assert torch.equal(x[3], (x0 + room * torch.sign(grad))[3])  # not enough: every element to its wall
    plain = step_(x0.clone(), x0, grad, norm="l2", eps=1e4, step_size=size)
    assert (distance(plain, x0)[:3].float() < 0.75 * size[:3]).all()  # what it is there for


def test_it_is_the_plain_step_where_the_box_is_far():
    x0, grad, _, _ = problem((3, 3, 33, 31))
    x0 = x0 * 0.2 + 0.4
    plain = step_(x0.clone(), x0, grad, norm="l2", eps=0.5, step_size=0.7)
    torch.testing.assert_close(long_(x0.clone(), x0, grad, 0.5, 0.7), plain, rtol=0, atol=1.2e-7)


def test_a_sample_without_a_way_into_the_box_stays():
    x0 = torch.full((4, 5000), 1.0)
    x0[:, 3] = 0.5
    grad = torch.zeros(4, 5000)
    grad[1], grad[2], grad[3] = torch.nan, 1.0, 1.0
    grad[2, 3] = 0.0
    x, moved = x0.clone(), torch.empty(4, dtype=torch.bool)
    long_(x, x0, grad, 1.0, 0.1, moved=moved)
    assert moved.tolist() == [False, False, False, True]
    assert torch.equal(x[:3], x0[:3])
    assert (x[3] - x0[3]).nonzero().flatten().tolist() == [3]
    torch.testing.assert_close(x[3, 3], torch.tensor(0.6))
    assert torch.equal(long_(x0.clone(), x0, torch.ones_like(x0), 1.0, 0.0), x0)  # of length 0


def test_batches_threads_and_memory_formats_do_not_matter():
    x0, grad, eps, size = problem((7, 3, 40, 41))
    grad = torch.where(grad == 0, 0.01, grad)
    mask = torch.rand(7, 40, 41, generator=torch.Generator().manual_seed(0)) > 0.4
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        together = long_(x0.clone(), x0, grad, eps, size, mask=mask)
        for threads in (1, 2, 3, 4):
            torch.set_num_threads(threads)
            assert torch.equal(long_(x0.clone(), x0, grad, eps, size, mask=mask), together)
            parts = [slice(i, i + 1) for i in range(7)]
            alone = [long_(x0[p].clone(), x0[p], grad[p], eps[p], size[p], mask=mask[p]) for p in parts]
            assert torch.equal(torch.cat(alone), together)
    finally:
        torch.set_num_threads(before)
    last = x0.clone(memory_format=torch.channels_last)
    assert long_(last, x0, grad, eps, size, mask=mask) is last
    torch.testing.assert_close(last, together, rtol=0, atol=1.2e-7)
    odd = torch.empty(7, 3, 41, 40).transpose(2, 3).copy_(x0)
    assert torch.equal(long_(odd, x0, grad, eps, size, mask=mask), together)


def test_operator_is_well_formed():
    x0, grad, eps, size = problem((2, 3, 4, 4))
    moved = torch.empty(2, dtype=torch.bool)
    torch.library.opcheck(
        torch.ops.advspur.step, (x0.clone(), x0, grad, 1, eps, size, None, None, moved, True)
    )


@pytest.mark.gpu
@pytest.mark.parametrize("shape, masked", [*CASES, ((2, 3, 224, 224), True), ((1, 3, 500, 500), True)])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_gpu_equals_cpu(shape, masked, layout):
    layout = layout if len(shape) == 4 else torch.contiguous_format
    x0, grad, eps, size = problem(shape)
    x0, grad = x0.contiguous(memory_format=layout), grad.contiguous(memory_format=layout)
    mask = torch.rand(shape[0], *shape[-2:]) > 0.4 if masked else None
    there = None if mask is None else mask.cuda()
    x, y = x0.clone(), x0.cuda()
    moved = torch.empty(shape[0], dtype=torch.bool)
    went = moved.cuda()
    for turn in range(3):
        long_(x, x0, grad, eps, size, mask=mask, moved=moved)
        long_(y, x0.cuda(), grad.cuda(), eps.cuda(), size.cuda(), mask=there, moved=went)
        assert torch.equal(y.cpu(), x)
        assert torch.equal(went.cpu(), moved)
        grad = problem(shape, turn + 1)[1].contiguous(memory_format=layout)
    far = wide(eps * (1 + 1e-6), x) if x.numel() else 0
    assert not x.numel() or ((x - x0).abs() <= far).all()
