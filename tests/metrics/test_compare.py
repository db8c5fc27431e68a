"""Two models on the same images: McNemar, paired differences, matched accuracy, corrections."""

import math
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from pyadvspur import AdvSpurError, metrics
from pyadvspur.metrics import Measure, compare, measure_estimate, summarise
from pyadvspur.metrics.resample import estimate

sys.path.insert(0, str(Path(__file__).parent))
import slow

MEASURES = [
    Measure("accuracy", "accuracy", condition="clean"),
    Measure("group_accuracy", "group 1", condition="clean", group=1),
    Measure("class_accuracy", "by class", condition="clean"),
    Measure("bg_gap", "gap", same="clean", rand="rand"),
    Measure("rfs", "RFS", fg="fg", bg="bg"),
    Measure("irfs", "iRFS", fg="fg", bg="bg"),
    Measure("worst_group", "worst", condition="clean"),
    Measure("group_mean", "mean", condition="clean", weights=[5, 2, 1]),
    Measure("effective_robustness", "ER", reference="clean", shifted="rand"),
]


def outcomes(n=150, seed=0):
    """Two models whose outcomes go together image by image; the second is better."""
    rng = np.random.default_rng(seed)
    sample, label = rng.integers(0, 2**62, n), rng.integers(0, 5, n)
    parts = []
    for condition, level in (("clean", 0.7), ("rand", 0.6), ("fg", 0.4), ("bg", 0.5)):
        hard = rng.random(n)
        for model, more in (("a", 0.0), ("b", 0.12)):
            right = hard + 0.1 * rng.standard_normal(n) < level + more
            parts.append(
                pd.DataFrame(
                    {
                        "model": model,
                        "benchmark": "x",
                        "condition": condition,
                        "attack": "none",
                        "eps": 0.0,
                        "sample": sample,
                        "label": label,
                        "group": label % 3,
                        "correct": right,
                        "probability": np.clip(0.5 + level - hard + more, 0.01, 0.99),
                    }
                )
            )
    return pd.concat(parts, ignore_index=True)


FRAME = outcomes()


@pytest.mark.parametrize("interval", ["bayes", "percentile", "bca"])
def test_differences_are_those_of_the_two_values(interval):
    table = compare(FRAME, "a", "b", MEASURES, interval=interval).set_index("measure")
    assert list(table.index) == [m.name for m in MEASURES]
    for measure in MEASURES:
        one, two = (measure_estimate(measure, FRAME[FRAME["model"] == m]).value for m in "ab")
        row = table.loc[measure.name]
        assert (row["a"], row["b"]) == pytest.approx((one, two), abs=1e-12)
        assert row["difference"] == pytest.approx(one - two, abs=1e-12)
        assert row["low"] <= row["difference"] <= row["high"]
        assert row["high"] - row["low"] > 0.01
        assert row["n"] == (sum(FRAME["group"][:150] == 1) if measure.kind == "group_accuracy" else 150)
    assert table["p"].notna().tolist() == [True, True] + [False] * 7


def test_swapping_models_changes_signs_alone():
    there, back = (compare(FRAME, *pair, MEASURES) for pair in (("a", "b"), ("b", "a")))
    for one, two in (("a", "b"), ("only_a", "only_b"), ("p", "p"), ("n", "n")):
        assert there[one].equals(back[two])
    assert (there["difference"] == -back["difference"]).all()
    assert (there["low"] == -back["high"]).all()
    shuffled = compare(FRAME.sample(frac=1, random_state=1), "a", "b", MEASURES)
    pd.testing.assert_frame_equal(there, shuffled)
    same = compare(
        pd.concat([FRAME[FRAME["model"] == "a"].assign(model=m) for m in "ab"]), "a", "b", MEASURES
    )
    assert (same["difference"] == 0).all()
    assert (same["p"].dropna() == 1).all()


def test_pairs_are_narrower_than_strangers():
    row = compare(FRAME, "a", "b", MEASURES[:1]).iloc[0]
    apart = [measure_estimate(MEASURES[0], FRAME[FRAME["model"] == m]) for m in "ab"]
    assert row["high"] - row["low"] < 0.75 * math.hypot(*(e.high - e.low for e in apart))


def test_only_shared_and_unbroken_images_are_compared():
    cut = FRAME[~((FRAME["model"] == "b") & (FRAME["sample"] == FRAME["sample"].iloc[0]))].assign(error="")
    cut.loc[(cut["model"] == "a") & (cut["sample"] == FRAME["sample"].iloc[1]), "error"] = "truncated"
    row = compare(cut, "a", "b", MEASURES[:1]).iloc[0]
    assert row["n"] == 148
    assert row["note"] == "1 of 150 images left out (1 with errors); 2 images of one model only left out"
    none = compare(FRAME[(FRAME["model"] == "a") | (FRAME["sample"] == -1)], "a", "a", MEASURES[:1])
    assert none.iloc[0]["difference"] == 0
    apart = FRAME.assign(sample=FRAME["sample"] + (FRAME["model"] == "b"))
    assert "no shared image" in compare(apart, "a", "b", MEASURES[:1]).iloc[0]["note"]


