"""The benchmark binaries' build and `bench/run`: a missing library is named, a real change is told from noise."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(
    not (ROOT / "bench" / "run").is_file(), reason="bench/ is not beside the tests"
)


@pytest.fixture(scope="module")
def run():
    loader = importlib.machinery.SourceFileLoader("bench_run", str(ROOT / "bench" / "run"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("bench_run", loader))
    loader.exec_module(module)
    return module


@pytest.mark.skipif(shutil.which("cmake") is None, reason="cmake is not on the PATH")
def test_a_missing_google_benchmark_is_named_with_what_to_install(tmp_path):
    options = ["-DADVSPUR_BENCH=ON", "-DADVSPUR_PYTHON=OFF", "-DADVSPUR_CUDA=OFF"]
    absent = "-DCMAKE_DISABLE_FIND_PACKAGE_benchmark=ON"
    done = subprocess.run(
        ["cmake", "-S", ROOT, "-B", tmp_path, *options, absent], capture_output=True, text=True, check=False
    )
    said = " ".join(done.stderr.split())
    assert done.returncode != 0
    assert "needs Google Benchmark" in said
    assert "libbenchmark-dev" in said
    assert "ADVSPUR_BENCH=OFF" in said


def row(figure, noise):
    return {"figure": figure, "noise": noise, "ms": 1.0, "GB/s": 0.0}


def test_a_regression_is_more_than_the_noise_of_both_runs(run):
    before = {name: row(1.0, 0.01) for name in ("same", "small", "fallen", "noisy", "gone", "faster")}
    now = {
        "same": row(1.0, 0.01), "small": row(0.96, 0.001), "fallen": row(0.9, 0.01), "noisy": row(0.8, 0.08),
        "faster": row(1.5, 0.01), "new": row(0.1, 0.0),
    }  # fmt: skip
    [line] = run.compare(now, before)
    assert line.startswith("fallen: 1 -> 0.9 (-10%)")
    text = "\n".join(run.table(now, before))
    assert "| fallen | 1.000 |  | 0.9 | 1% | 1 |" in text
    assert "| new | 1.000 |  | 0.1 | 0% |  |" in text


def test_noise_is_half_the_range_of_the_middle_half(run):
    assert run.noise([1.0, 1.0, 1.0, 1.0, 9.0]) == pytest.approx(2.0)  # quartiles 1 and 5
    assert run.noise([0.9, 1.0, 1.1]) == pytest.approx(0.1)
    assert run.noise([1.0] * 9) == 0.0
