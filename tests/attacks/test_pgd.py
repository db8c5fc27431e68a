"""What `pgd` promises of its finds, and what it leaves alone."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from pyadvspur import attacks


def _length(delta, norm):
    flat = delta.double().flatten(1)
    return {"linf": flat.abs().amax(1), "l2": flat.square().sum(1).sqrt(), "l1": flat.abs().sum(1)}[norm]


@pytest.mark.parametrize("constant", [False, True])
def test_finds_hold_when_checked_by_hand(network, images, norm, radii, constant):
    x, y = images
    eps = torch.tensor(radii[1:])[torch.arange(len(x)) % 2]  # a radius a sample
    r = attacks.pgd(network, x, y, norm, eps, steps=8, restarts=2, step_size=eps / 3 if constant else None)
    wrong = network(x).argmax(1) != y
    assert torch.equal(network(r.x_adv).argmax(1) != y, r.broken)
    assert wrong.any()
    assert (r.broken & ~wrong).any()
    assert (~r.broken).any()
    far = _length(r.x_adv.double() - x.double(), norm)
    assert (far <= eps.double() * (1 + 1e-6)).all()
    torch.testing.assert_close(far.float(), r.distance, rtol=1e-6, atol=0)
    assert r.x_adv.min() >= 0
    assert r.x_adv.max() <= 1
    assert torch.equal(r.x_adv[wrong], x[wrong])  # wrong from the start: never attacked
    assert (r.steps_used[wrong] == 0).all()
    assert (r.margin[r.broken] <= 0).all()
    assert (r.margin[~r.broken] > 0).all()


def test_more_steps_and_restarts_never_lose_a_find(network, images, norm, radii):
    x, y = images
    one = attacks.pgd(network, x, y, norm, radii[0], steps=4)
    more = attacks.pgd(network, x, y, norm, radii[0], steps=4, restarts=4)
    assert (more.broken | ~one.broken).all()
    assert (more.loss[~more.broken] >= one.loss[~more.broken]).all()


def test_a_find_on_the_way_is_kept():
    # A narrow dip: the first step lands in it, later ones leave it again.
    class Dip(nn.Module):
        def forward(self, x):
            d = x.flatten(1).mean(1) - 0.5
            return torch.stack([0.1 - 50 * torch.where(d < 0.11, d, d - 1), torch.zeros_like(d)], 1)

    x, y = torch.full((3, 1, 2, 2), 0.5), torch.zeros(3, dtype=torch.int64)
    r = attacks.pgd(Dip(), x, y, "linf", 0.3, steps=6, step_size=0.1)
    assert r.broken.all()
    assert (r.steps_used == 1).all()


def test_the_mask_holds(network, images, norm, radii):
    x, y = images
    mask = torch.zeros(len(x), 12, 12, dtype=torch.bool)
    mask[:, 3:9, 2:8] = True
    for given in (mask, mask[:, None], mask.to(torch.uint8) * 255, mask.float()):
        r = attacks.pgd(network, x, y, norm, radii[2], steps=5, mask=given, restarts=2)
        changed = (r.x_adv != x).any(1)
        assert not (changed & ~mask).any()
        assert changed.any()
    nothing = attacks.pgd(network, x, y, norm, radii[2], steps=5, mask=torch.zeros_like(mask))
    assert torch.equal(nothing.broken, network(x).argmax(1) != y)


def test_targeted(network, images, norm, radii):
    x, _ = images
    clean = network(x).argmax(1)
    targets = (clean + 2) % 6
    targets[0] = clean[0]
    for loss in ("ce", "margin", "dlr"):
        r = attacks.pgd(network, x, clean, norm, 3 * radii[2], steps=20, targets=targets, loss=loss)
        assert torch.equal(network(r.x_adv).argmax(1) == targets, r.broken)
        assert r.broken.float().mean() > 0.5
        assert r.broken[0]
        assert r.distance[0] == 0


def test_radius_zero_is_the_clean_answer(network, images, norm):
    x, y = images
    r = attacks.pgd(network, x, y, norm, 0.0)
    assert torch.equal(r.broken, network(x).argmax(1) != y)
    assert torch.equal(r.x_adv, x)


@pytest.mark.parametrize("n", [0, 1])
def test_empty_and_single(network, images, norm, radii, n):
    x, y = images[0][1 : 1 + n], images[1][1 : 1 + n]
    r = attacks.pgd(network, x, y, norm, radii[0], steps=3, restarts=2)
    assert r.x_adv.shape == x.shape
    assert [len(t) for t in (r.broken, r.loss, r.distance, r.steps_used, r.prediction, r.margin)] == [n] * 6
    s = attacks.sweep(network, x, y, norm, radii, steps=3)
    assert s.broken.shape == s.margin.shape == (3, n)
    assert len(attacks.robust_accuracy(network, (x, y), norm, radii, steps=2)) == 3


def test_the_model_and_the_surroundings_are_left_alone(network, images, norm, radii):
    x, y = images
    x = x.clone().requires_grad_()
    model = copy.deepcopy(network).train()
    model.bn.eval()  # a mixed state must come back mixed
    model.linear.weight.grad = torch.full_like(model.linear.weight, 7.0)
    state = {k: v.clone() for k, v in model.state_dict().items()}
    rng, expected = torch.get_rng_state(), attacks.pgd(network, x.detach(), y, norm, radii[0], steps=3)
    for around in (torch.no_grad, torch.inference_mode, torch.enable_grad):
        with around():
            grad_mode = torch.is_grad_enabled()
            r = attacks.pgd(model, x, y, norm, radii[0], steps=3)
            assert torch.is_grad_enabled() == grad_mode
        assert torch.equal(r.x_adv, expected.x_adv)
    with torch.inference_mode():
        assert torch.equal(
            attacks.pgd(model, x.detach().clone(), y, norm, radii[0], steps=3).x_adv, expected.x_adv
        )
    assert model.training
    assert model.conv1.training
    assert not model.bn.training
    assert all(torch.equal(v, state[k]) for k, v in model.state_dict().items())
    assert (model.linear.weight.grad == 7).all()
    assert model.conv1.weight.grad is None
    assert x.grad is None
    assert torch.equal(torch.get_rng_state(), rng)


def test_the_model_is_restored_after_an_error(network, images):
    class Late(nn.Module):  # works once, then fails
        def __init__(self):
            super().__init__()
            self.network, self.calls = network, []

        def forward(self, x):
            self.calls.append(1)
            if x.requires_grad:
                raise RuntimeError("out of something")
            return self.network(x)

    model = Late().train()
    with pytest.raises(RuntimeError, match="out of something"):
        attacks.pgd(model, *images, "linf", 0.1)
    assert model.training
    assert network.training
    network.eval()


def test_verdicts_are_float32_whatever_searched(network, images, norm, radii):
    x, y = images
    r = attacks.pgd(network, x, y, norm, radii[1], steps=6, precision="bfloat16")
    assert torch.equal(network(r.x_adv).argmax(1) != y, r.broken)
    full = attacks.pgd(network, x, y, norm, radii[1], steps=6)
    assert abs(float(r.broken.float().mean() - full.broken.float().mean())) < 0.1


def test_a_model_that_cannot_be_copied_gives_the_same_outcomes(network, images, norm, radii):
    x, y = images
    expected = attacks.pgd(network, x, y, norm, radii[0], steps=3)

    class Stubborn(nn.Module):
        def __init__(self):
            super().__init__()
            self.network = network

        def __deepcopy__(self, memo):
            raise RuntimeError("no")

        def forward(self, x):
            return self.network(x)

    for model in (Stubborn(), lambda x: network(x)):
        assert torch.equal(attacks.pgd(model, x, y, norm, radii[0], steps=3).x_adv, expected.x_adv)


def test_l2_steps_keep_their_length_where_pixels_cannot_move(network):
    from pyadvspur.attacks.forward import Forward
    from pyadvspur.attacks.phases import PhasedLoop
    from pyadvspur.attacks.searcher import Batch

    x = torch.zeros(4, 3, 12, 12)  # black: half of a gradient points out of the box
    x[3] = 0.5  # grey: nothing is cut
    grad = torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    grad[2] = -grad[2].abs()  # nothing can move
    mask = torch.ones(4, 12, 12, dtype=torch.bool)
    mask[1, :6] = False
    size = torch.full((4,), 0.5)
    batch = Batch(torch.arange(4), torch.arange(4), x, torch.zeros(4).long(), size, x=x.clone(), mask=mask)
    batch.best_loss = torch.zeros(4)
    with Forward(network) as forward:
        PhasedLoop(forward, "l2", "ce", 10, 0).project(batch, grad, size, 0)
    moved = (batch.x - x).flatten(1).norm(dim=1)
    torch.testing.assert_close(moved, size * torch.tensor([1, 1, 0, 1]), rtol=1e-5, atol=0)
    assert not batch.x[1, :, :6].any()


def test_l1_breaks_on_its_way_through_the_larger_balls(network, images):
    x, y = images
    r = attacks.pgd(network, x, y, "l1", 3.0, steps=40)  # larger balls until step 24
    early = r.broken & (network(x).argmax(1) == y) & (r.steps_used <= 18)
    assert early.sum() > len(x) / 4
    assert ((r.x_adv - x)[early].abs().flatten(1).sum(1) <= 3.0 * (1 + 1e-5)).all()
    assert (network(r.x_adv)[early].argmax(1) != y[early]).all()
