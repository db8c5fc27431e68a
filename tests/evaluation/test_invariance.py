"""Outcomes do not depend on batch size, threads, workers, or on being interrupted. Bit for bit."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import toys

from pyadvspur import evaluation

LIMIT = 40
ATTACKS = ["linf:2/255,8/255(steps=3)", "l2:0.3(steps=3,restarts=2)"]


def run(out, **options):
    models = {"three": toys.Net(1), "twelve": toys.Net(2, 12)}
    return evaluation.evaluate(models, [toys.Toy()], ATTACKS, out, progress=False, limit=LIMIT, **options)


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    frame = run(tmp_path_factory.mktemp("reference"), threads=1).outcomes()
    assert len(frame) == 2 * (5 + 2 * 3) * LIMIT
    attacked = frame[frame["attack"] != "none"]
    assert 0.02 < attacked["correct"].mean() < 0.6  # both outcomes occur, so the comparison can fail
    return frame


@pytest.mark.parametrize(
    "options", [{"batch_size": 1}, {"batch_size": 7}, {"batch_size": 64}, {"threads": 4}]
)
def test_batch_size_and_threads(reference, tmp_path, options):
    pd.testing.assert_frame_equal(run(tmp_path / "run", **options).outcomes(), reference, check_exact=True)


def test_killed_and_continued_with_two_workers(reference, tmp_path):
    """SIGKILL to the whole process group in the middle; what was finished stays, the rest is the same."""
    out = tmp_path / "run"
    script = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\nimport test_invariance as t\n"
    script += f"if __name__ == '__main__': t.run({str(out)!r}, workers=2, threads=1)"
    (tmp_path / "main.py").write_text(script)
    process = subprocess.Popen([sys.executable, str(tmp_path / "main.py")], start_new_session=True)
    deadline = time.monotonic() + 60
    while len(list(out.glob("units/*.parquet"))) < 4 and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    finished = {path: path.stat().st_mtime_ns for path in out.glob("units/*.parquet")}
    assert finished
    assert not evaluation.load(out).complete
    again = run(out, workers=2, threads=1)
    assert again.complete
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in finished.items())  # not done twice
    pd.testing.assert_frame_equal(again.outcomes(), reference, check_exact=True)
