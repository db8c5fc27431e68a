"""Tables, figures and the page, from a run of toy networks."""

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
    assert [selection.radius(e) for e in (4 / 255, 0.5 / 255, 0.5, 0.125)] == [
        "4/255",
        "0.5/255",
        "0.5",
        "0.125",
    ]
    row = pd.Series({"model": "m", "arch": "cnn", "norm": "linf", "eps": 2.5 / 255})
    assert selection.training_label(row) == "2.5/255"
    assert selection.training_label(row.replace({"linf": "", 2.5 / 255: 0.0})) == "standard"


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
    assert page.count("<svg") == 2
    for text in (
        "RFS",
        "worst group",
        "BG-gap" if "BG-gap" in page else "gap",
        "95 %",
        "torch",
        run.plan.key,
    ):
        assert text in page
    assert page.count("data:image/png;base64,") == sum(not c.trial for c in toys.Toy.conditions)
    assert "&lt;own&gt; &amp; only" in page
    assert "<own>" not in page.replace("&lt;own>", "")


def test_figures_as_files(run, tmp_path):
    paths = report.save(report.figures(run), tmp_path / "figures")
    assert sorted({path.suffix for path in paths}) == [".png", ".svg"]
    assert all(path.stat().st_size > 5000 for path in paths)


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
