"""Tables of trends and seeds, and adversarial images, from runs of toy networks."""

import base64
import io
import sys
from pathlib import Path

import numpy as np
import pytest

from pyadvspur import attacks, evaluation, metrics, report
from pyadvspur.report import adversarial, selection, trends

sys.path.insert(0, str(Path(__file__).parents[1] / "evaluation"))
import toys


def trained(weights, seed, norm="", eps=0.0):
    net = toys.Net(weights)
    net.training_info = {"arch": "cnn", "norm": norm, "eps": eps, "seed": seed}
    return net


RADII = (0.25, 0.5, 1.0)
MODELS = {
    f"{norm or 'standard'}-{eps}-{seed}": trained(k + 5 * seed, seed, norm, eps)
    for seed in (0, 1)
    for k, (norm, eps) in enumerate([("", 0.0), *(("l2", r) for r in RADII), ("linf", 2 / 255)])
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    out = tmp_path_factory.mktemp("run")
    run = evaluation.evaluate(
        MODELS, [toys.Toy()], ["linf:1/255,4/255(steps=3)", "l2:0.2,0.5(steps=3)"], out, progress=False, limit=40,
        threads=1, save_points=True,
    )  # fmt: skip
    return report.Runs(run)


def test_trends_are_those_of_metrics(runs):
    listed = next(iter(runs.measures().values()))
    found = runs.trends
    assert set(found.series["norm"]) == {"l2"}  # one radius of linf is no series
    assert set(found.pooled["units"]) == {2}
    clean = found.pooled[found.pooled["attack"] == "none"]
    own = metrics.trends(
        runs.outcomes(), runs.models(), [m for m in listed if m.name in set(clean["measure"])]
    )
    wanted = own.pooled[own.pooled["attack"] == "none"].set_index("measure").loc[clean["measure"]]
    for column in ("rho", "slope", "mixed_low", "p"):
        assert clean[column].to_numpy() == pytest.approx(wanted[column].to_numpy(), nan_ok=True)
    robust = found.pooled[found.pooled["attack"] != "none"]
    assert set(robust["kind"]) == {"robust_accuracy"}
    assert found.pooled["p_holm"].to_numpy() == pytest.approx(metrics.holm(found.pooled["p"]))
    [both] = trends.trend_tables(found).values()
    assert [table.caption for table in both] == ["trends over the training radius", "trends of every series"]
    assert len(both[0].rows) == len(found.pooled)
    assert any(", pgd-l2 0." in row[0] for row in both[0].rows)
    assert not any("/255" in row[0] for row in both[0].rows if "-l2" in row[0])


def test_seeds_come_as_a_table(runs):
    [table] = trends.seed_tables(runs.seeds).values()
    assert [row[0] for row in table.rows] == [
        "cnn standard",
        *(f"cnn l2 {r:g}" for r in RADII),
        "cnn linf 2/255",
    ]
    assert {row[1] for row in table.rows} == {"2"}
    assert all(" / " in row[3] for row in table.rows)


def test_runs_without_series_have_no_such_tables(runs, tmp_path):
    kept = evaluation.evaluate(
        {"a": toys.Net(0)}, [toys.Toy()], [], tmp_path, progress=False, limit=20, threads=1
    )
    alone = report.Runs(kept)
    assert (alone.trends, len(alone.seeds)) == (None, 0)
    page = report.write(alone, tmp_path / "page.html").read_text()
    assert "Trends over" not in page
    assert adversarial.sheets(alone) == ([], 0)


def test_files_of_all_tables(runs, tmp_path):
    text = report.write_tables(runs, tmp_path / "r.md", "md").read_text()
    for caption in (
        "Trends over the training radius",
        "Trends of every series",
        "Spread between training seeds",
    ):
        assert caption in text
    latex = report.write_tables(runs, tmp_path / "r.tex", "latex").read_text()
    assert latex.count(r"\begin{table}") == latex.count(r"\end{table}") == text.count("### ")


def test_adversarial_images_are_those_that_were_saved(runs):
    from PIL import Image

    run = runs.parts[0].run
    sheets, left_out = adversarial.sheets(runs)
    assert (len({(s.model, s.attack, s.condition) for s in sheets}), left_out) == (len(sheets), 0)
    outcomes = run.outcomes().set_index(["model", "condition", "attack", "eps", "sample"])
    sheet = next(s for s in sheets if s.attack == "pgd-linf")
    unit = next(
        u
        for u in run.units_with_points()
        if (u.model, u.condition) == (sheet.model, sheet.condition) and "linf" in u.attack
    )
    points = attacks.load_points(run.points_of(unit))
    ids = points.ids.tolist()
    png = Image.open(io.BytesIO(base64.b64decode(sheet.source.partition(",")[2])))
    assert png.size == (sheet.width, sheet.height)
    pixels = np.asarray(png)[..., :3] / 255
    cell = sheet.width // len(sheet.examples)
    side = points.x.shape[-1]
    for k, example in enumerate(sheet.examples):
        row = ids.index(example.sample)
        assert (points.y[row], points.eps[row]) == (example.label, example.eps)
        key = (sheet.model, sheet.condition)
        assert (
            outcomes.loc[(*key, "none", 0.0, example.sample), "prediction"] == example.before == example.label
        )
        assert (
            outcomes.loc[(*key, "pgd-linf", example.eps, example.sample), "prediction"]
            == example.after
            != example.label
        )
        change = (points.x_adv[row] - points.x[row]).numpy()
        assert example.distance == pytest.approx(np.abs(change).max(), abs=1e-6)
        shown = [pixels[r * cell : r * cell + side, k * cell : k * cell + side] for r in range(3)]
        wanted = [points.x[row].numpy(), points.x_adv[row].numpy(), 0.5 + example.gain * change]
        for mine, theirs in zip(shown, wanted):
            assert np.abs(mine - theirs.transpose(1, 2, 0)).max() <= 0.51 / 255


def test_borders_that_a_licence_wants_are_drawn(runs, monkeypatch):
    from PIL import Image

    record = runs.parts[0].run.record
    monkeypatch.setitem(record, "frames", {"toy": [255, 0, 0]})
    sheet = adversarial.sheets(runs)[0][0]
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(sheet.source.partition(",")[2]))))
    assert (pixels[0, 0] == (255, 0, 0, 255)).all()
    monkeypatch.delitem(record, "frames")  # not known: nothing is shown
    assert adversarial.sheets(runs) == ([], 0)


def test_lines_keep_seeds_apart(runs):
    found = {(norm, arch): list(line["model"]) for norm, arch, line in selection.lines(runs.models())}
    assert found["l2", "cnn seed 1"] == ["standard-0.0-1", *(f"l2-{r}-1" for r in RADII)]
    assert len(found) == 4
    for figure in report.figures(runs).values():
        assert figure.axes
