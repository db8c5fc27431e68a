"""The experiments of the linear theory: verdicts computed afresh, on smaller settings, and those that are shipped."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest

from pyadvspur.report.script import conclude, read_config

FOLDER = Path(__file__).resolve().parents[2] / "experiments"
SMALLER = {
    "linear_reliance": {"radii": 30, "random": {"problems": 8, "radii": 4}},
    "linear_scale": {"grid": 21},
    "linear_shift": {"simulated": 2000, "random": {"problems": 8}},
    "linear_preserved": {"correlations": 12, "random": {"problems": 2}},
}


@pytest.mark.parametrize("name", SMALLER)
def test_the_claim_comes_out_as_shipped(name, tmp_path):
    script = FOLDER / name / "run.py"
    config = read_config(str(script))
    for key, value in SMALLER[name].items():
        config[key] = config[key] | value if isinstance(value, dict) else value
    outcome = runpy.run_path(str(script))["main"](tmp_path, config)
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


def test_a_verdict_follows_from_its_checks(tmp_path):
    def verdict(checks, worded=None):
        found = conclude(tmp_path, "c", "s", checks, {}, "reading", worded)
        return found["verdict"], found["decided by"]

    assert verdict({"a": True}) == ("holds", "every check")
    assert verdict({"a": True}, {"b": True, "c": False}) == ("does not hold", "c")
    assert verdict({"a": False}, {"b": False}) == ("not decided", "a")
