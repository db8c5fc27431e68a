"""`advspur card`: what the page says, where a model stands, and that the shipped reference is true."""

import json
import re

import numpy as np
import pytest

from pyadvspur import AdvSpurError, benchmarks, evaluation
from pyadvspur.report import card

A, B = "embedded:cnn_standard", "embedded:cnn_l2_eps0.5"


def test_the_shipped_reference_is_what_an_evaluation_gives(tmp_path):
    series = card.embedded()
    assert series.n == 22
    assert series.data == {"embedded": benchmarks.Embedded().fingerprint()}
    run = evaluation.evaluate([A], ["embedded"], out=tmp_path, device="cpu", progress=False)
    made = card.make(run, A)
    rows = [row for s in made.sections for row in (*s.accuracies, *s.reliance)]
    assert len(rows) > 10
    for row in rows:
        clean = series.metrics[series.metrics["attack"] == "none"]
        held = clean[(clean["model"] == A) & (clean["measure"] == row.title)]
        assert held["value"].item() == pytest.approx(row.value, abs=6e-5)
        assert row.place.n == len(row.others) == 21  # itself left out


def test_standing_counts():
    found = card.standing(0.5, [0.1, 0.5, 0.5, 0.9, np.nan])
    assert (found.lower, found.equal, found.higher, found.n, found.percentile) == (1, 2, 1, 4, 50)
    assert card.standing(np.nan, [1.0]) is None
    assert card.standing(0.3, [np.nan]) is None


def test_against_a_run(runs):
    run = evaluation.load(runs / "a")
    made = card.make(run, A, card.of_run(run))
    metrics = run.metrics()
    (section,) = made.sections
    values = metrics[metrics["measure"] == "BG-gap"].groupby("model", observed=True)["value"].first()
    row = next(row for row in section.reliance if row.title == "BG-gap")
    assert row.value == values[A]
    assert row.others == (values[B],)
    assert row.place.lower == int(values[B] < values[A])
    assert all(row.place.n == 1 for row in section.robust)
    curve = section.curves[0]
    assert curve.radii == (0.0, 1 / 255, 4 / 255)
    assert len(curve.values) == len(curve.others) == 3
    assert "without this model" in made.reference


def test_nothing_is_compared_that_does_not_compare(runs):
    made = card.make(evaluation.load(runs / "a"), A)  # one step, where the shipped series had twenty
    assert all(row.place is None for row in made.sections[0].robust)
    assert any("attacked otherwise" in text for text in made.caveats)
    assert made.sections[0].reliance[0].place is not None
    other = card.Reference("others", card.embedded().metrics, {"embedded": "another"}, ())
    made = card.make(evaluation.load(runs / "a"), A, other)
    assert made.reference == ""
    assert any("these very images" in text for text in made.caveats)
    with pytest.raises(AdvSpurError, match=r"card.*cnn_standart.*Did you mean"):
        card.make(evaluation.load(runs / "a"), "embedded:cnn_standart")


def test_command(runs, output_of, tmp_path):
    files = tmp_path / "x.html", tmp_path / "x.md"
    code, out, _ = output_of("card", A, "--run", runs / "a", "-o", files[0], "-o", files[1])
    assert code == 0
    assert "Percentiles are among the 22 embedded networks" in out
    page, text = (file.read_text(encoding="utf-8") for file in files)
    checksum = dict(evaluation.load(runs / "a").plan.models)[A]
    for shown in (page, text):
        assert checksum in shown
        assert "BG-gap" in shown
        assert "higher than" in shown
    assert not re.findall(r'(?:src|href)="?(?!#)|@import|url\(', page)  # nothing is fetched
    code, out, _ = output_of("card", A, "--run", runs / "a", "-o", files[0], "--json")
    found = json.loads(out)
    assert (code, found["model"]) == (0, A)
    assert output_of("card", A, "--run", runs / "a", "-o", tmp_path / "x.pdf")[0] == 2
    assert output_of("card", A, "--run", runs / "a", "--limit", 3)[0] == 2


def test_names_are_text(runs, tmp_path):
    """What a run.json says is never markup of the page."""
    run = evaluation.load(runs / "a")
    run.record["training"][A]["arch"] = "<script>alert(1)</script>"
    page = card.write(card.make(run, A), tmp_path / "x.html").read_text(encoding="utf-8")
    assert "<script" not in page


def test_what_attacks_say_of_gradients_is_a_caveat(runs, monkeypatch):
    run = evaluation.load(runs / "a")
    told = run.gradients().assign(warning="gradients vanish")
    monkeypatch.setattr(run, "gradients", lambda: told)
    assert "embedded/mixed_same, linf:1/255,4/255(steps=1): gradients vanish" in card.make(run, A).caveats


def test_evaluates_where_there_is_no_run(output_of, tmp_path):
    asked = ["-a", "linf:1/255,4/255(steps=1)", "--limit", 10, "-q"]
    code, out, err = output_of("card", A, "-o", tmp_path / "c.md", *asked)
    assert code == 0, err
    assert "n = " in out
    assert evaluation.load(tmp_path / "c-run").complete
