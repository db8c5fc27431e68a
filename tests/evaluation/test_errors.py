"""Images that cannot be used: their unit fails, or rows say why and everything else is as if they were not there."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import torch
import toys
from toys import BAD, Torn, Whole

from pyadvspur import AdvSpurError, evaluation
from pyadvspur.evaluation import rows
from pyadvspur.metrics import Measure

#: what attacks say of toys
pytestmark = pytest.mark.filterwarnings("ignore:attacks. gradients may mislead")

LIMIT = 40
ATTACKS = ["linf:1/255,4/255(steps=2)"]


def run(out, benchmark, **options):
    models = {"three": toys.Net(1), "twelve": toys.Net(2, 12)}
    return evaluation.evaluate(models, [benchmark], ATTACKS, out, progress=False, limit=LIMIT, **options)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    return run(tmp_path_factory.mktemp("torn"), Torn(), on_error="record")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return run(tmp_path_factory.mktemp("whole"), Whole())


def test_good_images_have_the_rows_they_would_have_alone(recorded, whole):
    assert recorded.complete
    found, expected = recorded.outcomes(), whole.outcomes()
    good = (found["error"] == "").to_numpy()
    pd.testing.assert_frame_equal(
        found[good].drop(columns="error"), expected[good].drop(columns="error"), check_exact=True
    )
    assert (expected["error"] == "").all()


def test_bad_images_have_rows_that_say_why(recorded):
    frame = recorded.outcomes()
    bad = frame[frame["error"] != ""]
    # two models; agrees has four clean conditions and two radii, swapped none that is bad
    assert len(bad) == 2 * (4 + 2) * len(BAD)
    assert set(bad["prediction"]) == {rows.UNREADABLE} == {-3}
    assert not bad["correct"].any()
    assert bad[["probability", "margin", "distance"]].isna().all(axis=None)
    assert (bad["steps"] == 0).all()
    assert {(s // 7, e) for s, e in zip(bad["sample"], bad["error"])} == set(BAD.items())
    assert (bad["label"] == bad["sample"] // 7 % 3).all()
    assert sorted(bad.loc[bad["attack"] != "none", "eps"].unique()) == [1 / 255, 4 / 255]
    keys = ["model", "condition", "attack", "eps"]
    for _, part in frame.groupby(keys, observed=True):
        assert part["sample"].is_monotonic_increasing  # in their places


@pytest.mark.parametrize(
    "options", [{"batch_size": 1}, {"batch_size": 3}, {"batch_size": 7, "workers": 2, "threads": 1}]
)
def test_rows_do_not_depend_on_batches_or_workers(recorded, tmp_path, options):
    again = run(tmp_path, Torn(), on_error="record", **options)
    pd.testing.assert_frame_equal(again.outcomes(), recorded.outcomes(), check_exact=True)


def test_metrics_leave_them_out_and_pairs_stay_pairs(recorded, whole):
    measures = [
        Measure("accuracy", "accuracy", condition="agrees"),
        Measure("robust_accuracy", "robust", condition="agrees"),
        Measure("bg_gap", "gap", same="agrees", rand="swapped"),
    ]
    frame = whole.outcomes()
    without = frame[~frame["sample"].isin([7 * k for k in BAD])]
    from pyadvspur.metrics import summarise

    expected, found = summarise(without, measures), recorded.metrics(measures)
    pd.testing.assert_frame_equal(found.drop(columns="note"), expected.drop(columns="note"), check_exact=True)
    assert found["note"].str.contains("5 of 40 images left out").all()


def test_the_summary_counts_them(recorded):
    errors = recorded.errors()
    assert dict(zip(errors["sample"] // 7, errors["error"])) == BAD
    [row] = recorded.summary().to_dict("records")
    assert row["images_left_out"] == len(BAD)
    assert row["failed"] == 0
    assert row["done"] == row["outcomes"]
    assert row["error"] in BAD.values()


def test_raise_fails_the_units_that_meet_one_and_no_others(tmp_path):
    with pytest.warns(UserWarning, match=r"units failed, first three on toy/agrees.*on_error='record'"):
        done = run(tmp_path, Torn())
    progress = done.progress().set_index("condition")
    assert (progress.loc["swapped", "done"] == progress.loc["swapped", "samples"]).all()
    assert (progress.loc["agrees", "failed"] == LIMIT).all()
    assert progress.loc["agrees", "error"].str.contains("'agrees' cannot be used: 0.png is empty").all()
    assert (done.summary()["failed"] > 0).all()
    assert not len(done.errors())
    # the same run goes on once it may
    again = run(tmp_path, Torn(), on_error="record")
    assert again.complete
    assert len(again.errors()) == len(BAD)


def test_nothing_but_bad_images(tmp_path):
    class Lost(Torn):
        def read(self, source, start, stop):
            batch = toys.Toy.read(self, source, start, stop)
            return dataclasses.replace(
                batch, images=torch.zeros_like(batch.images), errors=("lost",) * len(batch)
            )

    done = run(tmp_path, Lost(), on_error="record")
    assert done.complete
    assert (done.outcomes()["error"] == "lost").all()
    assert np.isnan(done.metrics()["value"].astype(float)).all()


def test_on_error_is_checked(tmp_path):
    with pytest.raises(ValueError, match="on_error got 'ignore'"):
        run(tmp_path, Torn(), on_error="ignore")


class TwiceTheSame(toys.Toy):
    """Two samples with one id."""

    def read(self, source, start, stop):
        batch = super().read(source, start, stop)
        return dataclasses.replace(batch, ids=torch.where(batch.ids == 21, 14, batch.ids))


def test_an_id_that_occurs_twice_is_refused(tmp_path):
    with pytest.warns(UserWarning, match="id 14 to 2 samples"):
        done = evaluation.evaluate(
            {"net": toys.Net()}, [TwiceTheSame()], ["linf:1/255(steps=1)"], tmp_path, limit=10, progress=False
        )
    assert len(done.failures()) == 5 + 2  # clean and attacked


class Fitting(torch.nn.Module):
    def __init__(self, outputs):
        super().__init__()
        self.linear = torch.nn.Linear(3, outputs)

    def forward(self, x):
        return self.linear(x.mean((2, 3)))


def test_outputs_that_do_not_fit_are_refused_when_planning(tmp_path):
    with pytest.raises(AdvSpurError, match=r"model 'net' has 7 outputs and cannot answer benchmark 'toy'"):
        evaluation.evaluate({"good": Fitting(12), "net": Fitting(7)}, [toys.Toy()], out=tmp_path / "a")
    with pytest.raises(AdvSpurError, match=r"'random:5' has 5 outputs .*10, one output for each digit"):
        evaluation.evaluate(["random:5"], ["embedded"], out=tmp_path / "a")
    assert not (tmp_path / "a").exists()
    # a head is fitted on other outputs
    assert toys.Probed().readout.applies(12)
    done = evaluation.evaluate(
        {"net": toys.Net(0, 12)}, [toys.Probed()], out=tmp_path / "b", limit=5, progress=False
    )
    assert done.complete
