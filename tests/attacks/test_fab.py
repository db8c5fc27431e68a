"""FAB: minimum-norm points, verified; one search for all radii; nothing of the peers' side effects."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pyadvspur import AdvSpurError, attacks

ORDER = {"linf": torch.inf, "l2": 2, "l1": 1}


def check(model, x, y, r, norm, eps):
    """By the test's own means: every claim lies in ball and box and is misclassified."""
    b = r.broken
    assert torch.equal(model(r.x_adv[b]).argmax(1), r.prediction[b])
    assert (r.prediction[b] != y[b]).all()
    assert r.x_adv.min() >= 0
    assert r.x_adv.max() <= 1
    length = (r.x_adv.double() - x.double()).flatten(1).norm(p=ORDER[norm], dim=1)
    assert (length[b] <= eps * (1 + 1e-6)).all()


@pytest.mark.parametrize("targeted", [True, False])
def test_finds_are_real_and_not_fewer_than_pgd(network, images, norm, radii, targeted):
    x, y = images
    r = attacks.fab(network, x, y, norm, radii[1], steps=25, n_targets=3, targeted=targeted)
    check(network, x, y, r, norm, radii[1])
    theirs = attacks.pgd(network, x, y, norm, radii[1], steps=25)
    assert r.broken.sum() >= theirs.broken.sum() - 2
    assert r.broken.sum() > (network(x).argmax(1) != y).sum() + 5


def test_one_search_serves_every_radius(network, images, norm, radii):
    x, y = images
    s = attacks.sweep(network, x, y, norm, radii, attack="fab", steps=15, n_targets=2)
    alone = [attacks.fab(network, x, y, norm, eps, steps=15, n_targets=2) for eps in radii]
    # a sample that broke at a radius stopped there; the others went to the end: never weaker than alone
    assert all((b | ~r.broken).all() for b, r in zip(s.broken, alone))
    assert s.steps_used.max() <= 2 * 15 + 6  # the search once, and its shortening


def test_a_linear_model_needs_one_plane(norm):
    """On a linear model the nearest point is known: FAB reaches it in a few steps."""
    g = torch.Generator().manual_seed(3)
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 6 * 6, 2))
    with torch.no_grad():
        model[1].weight.copy_(torch.randn(2, 108, generator=g))
    x = 0.49 + 0.02 * torch.rand(16, 3, 6, 6, generator=g)
    with torch.no_grad():
        model[1].bias -= model(x).mean(0)
    z = model(x)
    y = z.argmax(1)
    w = (model[1].weight[0] - model[1].weight[1]).detach()
    dual = {"linf": 1, "l2": 2, "l1": torch.inf}[norm]
    nearest = (z[:, 0] - z[:, 1]).detach().abs() / w.norm(p=dual)  # short of the walls
    r = attacks.fab(model, x, y, norm, nearest * 1.01, steps=30)
    assert r.broken.all()
    assert not attacks.fab(model, x, y, norm, nearest * 0.99, steps=30).broken.any()


def test_batches_and_order_do_not_matter(network, images, norm, radii):
    x, y = images
    ids = torch.arange(100, 167)
    options = {"steps": 8, "n_targets": 2, "restarts": 2}
    whole = attacks.fab(network, x, y, norm, radii[0], ids=ids, **options)
    order = torch.randperm(67, generator=torch.Generator().manual_seed(0))
    for rows in (order[:5], order[5:38], order[38:]):
        part = attacks.fab(network, x[rows], y[rows], norm, radii[0], ids=ids[rows], **options)
        assert torch.equal(part.x_adv, whole.x_adv[rows])
        assert torch.equal(part.broken, whole.broken[rows])


def test_masks_targets_and_refusals(network, images):
    x, y = images
    mask = torch.zeros(67, 12, 12)
    mask[:, 3:9, 3:9] = 1
    r = attacks.fab(network, x, y, "l2", 1.0, steps=15, n_targets=2, mask=mask)
    check(network, x, y, r, "l2", 1.0)
    assert torch.equal(torch.where(mask[:, None] > 0, 0.0, r.x_adv), torch.where(mask[:, None] > 0, 0.0, x))
    assert r.broken.sum() > 12
    targets = (y + 1) % 6
    r = attacks.fab(network, x, y, "l2", 1.0, steps=15, targets=targets)
    assert (r.prediction[r.broken] == targets[r.broken]).all()
    assert r.broken.sum() > 5
    with pytest.raises(AdvSpurError, match="eta"):
        attacks.fab(network, x, y, eta=float("nan"))
    with pytest.raises(AdvSpurError, match="n_targets"):
        attacks.fab(network, x, y, n_targets=0)
    with pytest.raises(AdvSpurError, match="differentiable"):
        attacks.fab(lambda x: x.detach().flatten(1)[:, :6], x, y)


def test_nothing_of_the_caller_changes(network, images):
    """pyautoattack's FAB re-seeds torch's generator and leaves gradients in the parameters."""
    x, y = images
    before, state = x.clone(), torch.random.get_rng_state()
    network.train()
    try:
        attacks.fab(network, x[:9], y[:9], "linf", 0.01, steps=3)
        assert network.training
    finally:
        network.eval()
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.equal(x, before)
    assert all(p.grad is None for p in network.parameters())


@pytest.mark.parametrize("factor", [1e-3, 20.0, 1e4])
def test_scale_of_the_logits(network, images, norm, radii, factor, scaled):
    x, y = images
    plain = attacks.fab(network, x, y, norm, radii[1], steps=12, n_targets=2)
    other = attacks.fab(scaled(network, factor), x, y, norm, radii[1], steps=12, n_targets=2)
    assert (plain.broken != other.broken).sum() <= 1


def test_without_a_gradient_it_goes_on_from_random_points(images):
    x, _ = images

    class Steps(nn.Module):
        def forward(self, x):  # flat almost everywhere
            mean = x.flatten(1)[:, :6]
            return torch.round(mean * 3) / 3 + 0 * mean

    r = attacks.fab(Steps(), x, Steps()(x).argmax(1), "linf", 0.2, steps=5, n_targets=1)
    assert r.zero_gradients > 0
    assert r.broken.any()
