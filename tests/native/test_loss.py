"""Losses with their gradients: equal to automatic differentiation of the twin, blind to scale, never saturated."""

from __future__ import annotations

import pytest
import torch

from pyadvspur import AdvSpurError
from pyadvspur.native.loss import KINDS, loss
from pyadvspur.reference import loss as reference


def rows(n: int, k: int, seed: int = 0):
    g = torch.Generator().manual_seed(seed)
    logits = torch.randn(n, k, generator=g) * torch.logspace(-3, 3, n)[:, None]
    y, t = (torch.randint(0, k, (n,), generator=g) for _ in range(2))
    return logits, y, t


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("targeted", [False, True])
@pytest.mark.parametrize("k", [2, 3, 4, 10, 1000, 2049])
def test_values_and_gradients_equal_the_twin(kind, targeted, k):
    logits, y, t = rows(33, k)
    t = t if targeted else None
    value, grad = loss(logits, y, kind, t)
    torch.testing.assert_close(value, reference.loss(logits, y, t, kind), rtol=2e-5, atol=2e-5)
    slow = reference.loss_gradient(logits, y, t, kind)
    size = slow.abs().amax(1, keepdim=True).clamp(min=1e-30)
    torch.testing.assert_close(grad / size, slow / size, rtol=1e-4, atol=3e-5)
    assert torch.equal(loss(logits, y, kind, t, gradient=False)[0], value)


@pytest.mark.parametrize("kind", KINDS)
def test_scale_saturation_and_neighbours_do_not_matter(kind):
    logits, y, _ = rows(17, 10, 1)
    value, grad = loss(logits, y, kind)
    for factor in (2.0**-30, 2.0**40):  # exact factors: the very same bits
        scaled, slope = loss(logits * factor, y, kind)
        assert torch.equal(scaled, value)
        assert torch.equal(slope * factor, grad)
    sure = torch.arange(20.0).view(2, 10)
    sure[:, 3] = 1e6  # softmax is 1 in any precision
    value, grad = loss(sure, torch.tensor([3, 3]), kind)
    assert value.isfinite().all()
    assert (grad[:, 3] < 0).all()
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        wide = rows(9, 3000)[0]
        whole = loss(wide, y[:9], kind)
        torch.set_num_threads(1)
        parts = [loss(wide[i : i + 1], y[i : i + 1], kind) for i in range(9)]
    finally:
        torch.set_num_threads(before)
    for j in range(2):
        assert torch.equal(torch.cat([part[j] for part in parts]), whole[j])


def test_two_classes_rank_points():
    value, _ = loss(torch.tensor([[2.0, 1.0], [5.0, 1.0]]), torch.tensor([0, 0]), "ce")
    assert value[0] > value[1]


def test_ties_and_flat_rows_have_a_direction_or_say_so():
    flat, y = torch.zeros(1, 5), torch.tensor([2])
    for kind in ("ce", "margin"):
        value, grad = loss(flat, y, kind)
        assert value.isfinite().all()
        assert grad[0, 2] < 0
    led = torch.tensor([[1.0, 3.0, 3.0, 3.0, 3.0]])  # the top four tie: DLR divides by zero
    for kind in ("dlr", "dlr_targeted"):
        value, grad = loss(led, torch.tensor([0]), kind)
        assert value[0] == torch.inf
        assert grad.isfinite().all()
        assert grad[0, 0] < 0


def test_rows_that_are_not_finite_and_odd_layouts():
    logits, y, _ = rows(6, 4)
    broken = logits.clone()
    broken[1, 2], broken[4, 0] = torch.nan, torch.inf
    for kind in KINDS:
        value, grad = loss(broken, y, kind)
        plain = loss(logits, y, kind)
        assert value.isnan().tolist() == [False, True, False, False, True, False]
        assert (grad[[1, 4]] == 0).all()
        good = [0, 2, 3, 5]
        assert torch.equal(grad[good], plain[1][good])
        turned = loss(logits.t().contiguous().t(), y, kind)
        assert torch.equal(turned[1], plain[1])
        half = loss(logits.bfloat16(), y, kind)
        assert torch.equal(half[0], loss(logits.bfloat16().float(), y, kind)[0])
        assert loss(logits[:0], y[:0], kind)[1].shape == (0, 4)


def test_refusals():
    logits, y, t = rows(3, 4)
    for arguments in [
        (logits, y, "hinge"),
        (logits[0], y, "ce"),
        (logits, y[:2], "ce"),
        (logits, y, "ce", t.float()),
    ]:
        with pytest.raises(AdvSpurError, match=r"native\.loss"):
            loss(*arguments)


def test_operator_is_well_formed():
    logits, y, t = rows(3, 4)
    torch.library.opcheck(torch.ops.advspur.loss, (logits, y, t, 2, torch.empty(3), torch.empty(3, 4)))


@pytest.mark.gpu
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("k", [2, 10, 1000, 5000])
def test_gpu_equals_cpu(kind, k):
    logits, y, t = rows(33, k)
    for target in (None, t):
        value, grad = loss(logits, y, kind, target)
        there = loss(logits.cuda(), y.cuda(), kind, None if target is None else target.cuda())
        torch.testing.assert_close(there[0].cpu(), value, rtol=1e-6, atol=1e-6)
        torch.testing.assert_close(there[1].cpu(), grad, rtol=1e-6, atol=1e-7)
