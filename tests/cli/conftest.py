"""Two small finished runs that several tests read: the same experiment on other networks."""

import pytest

from pyadvspur import evaluation

ATTACKS = ["linf:1/255,4/255(steps=1)"]


@pytest.fixture(scope="session")
def runs(tmp_path_factory):
    """Folders a (two networks), b (another one), c (as b, with another seed)."""
    folder = tmp_path_factory.mktemp("runs")
    shared = {"benchmarks": ["embedded"], "attacks": ATTACKS, "limit": 30, "device": "cpu", "progress": False}
    for name, models, seed in (
        ("a", ["embedded:cnn_standard", "embedded:cnn_l2_eps0.5"], 0),
        ("b", ["embedded:cnn_linf_eps4"], 0),
        ("c", ["embedded:cnn_linf_eps4"], 1),
    ):
        evaluation.evaluate(models, out=folder / name, seed=seed, **shared)
    return folder


@pytest.fixture
def output_of(advspur, capsys):
    """Run the command in this process: output_of(...) -> (exit code, stdout, stderr)."""

    def run(*arguments):
        capsys.readouterr()
        return advspur(*arguments), *capsys.readouterr()

    return run
