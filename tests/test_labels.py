"""Label maps: what they accept, how they are named, and class logits that agree with the scores."""

from __future__ import annotations

import pytest
import torch

from pyadvspur import AdvSpurError
from pyadvspur.labels import LabelMap
from pyadvspur.native.score import score


def test_sizes_and_widths():
    assert LabelMap.identity(10).n_outputs == LabelMap.identity(10).n_classes == 10
    grouped = LabelMap.many_to_one([0, 0, -1, 2])
    assert (grouped.n_outputs, grouped.n_classes) == (4, 3)
    assert grouped.accepts(4)
    assert not grouped.accepts(5)
    part = LabelMap.restricted([7, 2])
    assert (part.n_outputs, part.n_classes) == (8, 2)
    assert part.accepts(1000)
    assert not part.accepts(7)
    assert not LabelMap.restricted([7, 2], n_outputs=10).accepts(11)
    assert part.codes(9).tolist() == [-2, -2, 1, -2, -2, -2, -2, 0, -2]


def test_names_are_stable_and_tell_maps_apart():
    assert LabelMap.identity(10).key() == "identity(10)" == LabelMap.many_to_one(range(10)).key()
    maps = [
        LabelMap.identity(4),
        LabelMap.many_to_one([0, 1, 1, -1]),
        LabelMap.many_to_one([0, 1, 1, 0]),
        LabelMap.restricted([0, 1]),
        LabelMap.restricted([1, 0]),
        LabelMap.restricted([0, 1], n_outputs=4),
    ]
    assert len({m.key() for m in maps}) == len(set(maps)) == len(maps)
    assert LabelMap.many_to_one([0, 1, 1, -1]) == maps[1]
    assert maps[1].key() == "many_to_one(4->2,639e532c53dc062e)"


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: LabelMap.identity(0), "n got"),
        (lambda: LabelMap.many_to_one([-1, -1]), "classes"),
        (lambda: LabelMap.many_to_one([0, -2]), "classes"),
        (lambda: LabelMap.many_to_one([0.5]), "classes"),
        (lambda: LabelMap.restricted([1, 1]), "outputs"),
        (lambda: LabelMap.restricted([-1]), "outputs"),
        (lambda: LabelMap.restricted([5], n_outputs=5), "outputs"),
        (lambda: LabelMap.restricted([1, 2], classes=[0]), "classes"),
    ],
)
def test_refusals(make, words):
    with pytest.raises(AdvSpurError, match=words):
        make()


@pytest.mark.parametrize(
    "label_map",
    [
        LabelMap.identity(12),
        LabelMap.many_to_one([i % 4 - 1 for i in range(12)]),
        LabelMap.many_to_one([0, 3] * 6),
        LabelMap.restricted([9, 2, 11, 4], classes=[0, 1, 1, -1]),
    ],
)
def test_class_logits_agree_with_scores(label_map):
    logits = torch.randn(40, 12, generator=torch.Generator().manual_seed(0), requires_grad=True)
    grouped = label_map.class_logits(logits)
    winner = grouped.argmax(1)
    winner = torch.where(winner == label_map.n_classes, -1, winner)
    assert torch.equal(winner, score(logits.detach(), torch.zeros(40).long(), label_map).prediction)
    grouped.max(1).values.sum().backward()
    assert torch.equal(logits.grad.sum(1), torch.ones(40))