def test_images_that_both_get_right():
    table = compare(FRAME, "a", "b", MEASURES, both_right="clean").set_index("measure")
    clean = FRAME[FRAME["condition"] == "clean"].pivot(index="sample", columns="model", values="correct")
    right = clean.index[clean.all(axis=1)]
    rand = FRAME[(FRAME["condition"] == "rand") & FRAME["sample"].isin(right)]
    mean = rand.groupby("model")["correct"].mean()
    assert table.loc["gap", ["a", "b"]].tolist() == pytest.approx([1 - mean["a"], 1 - mean["b"]])
    assert table.loc["accuracy", ["a", "b", "difference", "n"]].tolist() == [1, 1, 0, len(right)]
    assert "logits" in table.loc["ER", "note"]
    with pytest.raises(AdvSpurError, match="both_right"):
        compare(FRAME, "a", "b", MEASURES, both_right="cleen")


def test_unknown_models_are_named():
    with pytest.raises(AdvSpurError, match="which is unknown"):
        compare(FRAME, "a", "c", MEASURES)


def test_compared_differences_cover():
    cells = np.array([(1, 1), (0, 1), (1, 0), (0, 0)], float)
    p = (0.6, 0.1, 0.2, 0.1)
    inside = 0
    for t in range(200):
        drawn = cells[np.random.default_rng(t).choice(4, 80, p=p)]
        found = estimate(lambda x, y: x - y, drawn, key=t, draws=600)
        inside += found.low <= 0.1 <= found.high
    assert inside >= 184


@pytest.mark.parametrize("b, c", [(0, 0), (0, 1), (3, 3), (10, 2), (7, 31), (250, 301)])
def test_mcnemar_is_exact(b, c):
    first = np.r_[np.ones(b), np.zeros(c), np.ones(5), np.zeros(2)]
    second = np.r_[np.zeros(b), np.ones(c), np.ones(5), np.zeros(2)]
    found = metrics.mcnemar(first, second)
    assert (found.b, found.c, found.n) == (b, c, b + c + 7)
    assert found.p == pytest.approx(slow.mcnemar(b, c), rel=1e-12)
    if b + c:
        assert found.p == pytest.approx(stats.binomtest(b, b + c).pvalue, rel=1e-12)
        half = stats.binom.cdf(min(b, c), b + c, 0.5) - stats.binom.pmf(min(b, c), b + c, 0.5) / 2
        assert metrics.mcnemar(first, second, mid_p=True).p == pytest.approx(min(1, 2 * half), rel=1e-9)
    assert found.difference.value == pytest.approx((b - c) / (b + c + 7))
    assert metrics.mcnemar(second, first).p == found.p


def test_mcnemar_takes_outcomes_alone():
    with pytest.raises(AdvSpurError, match="0 or 1"):
        metrics.mcnemar([0.5, 1], [1, 1])
    with pytest.raises(AdvSpurError, match="two columns"):
        metrics.mcnemar([1], [1, 1])


def test_corrections():
    p = np.array([0.01, 0.04, np.nan, 0.03, 0.005])
    assert metrics.holm(p) == pytest.approx([0.03, 0.06, np.nan, 0.06, 0.02], nan_ok=True)
    there = ~np.isnan(p)
    theirs = stats.false_discovery_control(p[there])
    assert metrics.benjamini_hochberg(p)[there] == pytest.approx(theirs)
    assert np.isnan(metrics.holm([np.nan])).all()


def points(values):
    """A table of metrics: clean accuracy and a gap of some models."""
    rows = []
    for model, (accuracy, gap) in values.items():
        for name, value in (("accuracy", accuracy), ("gap", gap)):
            rows.append(("x", model, name, "bg_gap", "none", 0.0, value, value - 0.02, value + 0.02, 100, ""))
    return pd.DataFrame(rows, columns=list(summarise(FRAME.iloc[:0], []).columns))


