"""A run keeps its adversarial points, and another process rechecks them."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file

from pyadvspur import AdvSpurError, evaluation
from pyadvspur.evaluation import points

MODEL = "embedded:cnn_standard"
ATTACKS = ["linf:0.5/255,2/255(steps=5)", "l2:0.1(steps=5)"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("points") / "run"
    return evaluation.evaluate(
        [MODEL], ["embedded"], ATTACKS, out, limit=20, save_points=True, progress=False
    )


def test_every_claim_holds_and_gives_the_run_s_accuracy(run):
    frame = points.table(list(points.recheck_files(run.out, benchmark="embedded")))
    assert (frame["refuted"] == 0).all()
    outcomes = run.outcomes()
    attacked = outcomes[outcomes["attack"] != "none"]
    assert len(frame) == attacked.groupby(["condition", "attack", "eps"]).ngroups
    for row in frame.itertuples():
        same = attacked[(attacked["condition"] == row.condition) & (attacked["eps"] == row.eps)]
        kind = "pgd-" + row.attack.split(":")[0]
        same = same[same["attack"] == kind]
        assert row.n == len(same)
        assert row.accuracy_confirmed == pytest.approx(same["correct"].mean(), abs=1e-12)


def test_points_that_are_missing_are_made_again(run):
    path = next((run.out / "points").glob("*.safetensors"))
    before = load_file(path)
    path.unlink()
    evaluation.evaluate([MODEL], ["embedded"], ATTACKS, run.out, limit=20, save_points=True, progress=False)
    after = load_file(path)
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_the_command_finds_a_forged_point(run, tmp_path):
    source = next(p for p in (run.out / "points").glob("*.safetensors") if (load_file(p)["eps"] > 0).any())
    tensors, metadata = load_file(source), points.load_points(source)
    row = int((tensors["eps"] > 0).nonzero()[0])
    tensors["x_adv"][row] = metadata.x[row]
    facts = {"format": 1, "norm": metadata.norm, "radii": list(metadata.radii), **metadata.facts}
    forged = tmp_path / "forged.safetensors"
    save_file(tensors, forged, metadata={"advspur_points": json.dumps(facts)})

    def advspur(*arguments):
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "pyadvspur", "attack", "verify", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path)

    good = advspur(source, "--json")
    assert good.returncode == 0, good.stderr
    assert json.loads(good.stdout)[0]["refuted"] == 0
    found = advspur(forged)
    assert found.returncode == 1
    assert f"{len(tensors['eps']) - 1} of {len(tensors['eps'])} claims hold" in found.stderr
    other = advspur(source, "-m", "embedded:cnn_l2_eps0.1")
    assert other.returncode == 2
    assert "found on other weights" in other.stderr


def test_the_clean_images_must_be_the_benchmark_s(run, tmp_path):
    held = points.load_points(next((run.out / "points").glob("*.safetensors")))
    moved = held.x.clone()
    moved[0, 0, 0, 0] = 1 - moved[0, 0, 0, 0]
    from dataclasses import replace

    points.save_points(tmp_path / "p.safetensors", replace(held, x=moved))
    with pytest.raises(AdvSpurError, match="not the benchmark's image"):
        list(points.recheck_files(tmp_path / "p.safetensors", benchmark="embedded"))
    with pytest.raises(AdvSpurError, match="--save-points"):
        points.files(tmp_path)
