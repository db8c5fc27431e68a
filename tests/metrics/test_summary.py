"""From outcome rows to the table of metrics."""

import json
import pickle

import numpy as np
import pandas as pd
import pytest

from pyadvspur import AdvSpurError
from pyadvspur.metrics import Measure, measure_estimate, summarise


def rows(
    condition, correct, *, model="m", attack="none", eps=0.0, label=None, group=-1, trial=0, sample=None
):
    n = len(correct)
    return pd.DataFrame(
        {
            "model": model,
            "benchmark": "b",
            "condition": condition,
            "attack": attack,
            "eps": eps,
            "trial": trial,
            "sample": np.arange(n) if sample is None else sample,
            "label": 0 if label is None else label,
            "group": group,
            "correct": np.asarray(correct, dtype=bool),
        }
    )


def test_measures_are_plain_data():
    measure = Measure("rfs", "RFS", fg=["a", "b"], bg="c")
    assert Measure.from_dict(json.loads(json.dumps(measure.to_dict()))) == measure
    assert pickle.loads(pickle.dumps(measure)) == measure
    assert len({measure, Measure("rfs", "RFS", fg=("a", "b"), bg="c")}) == 1
    assert measure.conditions("bg") == ("c",)
    with pytest.raises(AdvSpurError, match="Did you mean 'rfs'"):
        Measure("rsf", "RFS")
    with pytest.raises(AdvSpurError, match="also bg"):
        Measure("rfs", "RFS", fg="a")
    with pytest.raises(AttributeError):
        measure.kind = "rcs"


def test_rfs_averages_over_classes():
    # class 0: 3 images, class 1: 1 image; foreground noise breaks class 1
    label = [0, 0, 0, 1]
    frame = pd.concat([rows("fg", [1, 1, 1, 0], label=label), rows("bg", [1, 1, 0, 1], label=label)])
    found = measure_estimate(Measure("rfs", "RFS", fg="fg", bg="bg"), frame)
    a_fg, a_bg = (1 + 0) / 2, (2 / 3 + 1) / 2
    mean = (a_fg + a_bg) / 2
    assert found.value == pytest.approx((a_bg - a_fg) / (2 * min(mean, 1 - mean)))
    assert found.n == 4
    images = measure_estimate(Measure("rfs", "RFS", fg="fg", bg="bg", average="images"), frame)
    assert images.value == 0


def test_trials_do_not_inflate_the_denominator():
    one = rows("a", [1, 0, 1, 1])
    three = pd.concat([rows("a", [1, 0, 1, 1], trial=t) for t in range(3)])
    measure = Measure("accuracy", "accuracy", condition="a")
    assert measure_estimate(measure, one) == measure_estimate(measure, three)


def test_summary_has_a_row_for_each_cell_that_was_run():
    outcomes = pd.concat(
        [
            rows("same", [1, 1, 1, 0]),
            rows("rand", [1, 0, 0, 0]),
            rows("same", [1, 0, 0, 0], attack="pgd-linf", eps=0.1),
            rows("same", [1, 1, 1, 1], model="other"),
        ]
    )
    measures = [
        Measure("accuracy", "accuracy", condition="same"),
        Measure("robust_accuracy", "robust accuracy", condition="same"),
        Measure("bg_gap", "BG-gap", same="same", rand="rand"),
    ]
    table = summarise(outcomes, measures).set_index(["model", "measure"])
    assert len(table) == 4  # the gap needs both conditions, and the attack ran on one only
    assert table.loc[("m", "BG-gap"), "value"] == 0.5
    assert table.loc[("m", "robust accuracy"), ["attack", "eps", "value", "n"]].tolist() == [
        "pgd-linf",
        0.1,
        0.25,
        4,
    ]
    assert ((table["low"] <= table["value"]) & (table["value"] <= table["high"])).all()
    shuffled = outcomes.sample(frac=1, random_state=0)
    again = summarise(shuffled, {"b": measures}).set_index(["model", "measure"])
    pd.testing.assert_frame_equal(table.sort_index(), again.sort_index())


def test_missing_columns_are_named():
    with pytest.raises(AdvSpurError, match="group"):
        summarise(rows("a", [1]).drop(columns="group"), [])


def test_groups_and_errors_are_left_out_and_counted():
    group = [0, 0, 0, 1, 1, 2]
    leave_out = {1: "empty mask", 2: "full mask", 3: "no mask"}
    measure = Measure("rfs", "RFS", fg="fg", bg="bg", average="images", leave_out=leave_out)
    assert Measure.from_dict(json.loads(json.dumps(measure.to_dict()))) == measure
    frame = pd.concat(
        [rows("fg", [1, 0, 0, 1, 1, 1], group=group), rows("bg", [1, 1, 0, 0, 0, 0], group=group)]
    )
    found = measure_estimate(measure, frame)
    assert (found.value, found.n) == (pytest.approx((2 / 3 - 1 / 3) / (2 * 0.5)), 3)
    assert found.note == "3 of 6 images left out (2 with empty mask, 1 with full mask)"
    frame["error"] = ["", "cut short", *[""] * 10]
    assert measure_estimate(measure, frame).note == (
        "4 of 6 images left out (1 with errors, 2 with empty mask, 1 with full mask)"
    )
    assert (
        measure_estimate(Measure("accuracy", "a", condition="fg", leave_out={0: "whole mask"}), frame).n == 3
    )
