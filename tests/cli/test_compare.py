"""`advspur compare` and `evaluation.compare`: what may be compared, and the numbers."""

import json
import shutil

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pyadvspur import AdvSpurError, evaluation
from pyadvspur.metrics import holm, mcnemar

A, B, C = "embedded:cnn_standard", "embedded:cnn_l2_eps0.5", "embedded:cnn_linf_eps4"


def test_two_models_of_one_run_are_what_run_compare_says(runs):
    run = evaluation.load(runs / "a")
    found = evaluation.compare(run, run, (A, B))
    pd.testing.assert_frame_equal(
        found.measures.drop(columns=["model_a", "model_b", "p_holm"]), run.compare(A, B), check_dtype=False
    )
    assert found.pairs == ((A, B),)
    assert found.different == ()
    back = evaluation.compare(run, run, (B, A))
    assert (back.conditions["low"] == -found.conditions["high"]).all()


def test_conditions_are_mcnemar_by_hand(runs):
    found = evaluation.compare(runs / "a", runs / "b", (A, C)).conditions
    rows = pd.concat([evaluation.load(runs / name).outcomes().astype({"condition": str}) for name in "ab"])
    keys = ["condition", "attack", "eps"]
    assert len(found) == rows.groupby(keys, observed=True).ngroups
    for row in found.itertuples():
        mine = rows[
            (rows["condition"] == row.condition) & (rows["attack"] == row.attack) & (rows["eps"] == row.eps)
        ]
        wide = mine.assign(model=mine["model"].astype(str)).pivot(
            index="sample", columns="model", values="correct"
        )
        test = mcnemar(wide[A].astype(int), wide[C].astype(int))
        assert (row.only_a, row.only_b, row.n, row.p) == (test.b, test.c, 30, pytest.approx(test.p))
        assert row.difference == pytest.approx(test.difference.value)
        assert row.low <= row.difference <= row.high
    assert found["p_holm"].tolist() == holm(found["p"]).tolist()
    assert (found["p_holm"] > found["p"]).any()


def test_one_plan_carried_out_twice_is_told_apart(runs, tmp_path):
    """The same name, weights and plan in both: what came out differently on another machine must be seen."""
    shutil.copytree(runs / "b", tmp_path / "again")
    again = evaluation.load(tmp_path / "again")
    unit = next(u for u in again.plan.units() if u.condition == "original" and u.attack == "none")
    path = tmp_path / "again" / "units" / f"{unit.key}.parquet"
    table = pq.read_table(path)
    wrong = pa.array([False] * len(table))
    table = table.set_column(table.schema.get_field_index("correct"), "correct", wrong)
    pq.write_table(table, path, compression="none")
    for a, b, sign in ((runs / "b", again, 1), (again, runs / "b", -1)):
        found = evaluation.compare(a, b).conditions.set_index("condition")
        assert sign * found.loc["original", "difference"] > 0.5
        assert (found.drop(index="original")["difference"] == 0).all()
    path.unlink()
    for path in (tmp_path / "again" / "units").iterdir():
        path.unlink()
    with pytest.raises(AdvSpurError, match=r"again.* holds no finished outcomes of"):
        evaluation.compare(runs / "b", tmp_path / "again")


def test_another_experiment_is_refused_unless_allowed(runs):
    with pytest.raises(AdvSpurError, match=r"seed \(0, 1\).*--allow-different"):
        evaluation.compare(runs / "b", runs / "c")
    found = evaluation.compare(runs / "b", runs / "c", allow_different=True)
    assert found.different == ("seed (0, 1)",)
    assert found.pairs == ((C, C),)
    clean = found.measures[(found.measures["attack"] == "none") & (found.measures["kind"] == "accuracy")]
    assert (clean["difference"] == 0).all()  # the seed is of noise and attack starts
    shorter = evaluation.evaluate(
        [C], ["embedded"], out=runs / "short", limit=10, device="cpu", progress=False
    )
    found = evaluation.compare(runs / "b", shorter, allow_different=True)
    assert "original n = 30, 0 attacked, original n = 10" in found.different[0]
    assert "attacks" in found.different[1]
    assert set(found.measures.loc[found.measures["kind"] == "accuracy", "n"]) == {10}


def test_models_are_named_where_they_are_not_clear(runs):
    with pytest.raises(AdvSpurError, match=r"one model of each.*cnn_standard"):
        evaluation.compare(runs / "a", runs / "b")
    with pytest.raises(AdvSpurError, match="two models"):
        evaluation.compare(runs / "a", runs / "a")
    with pytest.raises(AdvSpurError, match="Did you mean 'embedded:cnn_standard'"):
        evaluation.compare(runs / "a", runs / "b", ("embedded:cnn_standart", C))


def test_command(runs, output_of, tmp_path):
    code, out, err = output_of("compare", A, B, "--run", runs / "a", "--csv", tmp_path / "d.csv")
    assert (code, err) == (0, f"wrote {tmp_path / 'd.csv'}\n")
    assert "BG-gap" in out
    assert "p Holm" in out
    table = pd.read_csv(tmp_path / "d.csv")
    code, out, err = output_of("compare", runs / "a", runs / "b", "-m", A, "-m", C, "--json")
    assert code == 0
    found = json.loads(out)
    assert len(found["measures"]) == (table["table"] == "measures").sum()
    assert found["pairs"] == [[A, C]]
    assert None in [row["p"] for row in found["measures"]]  # NaN is no JSON
    code, out, err = output_of("compare", runs / "b", runs / "c")
    assert (code, out) == (2, "")
    assert "not the same experiment" in err
    code, _, err = output_of("compare", runs / "b", runs / "c", "--allow-different")
    assert (code, err) == (0, "Not the same experiment: seed (0, 1)\n")
