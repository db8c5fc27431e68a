"""Scores of logits: equal to the twin, and right on cases small enough to check by hand."""

from __future__ import annotations

import math

import pytest
import torch

from pyadvspur import AdvSpurError
from pyadvspur.labels import LabelMap
from pyadvspur.native.score import score
from pyadvspur.reference import score as reference

MAPS = {
    "identity": LabelMap.identity(37),
    "many_to_one": LabelMap.many_to_one([i % 5 - 1 for i in range(37)]),
    "restricted": LabelMap.restricted([3, 30, 7, 8], classes=[0, 1, 2, 1]),
}


def batch(rows, k=37, seed=0):
    g = torch.Generator().manual_seed(seed)
    logits = torch.randn(rows, k, generator=g) * 20
    return logits, torch.randint(-1, 5, (rows,), generator=g)


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("rows", [0, 1, 65])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_score_equals_its_twin(name, rows, dtype):
    logits, labels = batch(rows)
    logits = logits.to(dtype)
    wide = torch.randn(rows, 50).to(dtype)
    wide[:, 5:42] = logits
    slow = reference.score(logits, labels, MAPS[name].codes(37))
    for given in (logits, wide[:, 5:42], logits.t().contiguous().t()):
        fast = score(given, labels, MAPS[name])
        assert torch.equal(fast.prediction, slow[0])
        torch.testing.assert_close(fast.probability, slow[1], rtol=5e-7, atol=1e-12)
        assert torch.equal(fast.margin, slow[2])
        assert torch.equal(fast.correct, slow[3])


def test_by_hand():
    logits = torch.tensor([[2.0, 1.0, 1.0, 5.0]]).log()
    grouped = LabelMap.many_to_one([0, 1, 1, -1])
    s = score(logits, torch.tensor([1]), grouped)
    assert s.prediction.item() == -1
    assert s.probability.item() == pytest.approx(2 / 9)
    assert s.margin.item() == pytest.approx(-math.log(5))
    assert not s.correct.item()
    s = score(logits, torch.tensor([1]), LabelMap.restricted([0, 2, 1], classes=[0, 1, 1]))
    assert s.prediction.item() == 0
    assert s.probability.item() == pytest.approx(2 / 4)
    assert s.margin.item() == pytest.approx(-math.log(2))
    s = score(logits, torch.tensor([9]), grouped)
    assert (s.probability.item(), s.margin.item(), s.correct.item()) == (0, -math.inf, False)
    s = score(logits[:, :1], torch.tensor([0]), LabelMap.identity(1))
    assert (s.probability.item(), s.margin.item(), s.correct.item()) == (1, math.inf, True)


def test_ties_go_to_the_lowest_index():
    s = score(torch.zeros(2, 3), torch.tensor([0, 2]), LabelMap.identity(3))
    assert s.prediction.tolist() == [0, 0]
    assert s.margin.tolist() == [0, 0]
    assert s.correct.tolist() == [True, False]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_rows_that_are_not_finite(value):
    logits, labels = batch(4)
    logits[1, 3] = logits[2, 4] = value
    s = score(logits, labels.clamp(min=0), MAPS["restricted"])  # output 3 competes, output 4 does not
    assert (s.prediction == -2).tolist() == [False, True, False, False]
    assert s.probability.isnan().tolist() == s.margin.isnan().tolist() == [False, True, False, False]
    assert not s.correct[1]


def test_wide_rows_large_logits_and_threads():
    logits, labels = batch(9, k=21_843)
    logits = logits * 1e4
    labels = labels.clamp(min=0)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = score(logits, labels, LabelMap.identity(21_843))
        torch.set_num_threads(4)
        four = score(logits, labels, LabelMap.identity(21_843))
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(a, b) for a, b in zip(one, four, strict=True))
    assert torch.equal(one.prediction, logits.argmax(1))


def test_refusals():
    logits, labels = batch(3)
    with pytest.raises(AdvSpurError, match="logits"):
        score(logits.double(), labels, MAPS["identity"])
    with pytest.raises(AdvSpurError, match="logits"):
        score(logits[:, :36], labels, MAPS["identity"])
    with pytest.raises(AdvSpurError, match="labels"):
        score(logits, labels.int(), MAPS["identity"])


def test_operator_is_well_formed_and_compiles():
    logits, labels = batch(5)
    outputs = [torch.empty(5, dtype=d) for d in (torch.int64, torch.float32, torch.float32, torch.bool)]
    torch.library.opcheck(torch.ops.advspur.score, (logits, labels, MAPS["many_to_one"].codes(37), *outputs))

    def both(logits, labels):
        s = score(logits * 2, labels, MAPS["many_to_one"])
        return s.margin + s.probability

    fast = torch.compile(both, fullgraph=True, backend="aot_eager")
    assert torch.equal(fast(logits, labels), both(logits, labels))


@pytest.mark.gpu
@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_gpu_equals_cpu(name, dtype):
    logits, labels = batch(77)
    logits[5, 3] = torch.nan
    here = score(logits.to(dtype), labels, MAPS[name])
    there = score(logits.to(dtype).cuda(), labels.cuda(), MAPS[name])
    for a, b in zip(here, there, strict=True):
        torch.testing.assert_close(b.cpu(), a, rtol=0, atol=0, equal_nan=True)
