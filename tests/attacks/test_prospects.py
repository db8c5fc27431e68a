"""Searches without prospects are left: fewer steps, the same breaks, whatever the batch."""

from __future__ import annotations

import pytest
import torch

from pyadvspur import attacks
from pyadvspur.attacks.prospects import Marks


def test_progress_is_drawn_on_by_the_logarithm_of_the_steps():
    marks = Marks(100, (0.25, 0.5), 1.0)
    assert (marks.at, marks.half, marks.last) == ({25, 50}, {12, 25}, 50)
    now, before = torch.tensor([3.0, 3.0]), torch.tensor([4.0, 3.0])
    assert marks.end(now, before, 25).tolist() == [1.0, 3.0]  # two doublings are left, each brings 1 and 0
    assert Marks(100, (0.25,), 2.0).end(now, before, 50).tolist() == [1.0, 3.0]
    assert not Marks(3, (0.25, 0.5), 1.0).at  # too few steps to judge


@pytest.mark.parametrize(
    "member", ["apgd(steps=40{})", "apgd(steps=40,loss=dlr_targeted,n_targets=3{})", "fab(steps=40{})"]
)
def test_a_screened_search_breaks_the_same_for_less(network, images, radii, norm, member):
    x, y = images
    eps = radii[0] / 2 if "apgd" in member else radii[0]
    whole = attacks.ensemble(network, x, y, norm, eps, preset=[member.format("")])
    screened = attacks.ensemble(network, x, y, norm, eps, preset=[member.format(",screen=1")])
    assert torch.equal(screened.broken, whole.broken)
    assert torch.equal(screened.x_adv[whole.broken], whole.x_adv[whole.broken])
    stands = ~whole.broken
    assert (screened.steps_used <= whole.steps_used).all()
    if norm == "l1" and "apgd" in member:  # balls of several radii: not judged
        assert torch.equal(screened.steps_used, whole.steps_used)
    else:
        assert int(screened.steps_used[stands].sum()) < 0.8 * int(whole.steps_used[stands].sum())


def test_screened_outcomes_do_not_depend_on_the_batch(network, images, norm, radii):
    x, y = images[0][:24], images[1][:24]
    members = [
        "pgd(steps=4)", "apgd(steps=20,screen=1)", "apgd(loss=dlr_targeted,steps=20,n_targets=4,keep=2,screen=1)",
        "fab(steps=20,screen=1)",
    ]  # fmt: skip
    ids, before = torch.arange(24) + 7, torch.get_num_threads()
    whole = attacks.sweep(network, x, y, norm, [radii[0] / 2], "ensemble", preset=members, ids=ids)
    try:
        torch.set_num_threads(1)
        parts = [
            attacks.sweep(network, x[c], y[c], norm, [radii[0] / 2], "ensemble", preset=members, ids=ids[c])
            for c in (slice(0, 1), slice(1, 5), slice(5, 24))
        ]
    finally:
        torch.set_num_threads(before)
    for name in ("x_adv", "broken_by", "steps_used"):
        assert torch.equal(torch.cat([getattr(p, name) for p in parts]), getattr(whole, name)), name


def test_a_screened_fab_searches_again_at_a_larger_radius(network, images, norm, radii):
    x, y = images[0][:30], images[1][:30]
    alone = attacks.fab(network, x, y, norm, radii[1], steps=40)
    swept = attacks.sweep(
        network, x, y, norm, [radii[0] / 4, radii[1]], "ensemble", preset=["fab(steps=40,screen=1)"]
    )
    assert int((alone.broken & ~swept.broken[1]).sum()) == 0


def test_restarts_that_an_earlier_stage_made_are_not_made_again(network, images, norm, radii):
    x, y = images[0][:20], images[1][:20]
    both = attacks.ensemble(
        network, x, y, norm, radii[0] / 2, preset=["apgd(steps=10)", "apgd(steps=10,restarts=3)"]
    )
    alone = attacks.apgd(network, x, y, norm, radii[0] / 2, steps=10, restarts=3)
    assert torch.equal(both.x_adv, alone.x_adv)
    assert torch.equal(both.steps_used, alone.steps_used)
    # but where an earlier stage took only some of the samples
    some = attacks.ensemble(
        network, x, y, norm, radii[0] / 2, preset=["apgd(steps=10,reach=0.01)", "apgd(steps=10,restarts=2)"]
    )
    assert (some.steps_used[~some.broken] == 20).all()
