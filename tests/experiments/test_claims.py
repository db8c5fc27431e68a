"""The experiments on networks: verdicts from constructed numbers, small real runs, and what ships with them."""

from __future__ import annotations

import json
import math
import runpy
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pyadvspur import AdvSpurError, models
from pyadvspur.benchmarks import layouts
from pyadvspur.claims import breaking, options
from pyadvspur.claims.options import Options
from pyadvspur.claims.verdict import Check, conclude, decide, deciding
from pyadvspur.models import registry
from pyadvspur.report.script import read_config

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "experiments"
NAMES = ("reliance", "norms_and_scale", "kept_correlation", "confined_attacks", "seeds")
WRITTEN = {"figure.png", "figure.svg", "table.csv", "verdict.json"}
#: what attacks say of networks that nobody trained, or with a handful of steps
pytestmark = pytest.mark.filterwarnings("ignore:attacks. gradients may mislead")


def run(name, out, change=None, **given):
    """An experiment's main with a smaller config; returns what it concluded."""
    script = FOLDER / name / "run.py"
    config = read_config(str(script))
    (change or dict)(config)
    asked = Options(out, **{"limit": 24, "quick": True, **given})
    out.mkdir(parents=True, exist_ok=True)
    found = runpy.run_path(str(script))["main"](asked, config)
    assert {path.name for path in out.iterdir()} >= WRITTEN
    assert json.loads((out / "verdict.json").read_text()) == found
    assert decide([_check(c) for c in found["checks"]]) == found["verdict"]
    return found


def _check(c):
    numbers = (math.nan if c[k] is None else c[k] for k in ("value", "low", "high"))
    return Check(c["name"], *numbers, c["side"], c["bound"], c["p"])


@pytest.mark.parametrize(
    "interval, side, p, outcome",
    [
        ((0.5, 0.1, 0.9), "above", None, "holds"),
        ((0.5, 0.1, 0.9), "below", None, "does not hold"),
        ((0.5, -0.1, 0.9), "above", None, "not decided"),
        ((-0.5, -0.9, -0.1), "below", 0.05, "holds"),
        ((-0.5, -0.9, -0.1), "above", 0.01, "does not hold"),
        ((-0.5, -0.9, -0.1), "below", 0.06, "not decided"),
        ((0.5, 0.0, 0.9), "above", None, "not decided"),  # the bound itself is on neither side
        ((math.nan, math.nan, math.nan), "above", None, "not decided"),
        ((0.5, 0.1, 0.9), "above", math.nan, "not decided"),
    ],
)
def test_one_number_decides(interval, side, p, outcome):
    assert Check("x", *interval, side, p=p).outcome == outcome


def test_a_claim_needs_all_and_falls_with_one(tmp_path):
    good, bad = Check("good", 2, 1, 3), Check("bad", -2, -3, -1)
    near, unsure = Check("near", 0.2, 0.1, 0.3), Check("unsure", 1, -1, 3)
    assert decide([good, near]) == "holds"
    assert decide([good, unsure]) == decide([]) == "not decided"
    assert decide([unsure, bad, good]) == "does not hold"
    assert deciding([good, near]) is near
    assert deciding([good, unsure, near]) is unsure
    assert deciding([unsure, bad]) is bad
    assert deciding([]) is None
    found = conclude(
        tmp_path, "claim", "rule", [good, Check("none", *[math.nan] * 3)], {"x": [math.inf, 1 / 3]}
    )
    assert found == json.loads((tmp_path / "verdict.json").read_text())
    assert found["verdict"] == "not decided"
    assert found["decided by"].startswith("none: nan")
    assert found["checks"][1]["value"] is None
    assert found["numbers"]["x"] == [None, 0.3333]
    with pytest.raises(AdvSpurError, match="low <= high"):
        Check("x", 1, 2, 0)


