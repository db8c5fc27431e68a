"""Every kind of measure against `slow.py`, to 1e-12, on rows with trials, levels, missing images and failures."""

import math
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pyadvspur import AdvSpurError, metrics
from pyadvspur.metrics import Measure, measure_estimate, summarise

sys.path.insert(0, str(Path(__file__).parent))
import slow

FG, BG = ["fg 1", "fg 2"], ["bg 1", "bg 2"]
WEIGHTS = [3498, 184, 56, 1057]


def outcomes(seed=0, n=120, classes=7):
    """Unequal classes, four groups, three trials of each noise level, shifted images under their own numbers."""
    rng = np.random.default_rng(seed)
    sample = rng.integers(0, 2**62, n)
    label = rng.choice(classes, n, p=np.arange(1, classes + 1) / np.arange(1, classes + 1).sum())
    parts = []
    for condition in ("clean", "rand", *FG, *BG, "shifted"):
        for trial in range(3 if condition[:2] in ("fg", "bg") else 1):
            parts.append(
                pd.DataFrame(
                    {
                        "model": "m",
                        "benchmark": "b",
                        "condition": condition,
                        "attack": "none",
                        "eps": 0.0,
                        "trial": trial,
                        "sample": sample + (2**40 if condition == "shifted" else 0),
                        "label": label,
                        "group": label % 4,
                        "correct": rng.random(n) < rng.random(),
                        "probability": rng.random(n).astype(np.float32),
                    }
                )
            )
    return pd.concat(parts, ignore_index=True)


FRAME = outcomes()
ROWS = FRAME.to_dict("records")


def gap(rows):
    return slow.accuracy(rows, ["clean"]) - slow.accuracy(rows, ["rand"])


def drop(rows):
    return slow.accuracy(rows, ["clean"]) - slow.accuracy(rows, ["shifted"])


def adjusted(rows):
    found = slow.groups(rows, "clean")
    return sum(w * found[g] for g, w in enumerate(WEIGHTS)) / sum(WEIGHTS)


CASES = [
    (Measure("accuracy", "a", condition="clean"), lambda rows: slow.accuracy(rows, ["clean"])),
    (
        Measure("class_accuracy", "a", condition="clean"),
        lambda rows: slow.accuracy(rows, ["clean"], "classes"),
    ),
    (Measure("rfs", "a", fg=FG, bg=BG), lambda rows: slow.rfs(rows, FG, BG)),
    (Measure("rfs", "a", fg=FG[0], bg=BG[0]), lambda rows: slow.rfs(rows, FG[:1], BG[:1])),
    (
        Measure("rcs", "a", core=BG, spurious=FG, average="images"),
        lambda rows: slow.rfs(rows, FG, BG, "images"),
    ),
    (Measure("irfs", "a", fg=FG, bg=BG), lambda rows: slow.irfs(rows, FG, BG)),
    (Measure("bg_gap", "a", same="clean", rand="rand"), gap),
    (
        Measure("relative_gap", "a", same="clean", rand="rand"),
        lambda rows: gap(rows) / slow.accuracy(rows, ["clean"]),
    ),
    (Measure("drop", "a", reference="clean", shifted="shifted"), drop),
    (
        Measure("relative_drop", "a", reference="clean", shifted="shifted"),
        lambda rows: drop(rows) / slow.accuracy(rows, ["clean"]),
    ),
    (
        Measure("effective_robustness", "a", reference="clean", shifted="shifted", trend=[0.9, -1.5]),
        lambda rows: slow.effective_robustness(
            slow.accuracy(rows, ["clean"]), slow.accuracy(rows, ["shifted"]), 0.9, -1.5
        ),
    ),
    (Measure("worst_group", "a", condition="clean"), lambda rows: min(slow.groups(rows, "clean").values())),
    (
        Measure("group_accuracy", "a", condition="clean", group=2),
        lambda rows: slow.groups(rows, "clean")[2],
    ),
    (Measure("group_mean", "a", condition="clean", weights=WEIGHTS), adjusted),
    (
        Measure("group_mean", "a", condition="clean"),
        lambda rows: slow.mean(slow.groups(rows, "clean").values()),
    ),
]
CLEAN = slow.groups(ROWS, "clean")
IMAGES = {
    "drop": 240, "relative_drop": 240, "effective_robustness": 240, "group_accuracy": sum(FRAME["group"][:120] == 2),
    "worst_group": sum(FRAME["group"][:120] == min(CLEAN, key=CLEAN.get)),
}  # fmt: skip
IDS = [f"{measure.kind}-{k}" for k, (measure, _) in enumerate(CASES)]


@pytest.mark.parametrize("interval", [None, "percentile", "bca"])
@pytest.mark.parametrize("measure, expected", CASES, ids=IDS)
def test_values_equal_a_slow_computation(measure, expected, interval):
    found = measure_estimate(measure, FRAME, interval=interval)
    assert found.value == pytest.approx(expected(ROWS), abs=1e-12)
    assert found.low <= found.value <= found.high
    assert found.high - found.low < 0.9
    assert found.n == IMAGES.get(measure.kind, 120)


@pytest.mark.parametrize("measure, expected", CASES, ids=IDS)
def test_failed_images_are_left_out_of_all_conditions(measure, expected):
    frame = FRAME.assign(error="")
    first = frame["sample"].iloc[0]
    frame.loc[(frame["sample"] == first) & (frame["condition"].isin(["clean", "fg 1"])), "error"] = (
        "truncated"
    )
    frame.loc[frame["error"] != "", ["correct", "probability"]] = [False, np.nan]
    found = measure_estimate(measure, frame)
    kept = [row for row in ROWS if row["sample"] != first]
    assert found.value == pytest.approx(expected(kept), abs=1e-12)
    everything = {240: 240}.get(IMAGES.get(measure.kind), 120)
    assert found.note == f"1 of {everything} images left out (1 with errors)"
    spoken = measure_estimate(measure, frame.assign(error=frame["error"].replace({"": None})))
    assert spoken == found


