"""Low precision looks first, float32 decides: decisions are float32's, and a bound that does not hold is found out."""

from __future__ import annotations

import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
import toys

from pyadvspur import evaluation
from pyadvspur.evaluation import precise
from pyadvspur.labels import LabelMap

DECIDED = ["prediction", "correct"]


def run(out, **options):
    nets = {"three": toys.Net(1), "twelve": toys.Net(2, 12)}
    return evaluation.evaluate(nets, [toys.Toy()], out=out, progress=False, device="cpu", **options)


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_decisions_are_those_of_float32(tmp_path, precision):
    exact = run(tmp_path / "exact", precision="float32").outcomes()
    fast = run(tmp_path / "fast", precision=precision)
    found = fast.outcomes()
    pd.testing.assert_frame_equal(found[DECIDED], exact[DECIDED])
    assert not found["probability"].equals(exact["probability"])  # low precision was really used
    said = []
    for path in (tmp_path / "fast" / "units").glob("*.parquet"):
        said.append(pq.read_schema(path).metadata[b"advspur.precision"].decode())
    assert len(said) == len(list((tmp_path / "fast" / "units").iterdir()))
    assert all(precision in text for text in said)
    off = (found["margin"] - exact["margin"]).abs().max()
    bounds = [float(text.split('"bound": ')[1].rstrip("}")) for text in said]
    assert 0 < off <= max(bounds)


def test_batch_size_changes_no_bit(tmp_path):
    frames = [
        run(tmp_path / str(size), precision="bfloat16", batch_size=size, limit=70).outcomes()
        for size in (7, 64)
    ]
    pd.testing.assert_frame_equal(*frames, check_exact=True)


def test_cpu_runs_are_float32_by_default(tmp_path):
    frames = [run(tmp_path / p, precision=p, limit=20).outcomes() for p in ("auto", "float32")]
    pd.testing.assert_frame_equal(*frames, check_exact=True)


def test_exactly_the_near_ones_are_looked_at_again():
    exact = torch.randn(500, 10, generator=torch.Generator().manual_seed(0)) * 4
    fast = exact.bfloat16().float()
    gaps = precise.gap(fast, LabelMap.identity(10))
    asked = []

    def look(places):
        asked.append(places)
        return exact[places]

    places, logits, bound = precise.second_look(fast, gaps, look)
    assert torch.equal(logits, exact[places])
    again = set(places.tolist())
    assert again == set(range(0, 500, 1)) & (
        set(precise.audited(500, fast.device).tolist()) | set((gaps <= bound).nonzero()[:, 0].tolist())
    )
    assert precise.AUDIT < len(again) < 250
    rest = torch.tensor(sorted(set(range(500)) - again))
    assert torch.equal(fast[rest].argmax(1), exact[rest].argmax(1))


def test_a_bound_that_does_not_hold_sends_all_to_float32():
    exact = torch.zeros(200, 3)
    exact[:, 0] = 9.0
    fast = exact.clone()
    fast[7] = torch.tensor([1.0, 0.999, 0.0])  # not audited, near, and far off
    assert 7 not in precise.audited(200, fast.device)
    fast += torch.randn(200, 3, generator=torch.Generator().manual_seed(0)) * 1e-3
    places, logits, _ = precise.second_look(fast, precise.gap(fast, LabelMap.identity(3)), lambda p: exact[p])
    assert torch.equal(places, torch.arange(200))
    assert torch.equal(logits, exact)


def test_logits_that_are_not_finite_are_looked_at_again(tmp_path):
    exact = torch.randn(50, 4, generator=torch.Generator().manual_seed(1)) * 5
    for spoilt in (0, 3):  # audited or not
        fast = exact.bfloat16().float()
        fast[spoilt, 1] = torch.inf
        places, _, _ = precise.second_look(fast, precise.gap(fast, LabelMap.identity(4)), lambda p: exact[p])
        assert spoilt in places.tolist()


def test_the_gap_is_between_classes_not_outputs():
    logits = torch.tensor([[5.0, 4.9, 1.0, 2.0]])
    assert precise.gap(logits, LabelMap.identity(4)).item() == pytest.approx(0.1)
    assert precise.gap(logits, LabelMap.many_to_one([0, 0, 1, -1])).item() == pytest.approx(3.0)
    assert precise.gap(logits, LabelMap.restricted([0, 2])).item() == pytest.approx(4.0)
    assert precise.gap(logits, LabelMap.many_to_one([0, 0, 0, 0])).item() == torch.inf
