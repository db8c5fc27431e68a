"""Ensembles: each member sees what is left, and the result says who broke what and what to doubt."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pyadvspur import attacks
from pyadvspur.attacks.searcher import Found
from pyadvspur.errors import AdvSpurError

SMALL = [
    "pgd(steps=3)",
    "apgd(loss=dlr_targeted,steps=8,n_targets=3,keep=1)",
    "fab(steps=5,n_targets=2)",
    "square(queries=20)",
]


def test_members_share_the_work_and_say_who_broke_what(network, images, norm, radii):
    x, y = images
    r = attacks.ensemble(network, x, y, norm, radii[0], preset=SMALL)
    wrong = network(x).argmax(1) != y
    assert r.members == (SMALL[0], "apgd(steps=8,loss=dlr_targeted,n_targets=3,keep=1)", *SMALL[2:])
    assert torch.equal(network(r.x_adv).argmax(1) != y, r.broken)
    assert torch.equal(r.broken_by >= 0, r.broken & ~wrong)
    assert (r.broken_by == 0).any()
    first = attacks.pgd(network, x, y, norm, radii[0], steps=3)
    assert torch.equal(first.broken & ~wrong, r.broken_by == 0)
    assert torch.equal(first.x_adv[first.broken], r.x_adv[first.broken])


def test_outcomes_do_not_depend_on_the_batch(network, images, norm, radii):
    x, y = images[0][:20], images[1][:20]
    ids = torch.arange(20) + 7
    whole = attacks.sweep(network, x, y, norm, radii[:2], "ensemble", preset=SMALL, ids=ids)
    parts = [
        attacks.sweep(network, x[c], y[c], norm, radii[:2], "ensemble", preset=SMALL, ids=ids[c])
        for c in (slice(0, 3), slice(3, 20))
    ]
    for name in ("broken", "margin", "prediction"):
        assert torch.equal(torch.cat([getattr(p, name) for p in parts], 1), getattr(whole, name)), name
    for name in ("x_adv", "broken_by", "steps_used"):
        assert torch.equal(torch.cat([getattr(p, name) for p in parts]), getattr(whole, name)), name


def test_outcomes_of_screened_members_do_not_depend_on_the_batch_either(network, images, norm, radii):
    x, y = images[0][:20], images[1][:20]
    members = ["pgd(steps=4)", "apgd(steps=8,restarts=3,reach=0.3)", "square(queries=125,screen=1)"]
    ids = torch.arange(20) + 7
    before = torch.get_num_threads()
    whole = attacks.sweep(network, x, y, norm, [radii[0] / 2], "ensemble", preset=members, ids=ids)
    try:
        torch.set_num_threads(1)
        parts = [
            attacks.sweep(network, x[c], y[c], norm, [radii[0] / 2], "ensemble", preset=members, ids=ids[c])
            for c in (slice(0, 1), slice(1, 4), slice(4, 20))
        ]
    finally:
        torch.set_num_threads(before)
    for name in ("x_adv", "broken_by", "steps_used"):
        assert torch.equal(torch.cat([getattr(p, name) for p in parts]), getattr(whole, name)), name
    stands = (whole.broken_by < 0) & whole.clean_correct
    assert whole.steps_used[stands].unique().numel() > 1  # some were left alone, some were not


def test_reach_takes_the_samples_whose_margin_came_down(network, images):
    x, y = images[0][:30], images[1][:30]
    look = attacks.pgd(network, x, y, "linf", 0.002, steps=4)
    clean = attacks.pgd(network, x, y, "linf", 0.0, steps=4)
    reached = 1 - look.margin / clean.margin
    r = attacks.ensemble(network, x, y, "linf", 0.002, preset=["pgd(steps=4)", "apgd(steps=5,reach=0.4)"])
    more = r.steps_used > look.steps_used
    assert torch.equal(more, ~look.broken & (reached >= 0.4))
    assert more.any()
    assert (~more & ~look.broken).any()
    targets = (y + 1) % 6  # the right class's margin says nothing there
    r = attacks.ensemble(
        network, x, y, "linf", 0.001, preset=["pgd(steps=4)", "apgd(steps=5,reach=1)"], targets=targets
    )
    assert (r.steps_used[~r.broken] == 9).all()


def test_restarts_side_by_side_are_those_one_after_the_other(network, images, norm, radii):
    x, y = images[0][:12], images[1][:12]
    r = attacks.apgd(network, x, y, norm, radii[0] / 2, steps=10, restarts=3)
    single = attacks.apgd(network, x, y, norm, radii[0] / 2, steps=10)
    assert torch.equal(r.x_adv[single.broken], single.x_adv[single.broken])
    assert (r.steps_used[~r.broken] == 30).all()


@pytest.mark.parametrize("name, work", [
    ("pgd", 40), ("apgd(loss=dlr_targeted)", 900), ("apgd(loss=dlr_targeted,keep=3)", 9 * 12 + 300),
    ("fab(n_targets=3)", 300), ("square", 5000), ("square(screen=1)", 1000), ("apgd(restarts=5,reach=0.5)", 500),
])  # fmt: skip
def test_work_of_a_stage(name, work):
    from pyadvspur.attacks.stage import stage

    assert stage(name).work == work
    assert stage(stage(name).name) == stage(name)


@pytest.mark.parametrize("preset", ["standard", "fast", "exhaustive"])
def test_presets_run(network, images, norm, radii, preset, monkeypatch):
    from pyadvspur.attacks import members

    quick = {name: tuple(_short(one) for one in stages) for name, stages in members.PRESETS[preset].items()}
    monkeypatch.setitem(members.PRESETS, preset, quick)
    x, y = images[0][:16], images[1][:16]
    frame = attacks.robust_accuracy(network, (x, y), norm, [radii[0]], attack="ensemble", preset=preset)
    alone = attacks.robust_accuracy(network, (x, y), norm, [radii[0]], steps=4)
    assert frame.accuracy[0] <= alone.accuracy[0]
    assert frame.attrs["gradient_report"].samples == int((network(x).argmax(1) == y).sum())


def _short(name: str) -> str:
    """The same member with little to do."""
    effort = "queries=125" if name.startswith("square") else "steps=4"
    attack, _, options = name.rstrip(")").partition("(")
    kept = [o for o in options.split(",") if o and not o.startswith(("steps=", "queries="))]
    return f"{attack}({','.join([*kept, effort])})"


class Steps(nn.Module):
    """A network behind a staircase: no gradient anywhere."""

    def __init__(self, network, detach: bool = False):
        super().__init__()
        self.network, self.detach = network, detach

    def forward(self, x):
        flat = (x.detach() * 200).round() / 200
        return self.network(flat if self.detach else flat + 0 * x)


def test_a_model_without_a_gradient_is_left_to_square(network, images):
    x, y = images[0][:24], images[1][:24]
    model = Steps(network, detach=True).eval()
    with pytest.raises(AdvSpurError, match=r"without a gradient.*square"):
        attacks.apgd(model, x, y, "linf", 0.02, steps=2)
    with pytest.raises(AdvSpurError, match="without a gradient"):
        attacks.ensemble(model, x, y, "linf", 0.02, preset=["pgd", "apgd"])
    with pytest.warns(RuntimeWarning, match="pgd left out: the model has no gradient"):
        r = attacks.ensemble(model, x, y, "linf", 0.02, preset=["pgd", "square(queries=60)"])
    assert (r.broken_by == 1).any()
    assert r.notes == ("pgd left out: the model has no gradient in its input",)


def test_gradients_that_mislead_are_reported(network, images):
    x, y = images[0][:40], images[1][:40]
    with pytest.warns(
        RuntimeWarning, match="gradients may mislead.*no gradient on .*broken only without gradients"
    ):
        r = attacks.ensemble(
            Steps(network).eval(), x, y, "linf", 0.02, preset=["pgd(steps=2)", "square(queries=100)"]
        )
    assert r.report.black_box_only == int((r.broken_by == 1).sum()) > 1
    assert r.report.zero_gradients > 0
    clean = attacks.ensemble(network, x, y, "linf", 0.008, preset=["pgd(steps=4)", "square(queries=20)"])
    assert not clean.report.text
    sure = attacks.pgd(lambda x: network(x) * 1e4, x, y, "linf", 0.001, steps=2)
    assert sure.report.saturated > clean.report.saturated
    assert not sure.report.text  # our losses do not mind


def test_nonsense_is_refused_by_name(network, images):
    x, y = images
    for preset in (
        "standart",
        [],
        ["apgd", "fgsm"],
        ["apgd(steps=0)"],
        ["square(steps=4)"],
        ["pgd", "apgd(reach=1.5)"],
    ):
        with pytest.raises(AdvSpurError, match=r"attacks\.ensemble"):
            attacks.ensemble(network, x, y, "linf", 0.1, preset=preset)
    with pytest.raises(AdvSpurError, match="step_size"):
        attacks.sweep(network, x, y, "linf", [0.1], "ensemble", step_size=0.1)


def test_classes_that_a_search_came_near_go_first():
    found = Found(torch.zeros(3, 2))
    own = torch.tensor([[3, 1, 0, 2]] * 3)
    assert torch.equal(found.order_classes(torch.arange(3), own), own)
    found.came_nearest(torch.tensor([1]), torch.tensor([[0, 3]]))
    assert found.order_classes(torch.arange(3), own).tolist() == [[3, 1, 0, 2], [0, 3, 1, 2], [3, 1, 0, 2]]
