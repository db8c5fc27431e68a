"""The experiments of the linear theory: verdicts computed afresh, on smaller settings, and those that are shipped."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import pytest

from pyadvspur import AdvSpurError
from pyadvspur.claims.linear import run_linear, settings
from pyadvspur.claims.options import Options
from pyadvspur.report.script import conclude

FOLDER = Path(__file__).resolve().parents[2] / "experiments"
NAMES = ("linear_reliance", "linear_scale", "linear_shift", "linear_preserved")


@pytest.mark.parametrize("name", NAMES)
def test_the_claim_comes_out_as_shipped(name, tmp_path):
    script = FOLDER / name / "run.py"
    options = Options(tmp_path, quick=True, seed=None, workers=2)
    outcome = runpy.run_path(str(script))["main"](options, settings(str(script), options))
    shipped = json.loads((script.parent / "verdict.json").read_text())
    assert not outcome["reading"].startswith("FAILS"), outcome
    assert (outcome["verdict"], outcome["reading"]) == (shipped["verdict"], shipped["reading"])
    text = (script.parent / "README.md").read_text()
    assert f"**Verdict: {shipped['verdict']}.** In full: {shipped['reading']}." in text
    assert outcome == json.loads((tmp_path / "verdict.json").read_text())
    assert {path.name for path in tmp_path.iterdir()} == {
        "figure.png",
        "figure.svg",
        "table.csv",
        "verdict.json",
    }


@pytest.mark.parametrize("name", NAMES)
def test_workers_change_no_number_and_seeds_do(name, tmp_path):
    def verdict(*arguments):
        out = tmp_path / "-".join(arguments)
        found = runpy.run_path(str(FOLDER / name / "run.py"))
        found["main"].__globals__["_draw"] = lambda *_: None
        run_linear(str(FOLDER / name / "run.py"), found["main"], ["--quick", "--out", str(out), *arguments])
        return (out / "verdict.json").read_text(), (out / "table.csv").read_text()

    one, three, other = verdict("--workers", "1"), verdict("--workers", "3"), verdict("--seed", "77")
    assert one == three
    assert (other == one) == (name == "linear_scale")  # where nothing is drawn


def test_settings_of_quick_and_seed():
    script = str(FOLDER / "linear_shift" / "run.py")
    plain, quick = (settings(script, Options(Path(), quick=q, seed=None)) for q in (False, True))
    assert (plain["simulated"], plain["random"]["problems"], plain["seed"]) == (20000, 200, 0)
    assert (quick["simulated"], quick["random"]["problems"], quick["random"]["features"]) == (2000, 8, 8)
    seeded = settings(script, Options(Path(), seed=5))
    assert (seeded["seed"], seeded["random"]["seed"]) == (5, 5)


@pytest.mark.parametrize(
    "given", ["--data rival10=X", "--models a", "--root X", "--trained a=standard", "--limit 5"]
)
def test_options_about_data_are_refused(given, tmp_path):
    with pytest.raises(AdvSpurError, match=rf"{given.split()[0]}.*has no data and no networks"):
        run_linear(
            str(FOLDER / "linear_scale" / "run.py"), print, [*given.split(), "--out", str(tmp_path / "x")]
        )
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("name", sorted(path.parent.name for path in FOLDER.glob("*/run.py")))
def test_every_experiment_takes_workers_and_out(name, capsys, monkeypatch):
    """--help of the script itself, as `advspur experiment NAME -- --help` runs it."""
    script = FOLDER / name / "run.py"
    monkeypatch.setattr(sys, "argv", [str(script), "--help"])
    monkeypatch.setattr(sys, "path", [str(script.parent), *sys.path])
    with pytest.raises(SystemExit) as stop:
        runpy.run_path(str(script), run_name="__main__")
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert f"advspur experiment {name.replace('_', '-')}" in text
    shared = {"--out", "--workers"}
    if not name.startswith("embedded_"):  # those that train networks have other things to say
        shared |= {"--data", "--models", "--root", "--trained", "--limit", "--seed", "--quick"}
    assert not {option for option in shared if f"{option} " not in text}


def test_a_verdict_follows_from_its_checks(tmp_path):
    def verdict(checks, worded=None):
        found = conclude(tmp_path, "c", "s", checks, {}, "reading", worded)
        return found["verdict"], found["decided by"]

    assert verdict({"a": True}) == ("holds", "every check")
    assert verdict({"a": True}, {"b": True, "c": False}) == ("does not hold", "c")
    assert verdict({"a": False}, {"b": False}) == ("not decided", "a")
