"""Partners: uniform, keyed by the sample, never the sample itself where there is a choice."""

from __future__ import annotations

import pytest
import torch

from pyadvspur import AdvSpurError, masking

POOL = torch.arange(100, 140)


def test_choice_depends_on_the_sample_and_the_set_alone():
    ids = torch.arange(90, 150)
    chosen = POOL[masking.choose_partners(ids, POOL, seed=3, trial=1)]
    assert torch.equal(chosen[7:9], POOL[masking.choose_partners(ids[7:9], POOL, seed=3, trial=1)])
    shuffled = POOL[torch.randperm(len(POOL), generator=torch.Generator().manual_seed(0))]
    assert torch.equal(chosen, shuffled[masking.choose_partners(ids, shuffled, seed=3, trial=1)])
    assert not torch.equal(chosen, POOL[masking.choose_partners(ids, POOL, seed=3, trial=2)])
    assert (chosen != ids).all()


def test_choice_is_uniform_over_the_others():
    pool = torch.tensor([5, 1, 9])
    counts = torch.zeros(3)
    for trial in range(600):
        counts[masking.choose_partners(torch.tensor([9]), pool, trial=trial)[0]] += 1
    assert counts[2] == 0
    assert abs(counts[0] - 300) < 5 * 150**0.5


@pytest.mark.parametrize("relation", ["same", "other"])
def test_groups_are_respected(relation):
    groups = torch.arange(40) % 3
    for trial in range(40):
        chosen = masking.choose_partners(
            POOL, POOL, groups=groups, pool_groups=groups, relation=relation, trial=trial
        )
        assert ((groups[chosen] == groups) == (relation == "same")).all()
        assert (POOL[chosen] != POOL).all()


@pytest.mark.parametrize("relation", ["same", "other"])
def test_every_allowed_candidate_is_reached(relation):
    pool, groups = torch.arange(6), torch.tensor([2, 0, 1, 0, 2, 1])
    for i in range(6):
        one = {"groups": groups[i : i + 1], "pool_groups": groups, "relation": relation}
        seen = {int(masking.choose_partners(pool[i : i + 1], pool, trial=t, **one)) for t in range(100)}
        assert seen == {j for j in range(6) if j != i and (groups[j] == groups[i]) == (relation == "same")}


def test_own_background_only_without_a_choice():
    assert int(masking.choose_partners(torch.tensor([4]), torch.tensor([4]))) == 0


@pytest.mark.parametrize(
    "arguments",
    [{"pool": POOL[:0]}, {"pool": torch.tensor([1, 1])}, {"relation": "foe"}, {"relation": "same"},
     {"pool": POOL.float()}, {"relation": "other", "groups": POOL[:2], "pool_groups": POOL * 0 + 100}],
)  # fmt: skip
def test_bad_input_is_refused(arguments):
    with pytest.raises(AdvSpurError, match="choose_partners"):
        masking.choose_partners(**{"ids": torch.tensor([1, 2]), "pool": POOL, **arguments})
