"""The attack update: equal to its twin, inside ball and box, the same for any batch, thread count and layout."""

from __future__ import annotations

import pytest
import torch

from pyadvspur import AdvSpurError
from pyadvspur.native.layout import mask_of
from pyadvspur.native.step import step_
from pyadvspur.reference import step as reference

NORMS = ["linf", "l2", "l1"]
ORDER = {"linf": torch.inf, "l2": 2, "l1": 1}
RADIUS = {"linf": 0.1, "l2": 1.0, "l1": 9.0}
SHAPES = [(0, 3, 4, 4), (1, 1, 1, 1), (5, 3, 33, 31), (2, 3, 64, 65), (3, 7), (2, 4097)]
CASES = [(shape, masked) for shape in SHAPES for masked in (False, True) if len(shape) == 4 or not masked]
LAYOUTS = [torch.contiguous_format, torch.channels_last]


def problem(shape, norm, seed=0):
    """Clean points (many on the walls), a gradient with zeros and ties, radii and steps of each sample."""
    g = torch.Generator().manual_seed(seed)
    x0 = (torch.rand(shape, generator=g) * 1.2 - 0.1).clamp(0, 1)
    grad = (torch.randn(shape, generator=g) * 8).round() / 8
    eps = torch.rand(shape[0], generator=g) * RADIUS[norm] + 1e-3
    return x0, grad, eps, eps * 0.6


def distance(x, x0, norm):
    return (x.double() - x0.double()).flatten(1).norm(p=ORDER[norm], dim=1)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("shape, masked", CASES)
def test_step_equals_its_twin_and_stays_feasible(norm, shape, masked):
    x0, grad, eps, size = problem(shape, norm)
    mask = (
        (torch.arange(shape[0] * shape[-1] * shape[-2]) % 3 > 0).view(shape[0], *shape[-2:])
        if masked
        else None
    )
    k = torch.arange(1, shape[0] + 1) * 3
    x, moved = x0.clone(), torch.empty(shape[0], dtype=torch.bool)
    for turn in range(4):
        slow, went = reference.step(x, x0, grad, norm, eps, size, mask_of(mask), k)
        step_(x, x0, grad, norm=norm, eps=eps, step_size=size, mask=mask, k=k, moved=moved)
        assert torch.equal(moved, went)
        if norm == "linf":
            assert torch.equal(x, slow)
        torch.testing.assert_close(x, slow, rtol=0, atol=1.2e-7)
        assert (distance(x, x0, norm) <= eps.double() * (1 + 1e-6)).all()
        assert not x.numel() or (x.min() >= 0 and x.max() <= 1)
        if masked:
            assert torch.equal(x * ~mask_of(mask), x0 * ~mask_of(mask))
        grad = problem(shape, norm, turn + 1)[1]


@pytest.mark.parametrize("norm", NORMS)
def test_a_sample_does_not_know_its_batch_nor_the_threads(norm):
    x0, grad, eps, size = problem((7, 3, 40, 41), norm)
    start = (x0 + 0.02).clamp(0, 1)

    def go(samples, threads):
        torch.set_num_threads(threads)
        x = start[samples].clone()
        return step_(
            x, x0[samples], grad[samples], norm=norm, eps=eps[samples], step_size=size[samples], k=0.1
        )

    before = torch.get_num_threads()
    try:
        together = go(slice(0, 7), 1)
        for threads in (1, 2, 3, 4):
            assert torch.equal(go(slice(0, 7), threads), together)
            assert torch.equal(torch.cat([go(slice(i, i + 1), threads) for i in range(7)]), together)
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("norm", NORMS)
def test_memory_format_is_kept_and_does_not_matter(norm):
    x0, _, eps, size = problem((3, 3, 17, 19), norm)
    grad = torch.randn_like(x0)  # no ties: the l1 step breaks them by memory order
    mask = (torch.rand(3, 17, 19) > 0.5).float()
    plain = step_(x0.clone(), x0, grad, norm=norm, eps=eps, step_size=size, mask=mask)
    last = x0.clone(memory_format=torch.channels_last)
    assert step_(last, x0, grad, norm=norm, eps=eps, step_size=size, mask=mask.to(torch.uint8)) is last
    assert last.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(last, plain, rtol=0, atol=1.2e-7)
    odd = torch.empty(3, 3, 19, 17).transpose(2, 3).copy_(x0)
    step_(odd, x0, grad, norm=norm, eps=eps, step_size=size, mask=mask > 0)
    assert torch.equal(odd, plain)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("scale", [1e-44, 1e-30, 1e30, 1e37])
def test_the_scale_of_a_gradient_never_matters(norm, scale):
    grad = torch.tensor([[1.0, -2.0, 4.0, 8.0, -8.0, 0.0]] * 2)
    x0 = torch.full((2, 6), 0.5)
    plain = step_(x0.clone(), x0, grad, norm=norm, eps=0.1, step_size=0.05, k=3)
    moved = torch.zeros(2, dtype=torch.bool)
    tiny = (grad.double() * scale).float()
    scaled = step_(x0.clone(), x0, tiny, norm=norm, eps=0.1, step_size=0.05, k=3, moved=moved)
    assert moved.all()
    torch.testing.assert_close(scaled, plain, rtol=0, atol=0.02 if scale == 1e-44 and norm == "l2" else 1e-7)


