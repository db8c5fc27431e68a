"""Tables, figures and the page, from a run of toy networks."""

import json
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pyadvspur import AdvSpurError, evaluation, report
from pyadvspur.report import selection, tables

sys.path.insert(0, str(Path(__file__).parents[1] / "evaluation"))
import toys


def trained(weights, **info):
    net = toys.Net(weights)
    net.training_info = info
    return net


MODELS = {
    "cnn_standard": trained(0, arch="cnn", norm="", eps=0.0, seed=0),
    "cnn_l2_a": trained(1, arch="cnn", norm="l2", eps=0.5, seed=0),
    "cnn_l2_b": trained(2, arch="cnn", norm="l2", eps=0.25, seed=0),
    "cnn_linf_a": trained(3, arch="cnn", norm="linf", eps=2.5 / 255, seed=0),
    "<own> & only": toys.Net(4),
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("run")
    attacks = ["linf:1/255,8/255(steps=2)"]
    return evaluation.evaluate(MODELS, [toys.Toy()], attacks, out, progress=False, limit=60, threads=1)


def test_lines_begin_at_the_standard_model(run):
    found = {(norm, arch): list(line["model"]) for norm, arch, line in selection.lines(run.models())}
    assert found == {
        ("l2", "cnn"): ["cnn_standard", "cnn_l2_b", "cnn_l2_a"],
        ("linf", "cnn"): ["cnn_standard", "cnn_linf_a"],
        ("other", ""): ["<own> & only"],
    }


def test_labels_of_radii():
    linf = [selection.radius(e, "linf") for e in (4 / 255, 0.5 / 255, 0.1, 0.125, 0)]
    assert linf == ["4/255", "0.5/255", "25.5/255", "0.125", "0"]
    for norm in ("l2", "l1"):  # 0.1 is no 25.5 of 255 there
        assert [selection.radius(e, norm) for e in (0.1, 4 / 255, 0.5, 12)] == ["0.1", "0.0157", "0.5", "12"]
    assert [selection.norm_of(a) for a in ("pgd-l2", "pgd-foreground-linf (b)")] == ["l2", "linf"]
    assert [selection.region_of(a) for a in ("pgd-l2", "pgd-foreground-linf (b)")] == ["", "foreground"]
    row = pd.Series({"model": "m", "arch": "cnn", "norm": "linf", "eps": 2.5 / 255})
    assert selection.training_label(row) == "2.5/255"
    assert selection.training_label(row.replace({"linf": "", 2.5 / 255: 0.0})) == "standard"


def test_attacks_of_one_norm_are_told_apart_in_titles():
    pgd, square, l2 = (
        selection.Attacked("m", a, 4 / 255) for a in ("pgd-linf", "square-linf (b)", "apgd-dlr-l2")
    )
    assert pgd.title([pgd, l2]) == "linf 4/255"
    assert [c.title([pgd, square, l2]) for c in (pgd, square, l2)] == [
        "pgd-linf 4/255", "square-linf (b) 4/255", "l2 0.0157",
    ]  # fmt: skip


def test_the_radius_shown_is_where_models_differ_most():
    frame = pd.DataFrame(
        {
            "measure": "robust", "attack": "pgd-l2", "eps": np.repeat([0.1, 0.2, 0.3], 2),
            "value": [0.9, 0.8, 0.9, 0.1, 0.1, 0.0],
        }
    )  # fmt: skip
    from pyadvspur.metrics import Measure

    found = selection.attacked(frame, [Measure("robust_accuracy", "robust", condition="c")])
    assert found == {"robust": [selection.Attacked("robust", "pgd-l2", 0.2)]}


def test_every_number_has_an_interval_and_a_denominator(run):
    [table] = report.trade_off(run).values()
    assert [row[0] for row in table.rows] == list(
        dict.fromkeys(["cnn_standard", *[r[0] for r in table.rows]])
    )
    assert len(table.rows) == len(MODELS)
    for row in table.rows:
        assert all(re.fullmatch(r"-?[\d.]+ \[-?[\d.]+, -?[\d.]+\]( n=\d+)?", cell) for cell in row[1:])
    for column in list(table.columns)[1:]:
        assert "n = " in column.title or all("n=" in row[table.columns.index(column)] for row in table.rows)
    metrics = run.metrics()
    assert len(tables.all_metrics(metrics).rows) == len(metrics)


def test_the_page_is_self_contained_and_reproducible(run, tmp_path):
    page = report.write(run, tmp_path / "deep" / "report.html").read_text()
    assert page == report.write(run, tmp_path / "again.html").read_text()
    outside = re.findall(r"""(?:src|href)\s*=\s*["'](?!data:|#)[^"']*""", page)
    assert outside == []
    assert "@import" not in page
    assert "default-src 'none'" in page
    for text in (
        "RFS",
        "worst group",
        "gap",
        "95 %",
        "torch",
        run.plan.key,
        "seed",
        "Trends over the training radius",
    ):
        assert text in page
    # conditions that show the same images share a picture
    assert page.count("data:image/png;base64,") == sum(not c.trial for c in toys.Toy.conditions)
    assert "&lt;own&gt; &amp; only" in page
    assert "<own>" not in page.replace("&lt;own>", "")


def test_details_hold_what_the_main_table_leaves_out(run):
    metrics = run.metrics()
    [main], [found] = report.trade_off(run).values(), report.details(run).values()
    clean = metrics[metrics["attack"] == "none"]
    told = sum(len(t.rows) * (len(t.columns) - 1 - (t.columns[0].title == "metric")) for t in found)
    robust = sum("robust" in column.title for column in main.columns)
    assert told + len(main.rows) * (len(main.columns) - 1 - robust) == len(clean)
    from pyadvspur.report.tables import _table, _turned

    shown = [(name, measured("accuracy", name, condition="c"), f, 0) for name, f in clean.groupby("measure")]
    across, down = (make("caption", shown, run.models(), "") for make in (_table, _turned))
    for k, (name, *_) in enumerate(shown):
        assert [row[k + 1].partition(" n=")[0] for row in across.rows] == [
            cell.partition(" n=")[0] for cell in down.rows[k][1:-1]
        ]
        assert down.rows[k][0] == f"{name}, %"


def test_numbers_in_the_page_are_those_of_metrics(run, tmp_path):
    page = report.write(run, tmp_path / "report.html").read_text()
    data = json.loads(page.partition('id="data">')[2].partition("</script>")[0])
    metrics, held = run.metrics(), data["metrics"]
    assert held["value"] == pytest.approx(metrics["value"].tolist(), rel=1e-8)
    assert held["n"] == metrics["n"].tolist()
    measures = data["benchmarks"][0]["measures"]
    assert [measures[k]["name"] for k in held["measure"]] == metrics["measure"].tolist()
    assert [data["models"][k]["name"] for k in held["model"]] == metrics["model"].tolist()
    # where curves begin: clean accuracy of the attacked images alone
    outcomes = run.outcomes().query("condition == 'agrees'")
    attacked = outcomes.query("attack != 'none'")["sample"].unique()
    clean = outcomes[(outcomes["attack"] == "none") & outcomes["sample"].isin(attacked)]
    expected = clean.groupby("model", observed=True)["correct"].mean()
    names = [data["models"][k]["name"] for k in data["clean"]["model"]]
    assert data["clean"]["value"] == pytest.approx(expected[names].tolist())


def test_a_run_compares_its_models_in_pairs(run):
    table = run.compare("cnn_l2_a", "cnn_l2_b")
    one, two = (
        run.metrics().query("model == @name")["value"].to_numpy() for name in ("cnn_l2_a", "cnn_l2_b")
    )
    assert table["difference"].to_numpy() == pytest.approx(one - two, abs=1e-12, nan_ok=True)
    assert set(table["attack"]) == set(run.metrics()["attack"])


def test_figures_as_files(run, tmp_path):
    paths = report.save(report.figures(run), tmp_path / "figures")
    assert sorted({path.suffix for path in paths}) == [".pdf", ".png", ".svg"]
    assert all(path.stat().st_size > 5000 for path in paths)
    again = report.save(report.figures(run), tmp_path / "again")
    assert [path.read_bytes() for path in paths] == [path.read_bytes() for path in again]


def test_an_unfinished_run_says_so(run, tmp_path):
    victim = sorted((run.out / "units").iterdir())[0]
    moved = victim.rename(tmp_path / victim.name)
    try:
        page = report.write(evaluation.load(run.out), tmp_path / "page.html").read_text()
        assert "not complete" in page
    finally:
        moved.rename(victim)


def test_an_empty_run_is_named(tmp_path, monkeypatch):
    def nothing(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("pyadvspur.evaluation.engine.run_here", nothing)
    with pytest.raises(KeyboardInterrupt):
        evaluation.evaluate({"a": toys.Net(0)}, [toys.Toy()], out=tmp_path, progress=False)
    with pytest.raises(AdvSpurError, match="no finished outcomes"):
        report.write(evaluation.load(tmp_path), tmp_path / "page.html")


def measured(kind, name, **params):
    from pyadvspur.metrics import Measure

    return Measure(kind, name, **params)


def test_the_main_table_pools_levels_and_keeps_variants_for_the_second():
    levels = [measured("rfs", f"RFS, std={k}", fg=[f"fg{k}"], bg=[f"bg{k}"]) for k in (1, 2)]
    single = [measured("class_accuracy", f"accuracy, fg std={k}", condition=f"fg{k}") for k in (1, 2)]
    pooled = measured("rfs", "RFS, std noise", fg=["fg1", "fg2"], bg=["bg1", "bg2"])
    first = measured("class_accuracy", "accuracy", condition="test")
    variant = measured("rfs", "RFS, std noise, val origin", fg="v/fg1", bg="v/bg1")
    robust = measured("robust_accuracy", "robust accuracy", condition="test")
    rival10 = [*levels, first, robust, pooled, *single, variant]
    assert selection.main(rival10) == [first, pooled]
    assert selection.main(rival10, [variant.name]) == [first, pooled, variant]
    assert selection.details(rival10) == {"rfs": [*levels, variant], "class_accuracy": single}

    accuracies = {
        name: measured("accuracy", name, condition=name) for name in ("original", "same", "rand", "only_fg")
    }
    gap = measured("bg_gap", "BG-gap", same="same", rand="rand")
    again = measured("bg_gap", "the same gap", same="same", rand="rand")
    imagenet9 = [*accuracies.values(), gap, again]
    assert selection.main(imagenet9) == [accuracies["original"], gap, accuracies["same"], accuracies["rand"]]
    assert selection.main(imagenet9, ["only_fg"])[-1] == accuracies["only_fg"]

    # RCS is made of two noisy accuracies; the clean one comes first wherever it is listed
    core = measured("class_accuracy", "core accuracy", condition=["b/0", "b/1"])
    other = measured("class_accuracy", "spurious accuracy", condition=["f/0", "f/1"])
    rcs = measured("rcs", "RCS", core=["b/0", "b/1"], spurious=["f/0", "f/1"])
    clean = measured("class_accuracy", "accuracy, core images", condition="core")
    assert selection.main([rcs, core, other, clean]) == [clean, rcs, core, other]


@pytest.fixture(scope="module")
def broken(run, tmp_path_factory):
    """The run, with one model's RFS undefined and images left out of another's."""
    frame = run.metrics()
    rfs = frame["kind"] == "rfs"
    gone = rfs & (frame["model"] == "cnn_standard")
    frame.loc[gone, ["value", "low", "high"]] = np.nan
    frame.loc[gone, "note"] = "undefined: mean accuracy is 0, no gap is possible"
    frame.loc[rfs & (frame["model"] == "cnn_l2_a"), "note"] = "3 of 60 images left out (3 with errors)"
    return frame


def test_undefined_numbers_are_named_and_drawn_around(run, broken, tmp_path, monkeypatch):
    [table] = tables.trade_off(run, broken).values()
    row = next(row for row in table.rows if row[0] == "cnn_standard")
    assert row.count("undefined") == 1
    assert "RFS (cnn_standard): undefined: mean accuracy is 0, no gap is possible" in table.notes
    assert "RFS (cnn_l2_a): 3 of 60 images left out (3 with errors)" in table.notes
    listed = [row for row in tables.all_metrics(broken).rows if row[4] == "undefined"]
    assert {row[-1] for row in listed} == {"mean accuracy is 0, no gap is possible"}
    monkeypatch.setattr(type(run), "metrics", lambda self: broken)
    page = report.write(run, tmp_path / "page.html").read_text()
    assert "RFS (cnn_standard): undefined: mean accuracy is 0" in page
    nothing = broken.assign(value=np.nan, low=np.nan, high=np.nan, note="undefined: no image")
    monkeypatch.setattr(type(run), "metrics", lambda self: nothing)
    assert report.write(run, tmp_path / "page.html").read_text().count("undefined") > 10


def test_wide_tables_come_in_blocks(run, capsys, monkeypatch):
    from pyadvspur.cli import printing

    [table] = report.trade_off(run).values()
    monkeypatch.setattr(printing, "_WIDE", 60)
    printing.print_table("title", table)
    text = capsys.readouterr().out
    assert text.count("cnn_l2_a") > 1
    assert max(map(len, text.split("\n"))) <= 60
    whole = "".join(text.split())
    for column in table.columns:
        assert column.rank == 3 or "".join(column.title.split()[0]) in whole
    shown = [cell for row in table.rows for cell in row]
    assert sum(cell.split(" [")[0] in text for cell in shown) > 0.8 * len(shown)
