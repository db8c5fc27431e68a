"""The documentation site builds without a warning, finds what is broken, and leaves nothing out."""

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pyadvspur.cli.commands import COMMANDS

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("attacks", "benchmarks", "evaluation", "masking", "metrics", "models", "pixels", "report", "theory")


def build(config, out):
    """mkdocs build --strict; returns (exit code, what it said)."""
    pytest.importorskip("mkdocs", reason="the documentation needs the dev extra: mkdocs is not installed")
    pytest.importorskip(
        "material", reason="the documentation needs the dev extra: mkdocs-material is not installed"
    )
    pytest.importorskip(
        "mkdocstrings_handlers.python", reason="the dev extra: mkdocstrings-python is not installed"
    )
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", str(config), "-d", str(out)]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    out = tmp_path_factory.mktemp("site")
    code, said = build(ROOT / "mkdocs.yml", out)
    assert code == 0, said
    assert "WARNING" not in said
    return out


def test_the_api_reference_names_everything_public(site):
    for part in PARTS:
        page = (site / "api" / f"{part}.html").read_text(encoding="utf-8")
        shown = {name.rpartition(".")[2] for name in re.findall(r'<h\d id="([\w.]+)"', page)}
        for name in importlib.import_module(f"pyadvspur.{part}").__all__:
            thing = getattr(importlib.import_module(f"pyadvspur.{part}"), name)
            if callable(thing):
                assert name in shown, f"api/{part}.md leaves out {name}"


def test_the_site_fetches_nothing_and_shows_what_lies_outside_docs(site):
    page = (site / "index.html").read_text(encoding="utf-8")
    assert not re.findall(r'(?:<script[^>]*src|<link rel="stylesheet"[^>]*href)="https?:', page)
    shown = (site / "experiments/linear_scale/index.html").read_text(encoding="utf-8")
    assert 'src="figure.png"' in shown
    assert (site / "experiments/linear_scale/figure.png").is_file()
    assert "/blob/main/experiments/embedded_suite/train.py" in (
        site / "experiments/embedded_suite/index.html"
    ).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "text, finding",
    [
        ("[there](gone.md)", "gone.md"),
        ("[there](index.md#gone)", "no such anchor"),
        ("[there](../no_such_folder)", "no_such_folder"),
        ("[there](/evaluate)", "absolute"),
        ("[fine](../csrc) and `[no](link.md)`", None),
    ],
)
def test_broken_links_fail(tmp_path, text, finding):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/index.md").write_text(f"# Page\n\n{text}\n")
    whole = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    validation = whole[whole.index("validation:") : whole.index("nav:\n")]
    (tmp_path / "mkdocs.yml").write_text(
        f"site_name: x\nrepo_url: https://example.org\nplugins: []\nhooks: ['{ROOT}/docs/hooks.py']\n{validation}"
        "nav: [index.md]\nnot_in_nav: '*'\n"
    )
    code, said = build(tmp_path / "mkdocs.yml", tmp_path / "site")
    assert (code == 0) == (finding is None), said
    assert finding is None or finding in said


def pages():
    return [*(ROOT / "docs").rglob("*.md"), *(ROOT / "experiments").glob("*/README.md"), ROOT / "README.md"]


def test_every_command_is_in_the_guide():
    text = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs").rglob("*.md"))
    assert [name for name in COMMANDS if f"advspur {name}" not in text] == []


def test_figures_stand_beside_the_command_that_makes_them():
    found = 0
    for path in pages():
        text = path.read_text(encoding="utf-8")
        for figure in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", text):
            found += 1
            assert (path.parent / figure).is_file(), f"{path}: {figure}"
            assert re.search(r"advspur (demo|experiment|theory|report|card)|python \w+/", text), path
    assert found >= 6