@pytest.mark.parametrize("norm", NORMS)
def test_no_direction_no_move_and_broken_gradients(norm):
    x0 = torch.full((4, 5000), 0.25)
    x = x0 + 0.01 * torch.rand(4, 5000, generator=torch.Generator().manual_seed(0))
    grad = torch.zeros(4, 5000)
    grad[1] = torch.nan
    grad[2, 3], grad[2, 4] = torch.inf, 1e-20
    grad[3] = 1.0
    new, moved = x.clone(), torch.empty(4, dtype=torch.bool)
    step_(new, x0, grad, norm=norm, eps=300.0, step_size=0.1, k=10, moved=moved)
    assert moved.tolist() == [False, False, True, True]
    assert torch.equal(new[:2], x[:2])
    assert ((new[2] - x[2]).abs() > 1e-6).nonzero().flatten().tolist() == [4]


def test_l1_moves_the_k_largest_that_can_still_move():
    x0 = torch.tensor([[0.5, 1.0, 0.5, 0.5, 0.0, 0.5, 0.5]])
    grad = torch.tensor(
        [[3.0, 9.0, 5.0, 5.0, -8.0, 5.0, 1.0]]
    )  # 9 and -8 point out of the box; three fives tie
    x = step_(x0.clone(), x0, grad, norm="l1", eps=1.0, step_size=0.2, k=2)
    torch.testing.assert_close(x - x0, torch.tensor([[0, 0, 0.1, 0.1, 0, 0, 0]]), rtol=0, atol=1e-7)
    x = step_(x0.clone(), x0, grad, norm="l1", eps=1.0, step_size=0.2, k=7)  # only five can move
    assert (x != x0).sum() == 5


def test_linf_bounds_hold_where_rounding_would_break_them():
    x0 = torch.rand(1, 100_000, generator=torch.Generator().manual_seed(1))
    eps = 1 / 4 / 255
    x = step_(x0.clone(), x0, torch.randn_like(x0), norm="linf", eps=eps, step_size=1.0)
    assert ((x - x0).abs().max() <= torch.tensor(eps)).all()


def test_half_precision_gradients_and_refusals():
    x0, grad, eps, size = problem((2, 3, 4, 4), "linf")
    plain = step_(x0.clone(), x0, grad, norm="linf", eps=eps, step_size=size)
    assert torch.equal(step_(x0.clone(), x0, grad.bfloat16(), norm="linf", eps=eps, step_size=size), plain)
    good = {"norm": "linf", "eps": 0.1, "step_size": 0.1}
    for change, words in [
        ({"norm": "l3"}, "norm"),
        ({"eps": -0.1}, "eps"),
        ({"step_size": float("nan")}, "step_size"),
        ({"eps": torch.ones(3)}, "eps"),
        ({"mask": torch.ones(2, 4, 5)}, "mask"),
        ({"norm": "l1", "k": 0}, "k got"),
        ({"norm": "l1", "k": 1.5}, "k got"),
        ({"moved": torch.zeros(2)}, "moved"),
    ]:
        with pytest.raises(AdvSpurError, match=words):
            step_(x0.clone(), x0, grad, **(good | change))
    with pytest.raises(AdvSpurError, match="x got"):
        step_(x0.double(), x0, grad, **good)
    with pytest.raises(AdvSpurError, match="grad"):
        step_(x0.clone(), x0, grad[:1], **good)


@pytest.mark.parametrize("norm", range(3))
def test_operator_is_well_formed(norm):
    x0, grad, eps, size = problem((2, 3, 4, 4), "l2")
    k, moved = torch.tensor([3, 4]), torch.empty(2, dtype=torch.bool)
    mask = torch.ones(2, 4, 4, dtype=torch.uint8)
    torch.library.opcheck(torch.ops.advspur.step, (x0.clone(), x0, grad, norm, eps, size, mask, k, moved))


def test_compiles_into_one_graph():
    x0, grad, eps, size = problem((2, 3, 8, 8), "l2")

    def update(x, x0, grad, eps, size):
        return step_(x * 1.0, x0, grad + 0.0, norm="l2", eps=eps, step_size=size) * 1.0

    fast = torch.compile(update, fullgraph=True, backend="aot_eager")
    assert torch.equal(fast(x0, x0, grad, eps, size), update(x0, x0, grad, eps, size))


@pytest.mark.gpu
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("shape, masked", CASES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_gpu_equals_cpu(norm, shape, masked, layout):
    layout = layout if len(shape) == 4 else torch.contiguous_format
    x0, grad, eps, size = problem(shape, norm)
    x0, grad = x0.contiguous(memory_format=layout), grad.contiguous(memory_format=layout)
    mask = torch.rand(shape[0], *shape[-2:]) > 0.4 if masked else None
    there = None if mask is None else mask.cuda()
    x, y = x0.clone(), x0.cuda()
    for turn in range(3):
        moved, went = (
            torch.empty(shape[0], dtype=torch.bool),
            torch.empty(shape[0], dtype=torch.bool, device="cuda"),
        )
        step_(x, x0, grad, norm=norm, eps=eps, step_size=size, mask=mask, k=0.1, moved=moved)
        more = {"mask": there, "k": 0.1, "moved": went}
        step_(y, x0.cuda(), grad.cuda(), norm=norm, eps=eps.cuda(), step_size=size.cuda(), **more)
        assert torch.equal(y.cpu(), x)
        assert torch.equal(went.cpu(), moved)
        grad = problem(shape, norm, turn + 1)[1].contiguous(memory_format=layout)


@pytest.mark.gpu
def test_gpu_graph_capture():
    x0, grad, eps, size = (t.cuda() for t in problem((3, 3, 32, 32), "l2"))
    x, moved = x0.clone(), torch.empty(3, dtype=torch.bool, device="cuda")
    arguments = {"eps": eps, "step_size": size, "moved": moved}
    for norm in NORMS:
        step_(x.copy_(x0), x0, grad, norm=norm, **arguments)
        expected = x.clone()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            x.copy_(x0)
            step_(x, x0, grad, norm=norm, **arguments)
        x.zero_()
        graph.replay()
        assert torch.equal(x, expected)