def test_where_images_break():
    rows = []
    # sample: radius at which it breaks under attack a, b (of 1 and 2); None: never; sample 4 is wrong anyway
    for sample, (a, b) in enumerate([(1, 2), (2, 1), (1, 1), (None, 2), (1, 1)]):
        rows.append((sample, "none", 0.0, sample != 4))
        for attack, radius in (("a", a), ("b", b)):
            rows += [(sample, attack, e, sample != 4 and (radius is None or e < radius)) for e in (1.0, 2.0)]
    frame = pd.DataFrame(rows, columns=["sample", "attack", "eps", "correct"])
    frame = frame.assign(model="m", benchmark="x", condition="c", label=0, error="")
    pairs = breaking.sides(breaking.breaking_radii(frame), "a", "b")
    assert pairs.sort_values("sample")[["first", "second"]].to_numpy().tolist() == [
        [1, 2], [2, 1], [1, 1], [math.inf, 2],
    ]  # fmt: skip
    given = breaking.as_outcomes(pairs, "a", "b")
    assert given.groupby("condition")["correct"].sum().to_dict() == {"c: a": 1, "c: b": 2}


def test_the_median_and_its_interval():
    from scipy.stats import binom

    rng = np.random.default_rng(0)
    held = 0
    for _ in range(200):
        drawn = rng.exponential(size=21)
        value, low, high = breaking.median(drawn)
        assert low <= value == np.median(drawn) <= high
        held += low <= math.log(2) <= high
    assert held / 200 >= 0.92
    assert breaking.median([1, math.inf, math.inf])[0] == math.inf
    assert math.isnan(breaking.median([])[0])
    cut = int(binom.ppf(0.025, 21, 0.5))
    assert breaking.median(range(21)) == (10, cut - 1, 21 - cut)


def test_reliance_rises_with_the_radius_on_three_networks(tmp_path):
    names = tuple(f"embedded:cnn_{kind}" for kind in ("standard", "l2_eps0.25", "l2_eps1"))
    found = run("reliance", tmp_path / "a", models=names, limit=150)
    by_name = {c["name"]: c for c in found["checks"]}
    assert by_name["trend of BG-gap (ImageNet-9 style)"]["value"] == 1
    assert by_name["trend of worst group (Waterbirds style)"]["value"] == -1
    # three networks can come in six orders: no p-value reaches 0.05, whatever the images say
    assert found["verdict"] == "not decided"
    again = run("reliance", tmp_path / "a", models=names, limit=150)  # every outcome is there
    assert again == found


def test_scales(tmp_path):
    found = run("norms_and_scale", tmp_path, lambda c: c.update(contrasts=[0.5, 2]))
    assert len(found["checks"]) == len(found["numbers"]) == 6
    sides = {c["name"]: c["side"] for c in found["checks"]}
    assert [name for name, side in sides.items() if side == "below"] == [
        "rise of the BG-gap at contrast 0.5, linf 8/255 against standard"
    ]


def test_agreements(tmp_path):
    def smaller(config):
        config.update(agreements=[0, 0.6, 0.9], recipes=["standard", "l2_eps0.5"])

    found = run("kept_correlation", tmp_path, smaller)
    assert [c["side"] for c in found["checks"]] == ["above", "below"] * 2
    assert len(found["numbers"]["highest minus lowest agreement"]) == 8


def test_seeds(tmp_path):
    names = [f"{s}cnn_{kind}" for s in ("", "seed1_") for kind in ("standard", "l2_eps0.5", "l2_eps1")]
    found = run("seeds", tmp_path, models=tuple(f"embedded:{name}" for name in names))
    slopes = {c["name"].split(",")[0]: c["value"] for c in found["checks"]}
    assert slopes["slope of BG-gap"] > 0.4
    assert all(len(pair) == 2 for pair in found["numbers"]["standard deviation"].values())


def test_regions(tmp_path):
    names = tuple(f"embedded:cnn_{kind}" for kind in ("standard", "l2_eps0.25", "l2_eps1"))
    found = run("confined_attacks", tmp_path, models=names, limit=20)
    table = pd.read_csv(tmp_path / "table.csv")
    assert table["share"].between(-1, 1).all()
    there = table[(table["attack"] == "l2") & (table["condition"] == "mixed_same")].set_index("model")
    assert there.loc["cnn_l2_eps1", "share"] > there.loc["cnn_standard", "share"]
    assert len(found["checks"]) == 4


@pytest.fixture(scope="module")
def copies(tmp_path_factory):
    """Small generated copies of real data sets, in their layouts."""
    root = tmp_path_factory.mktemp("data")
    for name in ("waterbirds", "imagenet9", "rival10"):
        layouts.sample(name, root / name, per_class=3)
    return {name: f"{name}={root / name}?size=32" for name in ("waterbirds", "imagenet9", "rival10")}