def test_matched_accuracy_interpolates_the_standard_models():
    frame = points(
        {"s1": (0.5, 0.10), "s2": (0.7, 0.30), "s3": (0.9, 0.2), "at": (0.6, 0.25), "low": (0.3, 0.1)}
    )
    given = {"accuracy": "accuracy", "measure": "gap"}
    table = metrics.accuracy_matched(frame, ["s1", "s2", "s3"], **given).set_index("model")
    assert table.loc["at", ["expected", "excess", "n"]].tolist() == pytest.approx([0.2, 0.05, 100])
    half = 0.02 * math.sqrt(1 + 0.5**2 + 0.5**2)
    assert table.loc["at", ["low", "high"]].tolist() == pytest.approx([0.05 - half, 0.05 + half])
    assert table.loc["s2", "expected"] == pytest.approx(0.15)  # between the other two, not itself
    assert math.isnan(table.loc["low", "excess"])
    assert "outside the standard models'" in table.loc["low", "note"]
    assert "outside" in table.loc["s1", "note"]
    line = metrics.accuracy_matched(frame, ["s1", "s2", "s3"], method="line", **given).set_index("model")
    fit = np.polyval(np.polyfit([0.5, 0.7, 0.9], [0.10, 0.30, 0.2], 1), 0.6)
    assert line.loc["at", "expected"] == pytest.approx(fit, abs=1e-12)
    assert "2 standard models" in line.loc["s2", "note"]
    with pytest.raises(AdvSpurError, match="spline"):
        metrics.accuracy_matched(frame, ["s1", "s2"], method="spline", **given)
    with pytest.raises(AdvSpurError, match="standard"):
        metrics.accuracy_matched(frame, ["s1", "nobody"], **given)


def six_models(seed=0, n=400):
    """Five standard models of growing accuracy, and one below what theirs predicts; all on the same images."""
    rng = np.random.default_rng(seed)
    hard, frames = rng.random((2, n)), []
    for k, name in enumerate(["s1", "s2", "s3", "s4", "s5", "own"]):
        clean = (0.5 + 0.08 * k) if name != "own" else 0.7
        for c, (condition, rate) in enumerate(
            (("clean", clean), ("shifted", 0.8 * clean - 0.1 * (name == "own")))
        ):
            right = hard[c] + 0.05 * rng.standard_normal(n) < rate
            frames.append(pd.DataFrame({
                "model": name, "benchmark": "x", "condition": condition, "attack": "none", "eps": 0.0, "trial": 0,
                "sample": np.arange(n) + n * c, "label": np.arange(n) % 5, "group": -1, "correct": right,
            }))  # fmt: skip
    return pd.concat(frames, ignore_index=True)


LEVELS = [
    Measure("accuracy", "accuracy", condition="clean"),
    Measure("accuracy", "shifted", condition="shifted"),
    Measure("drop", "drop", reference="clean", shifted="shifted"),
]


@pytest.mark.parametrize("method", ["interpolate", "line", "logit"])
def test_matched_accuracy_in_pairs(method):
    """The paired interval holds the truth, keeps the value, and is narrower than that of apart samples."""
    given = {
        "standard": ["s1", "s2", "s3", "s4", "s5"],
        "accuracy": "accuracy",
        "measure": "shifted",
        "method": method,
    }
    inside, widths = 0, []
    for seed in range(15):
        rows = six_models(seed)
        table = summarise(rows, LEVELS)
        apart = metrics.accuracy_matched(table, **given).set_index("model").loc["own"]
        paired = (
            metrics.accuracy_matched(table, **given, outcomes=rows, measures=LEVELS)
            .set_index("model")
            .loc["own"]
        )
        assert (
            paired[["value", "expected", "excess"]].tolist()
            == apart[["value", "expected", "excess"]].tolist()
        )
        inside += paired["low"] <= -0.1 <= paired["high"]
        widths.append((paired["high"] - paired["low"], apart["high"] - apart["low"]))
    assert inside >= 13
    assert np.mean(widths, axis=0)[0] < 0.9 * np.mean(widths, axis=0)[1]
    assert -0.2 < paired["high"] < 0


def test_a_line_in_logits_is_effective_robustness():
    rows = six_models()
    table = summarise(rows, LEVELS)
    value = table.pivot(index="model", columns="measure", values="value")
    standard = [f"s{k}" for k in range(1, 6)]
    trend = metrics.fit_trend(value.loc[standard, "accuracy"], value.loc[standard, "shifted"])
    wanted = metrics.effective_robustness(value.loc["own", "accuracy"], value.loc["own", "shifted"], trend)
    given = {"accuracy": "accuracy", "measure": "shifted", "method": "logit"}
    found = metrics.accuracy_matched(table, standard, **given).set_index("model")
    assert found.loc["own", "excess"] == pytest.approx(wanted, abs=1e-12)
    assert found.loc["own", "low"] < wanted < found.loc["own", "high"]
    gone = metrics.accuracy_matched(
        summarise(rows.assign(correct=rows["correct"] | (rows["model"] == "s5")), LEVELS), standard, **given
    )
    assert "no logit" in gone.set_index("model").loc["own", "note"]
    with pytest.raises(AdvSpurError, match="both or neither"):
        metrics.accuracy_matched(table, standard, **given, outcomes=rows)
    with pytest.raises(AdvSpurError, match="also shifted"):
        metrics.accuracy_matched(table, standard, **given, outcomes=rows, measures=LEVELS[:1])
