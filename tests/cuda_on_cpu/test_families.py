"""The CUDA kernels' source, run on the CPU: equal to the CPU kernels, and no access out of place (docs/kernels.md)."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
FAMILIES = ["random", "render", "step", "project", "score", "loss", "apgd", "hyperplane", "square"]
FAULTS = {
    "no_barrier": "read before it was written",
    "no_second_barrier": "reads what thread 0 of block 0 wrote, no barrier between",
    "not_initialised": "read before it was written",
    "too_far": "outside of every array",
    "too_far_shared": "outside of every array",
    "split_barrier": "wait at different barriers",
    "left_early": "a thread ends while others",
    "half_a_warp": "wait for ever, the first at a warp's exchange",
    "two_blocks_one_place": "writes what thread 0 of block 0 wrote",
    "cluster_without_barrier": "no barrier between",
    "cluster_gone": "in a block that has ended",
    "misaligned": "misaligned address",
    "copy_not_awaited": "read before it was written",
}


@pytest.fixture(scope="module")
def program():
    compiler = os.environ.get("CXX", "g++")
    if platform.system() != "Linux" or "g++" not in Path(compiler).name or not shutil.which(compiler):
        pytest.skip(
            f"the emulation is compiled by g++ on Linux, here it is {compiler} on {platform.system()}"
        )
    if not (HERE.parent.parent / "csrc" / "cuda").is_dir():
        pytest.skip("the kernels' source is not here")
    made = subprocess.run([sys.executable, HERE / "build.py"], capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


def run(program, *arguments):
    return subprocess.run([program, *arguments], capture_output=True, text=True, timeout=600)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_kernels_equal_their_cpu_twins(program, family):
    done = run(program, family)
    assert done.returncode == 0, done.stderr
    assert "equal" in done.stderr


@pytest.mark.parametrize("family", ["step", "project", "apgd", "hyperplane"])
def test_without_clusters_and_in_another_order(program, family):
    # in passes through global memory; warps shuffled, the last one ahead of the others
    done = run(program, "--sm", "80", "--seed", "5", family)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found(program, fault):
    done = run(program, "fault", fault)
    assert done.returncode != 0
    assert FAULTS[fault] in done.stderr