UNTRAINED = {"random:1000": ("", 0.0), "random:1001": ("l2", 0.5), "random:1002": ("l2", 1.0)}


@pytest.mark.parametrize(
    "name, data, count",
    [
        ("reliance", "waterbirds", 1),
        ("norms_and_scale", "waterbirds", 1),
        ("kept_correlation", "imagenet9", 2),
        ("confined_attacks", "rival10", 2),
        ("seeds", "waterbirds", 1),
    ],
)
def test_real_layouts(tmp_path, copies, name, data, count):
    names = tuple(UNTRAINED) if data != "imagenet9" else ("random:1000",)
    found = run(name, tmp_path, data=(copies[data],), models=names, trained=UNTRAINED, limit=12)
    assert len(found["checks"]) == count
    assert (
        found["verdict"] == "not decided"
    )  # untrained networks, one seed: nothing to decide, and it says so


def test_options(tmp_path):
    got = options.parse(
        str(FOLDER / "reliance/run.py"), "about",
        ["--data", "waterbirds=D", "imagenet9=E?size=32", "--models", "salman20", "own:net", "--root", "R",
         "--trained", "own:net=linf:4/255", "own:other=standard", "--quick", "--out", str(tmp_path)],
    )  # fmt: skip
    assert got.data == ("waterbirds=D", "imagenet9=E?size=32")
    assert len(got.chosen([])) == 21
    assert got.trained == {"own:net": ("linf", 4 / 255), "own:other": ("", 0.0)}
    assert not got.embedded
    assert options.parse(str(FOLDER / "reliance/run.py"), "about", []).embedded
    with pytest.raises(AdvSpurError, match="NAME=NORM:EPS"):
        options.parse("x/run.py", "about", ["--trained", "own"])


@pytest.mark.parametrize("name", NAMES)
def test_what_ships_is_whole(name):
    folder = FOLDER / name
    assert {path.name for path in folder.iterdir()} >= {"run.py", "config.toml", "README.md", *WRITTEN}
    shipped = json.loads((folder / "verdict.json").read_text())
    assert decide([_check(c) for c in shipped["checks"]]) == shipped["verdict"]
    page = (ROOT / "docs/experiments.md").read_text()
    command = f"advspur experiment {name.replace('_', '-')}"
    for text in ((folder / "README.md").read_text(), page):
        assert command in text
    assert f"**Verdict: {shipped['verdict']}.**" in (folder / "README.md").read_text()


def test_the_wheel_takes_all_of_it():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["scikit-build"]
    assert settings["wheel"]["packages"]["pyadvspur/experiments"] == "experiments"
    for path in [*FOLDER.rglob("*"), *registry.SERIES.glob("*")]:
        if path.suffix in (".py", ".toml", ".md", ".csv", ".json", ".png", ".svg", ".safetensors"):
            assert not any(fnmatch(path.as_posix(), pattern) for pattern in settings["wheel"]["exclude"])


def test_the_series_are_as_their_manifest_says():
    import hashlib

    import torch

    entries = registry.series()["networks"]
    assert {path.name for path in registry.SERIES.glob("*.safetensors")} == {
        e["file"] for e in entries.values()
    }
    total = 0
    for name, entry in entries.items():
        content = (registry.SERIES / entry["file"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == entry["sha256"], name
        total += len(content)
    assert total < 6e6
    suites = [n for s in models.SUITES if s.startswith("embedded-") for n in models.suite(s)]
    assert sorted(suites) == sorted(f"embedded:{name}" for name in entries)
    net = models.load("embedded:contrast2_cnn_l2_eps0.5")
    assert {p.dtype for p in net.parameters()} == {torch.float32}
    assert (
        net.training_info | {"contrast": 2.0, "agreement": 0.6, "norm": "l2", "eps": 0.5} == net.training_info
    )
    assert models.info("embedded:contrast1_cnn_l1_eps6").norm == "l1"
    with pytest.raises(AdvSpurError, match="Did you mean"):
        models.load("embedded:contrast3_cnn_l2_eps0.5")
