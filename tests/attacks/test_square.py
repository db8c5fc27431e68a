"""Square: breaks what it claims, any image size, no gradients, and no sample knows of its neighbours."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pyadvspur import AdvSpurError, attacks
from pyadvspur.attacks import square_windows as windows

ORDER = {"linf": torch.inf, "l2": 2, "l1": 1}


def check(model, x, y, r, norm, eps):
    b = r.broken
    assert torch.equal(model(r.x_adv[b]).argmax(1), r.prediction[b])
    assert (r.prediction[b] != y[b]).all()
    assert r.x_adv.min() >= 0
    assert r.x_adv.max() <= 1
    length = (r.x_adv.double() - x.double()).flatten(1).norm(p=ORDER[norm], dim=1)
    assert (length <= eps * (1 + 1e-6)).all()


@pytest.mark.parametrize("loss", ["margin", "ce"])
def test_finds_are_real_and_more_than_random_signs(network, images, norm, radii, loss):
    x, y = images
    r = attacks.square(network, x, y, norm, radii[2], queries=60, loss=loss)
    check(network, x, y, r, norm, radii[2])
    start = attacks.square(network, x, y, norm, radii[2], queries=1)
    assert r.broken.sum() >= start.broken.sum() + 5
    assert r.steps_used.max() <= 61
    assert (r.steps_used[start.broken] <= 2).all()  # who broke asks no more


def test_batches_order_and_threads_do_not_matter(network, images, norm, radii):
    x, y = images
    ids = torch.arange(100, 167)
    options = {"queries": 25, "restarts": 2, "seed": 4}
    whole = attacks.square(network, x, y, norm, radii[1], ids=ids, **options)
    order = torch.randperm(67, generator=torch.Generator().manual_seed(0))
    before = torch.get_num_threads()
    try:
        for threads, rows in ((1, order[:5]), (2, order[5:38]), (1, order[38:])):
            torch.set_num_threads(threads)
            part = attacks.square(network, x[rows], y[rows], norm, radii[1], ids=ids[rows], **options)
            assert torch.equal(part.x_adv, whole.x_adv[rows])
            assert torch.equal(part.broken, whole.broken[rows])
    finally:
        torch.set_num_threads(before)


class Flat(nn.Module):
    """Logits from differences of sums over halves of the image: works for any size; not differentiable."""

    def forward(self, x):
        a, b = x.flatten(1).tensor_split(2, dim=1)
        gap = torch.round(((a.mean(1) - b.mean(1)) * 1e4).detach()) / 1e4
        return torch.stack([gap, -gap, gap - 9], 1)


@pytest.mark.parametrize("shape", [(1, 3, 3), (3, 4, 9), (1, 1, 40), (2, 40, 1), (1, 2, 1), (1, 5, 5)])
def test_any_size_and_no_gradient(norm, shape):
    """pyautoattack fails for images lower than 5 pixels (l2, l1) and is not meant for ones that are not square."""
    x = 0.5 + 0.01 * torch.rand(20, *shape, generator=torch.Generator().manual_seed(0))
    y = Flat()(x).argmax(1)
    eps = {"linf": 0.05, "l2": 0.05 * x[0].numel() ** 0.5, "l1": 0.05 * x[0].numel()}[norm]
    r = attacks.square(Flat(), x, y, norm, eps, queries=80)
    check(Flat(), x, y, r, norm, eps)
    assert r.broken.float().mean() > 0.5


def test_masks(network, images, norm, radii):
    x, y = images
    mask = torch.zeros(67, 12, 12)
    mask[:, 2:9, 5:11] = 1
    mask[:5] = 0  # nothing may change
    eps = 4 * radii[2]
    r = attacks.square(network, x, y, norm, eps, queries=40, mask=mask)
    check(network, x, y, r, norm, eps)
    still = (mask[:, None] == 0).expand_as(x)
    assert torch.equal(r.x_adv[still], x[still])
    assert torch.equal(r.broken[:5], network(x[:5]).argmax(1) != y[:5])
    assert r.broken[5:].sum() > 15


def test_sweeps_go_on_from_smaller_radii(network, images, norm, radii):
    x, y = images
    s = attacks.sweep(network, x, y, norm, radii, attack="square", queries=40)
    assert (s.broken[1:] | ~s.broken[:-1]).all()
    alone = attacks.square(network, x, y, norm, radii[2], queries=40)
    assert s.broken[2].sum() >= alone.broken.sum() - 3


@pytest.mark.parametrize("factor", [1e-3, 20.0, 1e4])
@pytest.mark.parametrize("loss", ["margin", "ce"])
def test_scale_of_the_logits(network, images, norm, radii, factor, loss, scaled):
    x, y = images
    plain = attacks.square(network, x, y, norm, radii[2], queries=30, loss=loss)
    other = attacks.square(scaled(network, factor), x, y, norm, radii[2], queries=30, loss=loss)
    assert (plain.broken != other.broken).sum() <= 1


def test_targets_refusals_and_nothing_of_the_caller_changes(network, images):
    x, y = images
    before, state = x.clone(), torch.random.get_rng_state()
    targets = (y + 1) % 6
    r = attacks.square(network, x, y, "linf", 0.05, queries=60, targets=targets)
    assert (r.prediction[r.broken] == targets[r.broken]).all()
    assert r.broken.sum() > 5
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.equal(x, before)
    with pytest.raises(AdvSpurError, match=r"\(B, 1, 1, n\)"):
        attacks.square(lambda x: x[:, :3], torch.eye(4, 9)[:1], torch.zeros(1, dtype=torch.int64), queries=3)
    for bad in ({"p": 0.0}, {"p": 2.0}, {"queries": 0}, {"loss": "dlr"}):
        with pytest.raises(AdvSpurError, match=next(iter(bad))):
            attacks.square(network, x, y, **bad)


def test_logits_that_are_not_finite_never_count(images):
    x, y = images

    class Broken(nn.Module):
        def forward(self, x):
            z = x.flatten(1)[:, :6]
            return torch.where(z > 0.9, float("nan"), z)

    with pytest.warns(RuntimeWarning, match="not finite"):
        r = attacks.square(Broken(), x, y, "linf", 0.1, queries=20)
    assert Broken()(r.x_adv[r.broken]).isfinite().all()


def test_windows_follow_the_schedule():
    assert [windows.share(q, 10_000, 0.8) for q in (0, 10, 11, 50, 51, 9_999)] == [
        0.8,
        0.8,
        0.4,
        0.4,
        0.2,
        0.8 / 512,
    ]
    assert windows.share(499, 500, 0.8) == 0.8 / 512
    area = torch.tensor([100.0, 4.0, 0.0])
    assert windows.sides(area, 32, 32, "linf").tolist() == [[10, 10], [2, 2], [1, 1]]
    assert windows.sides(area, 32, 32, "l2").tolist() == [[11, 11], [3, 3], [3, 3]]
    assert windows.sides(area, 4, 50, "linf").tolist() == [[4, 25], [2, 2], [1, 1]]
    assert windows.sides(area, 50, 1, "l1").tolist() == [[50, 1], [9, 1], [9, 1]]
    for norm, order in (("l2", 2), ("l1", 1)):
        for size in ((1, 1), (3, 3), (5, 2), (1, 7)):
            pattern = windows.patterns(*size, norm)
            assert pattern.shape == (2, *size)
            torch.testing.assert_close(pattern.flatten(1).norm(p=order, dim=1), torch.ones(2))