def test_the_order_of_rows_and_the_type_of_names_change_nothing():
    measures = [measure for measure, _ in CASES if measure.kind != "accuracy"]
    frame = pd.concat([FRAME, FRAME.assign(model="other", correct=~FRAME["correct"])], ignore_index=True)
    table = summarise(frame, measures)
    named = frame.astype(dict.fromkeys(("model", "benchmark", "condition", "attack"), "category"))
    shuffled = frame.sample(frac=1, random_state=3)
    for other in (named, shuffled, named.sample(frac=1, random_state=4), named.iloc[::-1]):
        again = summarise(other, measures)
        again = again.iloc[np.argsort(again["model"].map({"m": 0, "other": 1}), kind="stable")]
        pd.testing.assert_frame_equal(table, again.reset_index(drop=True))
    assert len(table) == 2 * len(measures)


UNDEFINED = [
    (Measure("rfs", "a", fg="x", bg="y"), "mean accuracy is 0"),
    (Measure("rcs", "a", core="x", spurious="y"), "mean accuracy is 0"),
    (Measure("relative_gap", "a", same="x", rand="y"), "reference accuracy is 0"),
    (Measure("relative_drop", "a", reference="x", shifted="y"), "reference accuracy is 0"),
    (Measure("effective_robustness", "a", reference="x", shifted="y"), "in logits"),
    (Measure("group_mean", "a", condition="x", weights=[1, 1, 1]), "no image in group 2"),
    (Measure("group_accuracy", "a", condition="x", group=7), "no image in group 7"),
]


@pytest.mark.parametrize("interval", [None, "bca"])
@pytest.mark.parametrize("measure, why", UNDEFINED, ids=[m.kind for m, _ in UNDEFINED])
def test_undefined_is_nan_and_says_why(measure, why, interval):
    frame = FRAME.iloc[:120].assign(correct=False, group=FRAME["label"][:120] % 2)
    frame = pd.concat([frame.assign(condition="x"), frame.assign(condition="y")])
    found = measure_estimate(measure, frame, interval=interval)
    assert math.isnan(found.value)
    assert why in found.note
    assert "undefined" in str(found)
    row = summarise(frame, [measure], interval=interval).iloc[0]
    assert math.isnan(row["value"])
    assert row["note"] == found.note


def test_the_published_zero_is_there_for_who_asks():
    frame = FRAME.iloc[:120].assign(correct=True)
    frame = pd.concat([frame.assign(condition="x"), frame.assign(condition="y")])
    found = measure_estimate(Measure("rfs", "a", fg="x", bg="y", undefined="published"), frame)
    assert found.value == 0
    assert found.low < 0 < found.high
    assert math.isnan(metrics.rfs(1.0, 1.0, undefined="nan"))
    with pytest.raises(AdvSpurError, match="'nan' or 'published'"):
        Measure("rfs", "a", fg="x", bg="y", undefined="zero")


def test_saturated_probabilities_say_nothing():
    # float32 softmax: 1 - 6e-8 and 1 differ by rounding, and the plain formula would call that -1
    assert metrics.irfs(np.float32(1.0), np.float32(1 - 6e-8)) == 0
    frame = FRAME.iloc[:120].assign(probability=np.float32(1.0))
    frame = pd.concat([frame.assign(condition="x"), frame.assign(condition="y")])
    frame.iloc[0, frame.columns.get_loc("probability")] = 0.5
    assert measure_estimate(Measure("irfs", "a", fg="x", bg="y"), frame).value == pytest.approx(1 / 120)
    found = measure_estimate(Measure("irfs", "a", fg="x", bg="y", undefined="nan"), frame)
    assert (found.value, found.n, found.note) == (pytest.approx(1.0), 1, "119 of 120 images have no value")


def test_everything_failed_or_too_many_cells():
    measure = Measure("bg_gap", "a", same="clean", rand="rand")
    found = measure_estimate(measure, FRAME.assign(error="gone"))
    assert (math.isnan(found.value), found.n, found.note) == (
        True, 0, "undefined: no image; 120 of 120 images left out (120 with errors)",
    )  # fmt: skip
    with pytest.raises(AdvSpurError, match="rows of 2"):
        measure_estimate(measure, pd.concat([FRAME, FRAME.assign(model="other")]))
    with pytest.raises(AdvSpurError, match="probability"):
        measure_estimate(Measure("irfs", "a", fg=FG, bg=BG), FRAME.drop(columns="probability"))
    with pytest.raises(AdvSpurError, match="bayes"):
        summarise(FRAME, [measure], interval="bayse")
    assert len(summarise(FRAME.iloc[:0], [measure])) == 0


def test_a_registered_kind_is_measured():
    kind = metrics.Kind(
        ("left", "right"), lambda left, right: np.maximum(left, right), {"average": "images"}, leans="up"
    )
    metrics.register("test_larger", kind)
    try:
        found = measure_estimate(Measure("test_larger", "a", left="clean", right="rand"), FRAME)
        assert found.value == max(slow.accuracy(ROWS, ["clean"]), slow.accuracy(ROWS, ["rand"]))
        assert found.low < found.value < found.high
        with pytest.raises(AdvSpurError, match="no other kind"):
            metrics.register("rfs", kind)
    finally:
        del metrics.KINDS["test_larger"]
