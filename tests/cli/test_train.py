"""`advspur train`: a series from the command line, and its weights evaluated."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np

CODE = """
import torch
from torch import nn

def build():
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 6 * 6, 16), nn.ReLU(), nn.Linear(16, 2))

def data():
    x = torch.rand(96, 3, 6, 6)
    return x, (x.mean((1, 2, 3)) > 0.5).long()
"""


def advspur(folder, *arguments):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-m", "pyadvspur", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )


def test_a_series_is_trained_and_another_run_does_not_touch_it(tmp_path):
    (tmp_path / "mine.py").write_text(CODE)
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (64, 6, 6, 3), dtype=np.uint8)
    np.savez(tmp_path / "train.npz", x=x, y=(x.mean((1, 2, 3)) > 127).astype(np.int64))
    command = (
        "train", "-m", "mine:build", "-d", "train.npz", "--validation", "mine:data", "--norm", "l2", "--eps", "0.1,1/4",
        "--standard", "--epochs", "2", "--batch-size", "16", "--out", "series",
    )  # fmt: skip
    first = advspur(tmp_path, *command)
    assert first.returncode == 0, first.stderr
    files = [
        tmp_path / "series" / name / "last.safetensors" for name in ("standard", "l2_eps0.1", "l2_eps1_4")
    ]
    before = [file.read_bytes() for file in files]
    assert len(set(before)) == 3
    done = advspur(tmp_path, *command[:5], *command[7:-1], "again", "--json", "--quiet")
    told = json.loads(done.stdout)
    assert [row["name"] for row in told] == ["standard", "l2_eps0.1", "l2_eps1_4"]
    assert all(len(row["history"]) == 2 and (tmp_path / row["weights"]).exists() for row in told)
    refused = advspur(tmp_path, *command)  # mine:data draws other images each time: another run
    assert refused.returncode == 2
    assert "another run" in refused.stderr
    assert [file.read_bytes() for file in files] == before
    from safetensors.torch import load_file

    assert set(load_file(files[1])) == {"1.weight", "1.bias", "3.weight", "3.bias"}


def test_what_it_cannot_use(tmp_path):
    (tmp_path / "mine.py").write_text(CODE)
    np.savez(tmp_path / "odd.npz", images=np.zeros(3))
    for extra, text in (
        (("-d", "odd.npz", "--eps", "0.1"), "arrays x and y"),
        (("-d", "mine:date", "--eps", "0.1"), "date"),
        (("-d", "mine:data"), "--standard"),
        (("-d", "mine:data", "--eps", "-1"), "radius"),
    ):
        found = advspur(tmp_path, "train", "-m", "mine:build", "--out", "o", *extra)
        assert found.returncode == 2, found.stdout + found.stderr
        assert text in found.stderr
