"""`advspur theory` from its arguments to its files."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from pyadvspur import AdvSpurError
from pyadvspur.cli.numbers import read_grid, read_number
from pyadvspur.cli.theory import theory
from pyadvspur.theory import LinearProblem

app = typer.Typer()
app.command()(theory)


def run(*arguments):
    result = CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=True)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def read(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def test_two_features(tmp_path):
    result = run("--rho", "9/10", "--scale-core", 1, "--scale-spurious", 2, "--norm", "linf", "--eps", "0:2:50",
                 "--out", tmp_path)  # fmt: skip
    assert result.exit_code == 0
    rows = read(tmp_path / "theory.csv")
    path = LinearProblem.two_feature(0.9, 1, 2).path("linf")
    expected = path.at(np.linspace(0, 2, 50))
    assert [float(row["adversarial_risk"]) for row in rows] == expected.risk.tolist()
    assert [[float(row["theta_0"]), float(row["theta_1"])] for row in rows] == expected.theta.tolist()
    assert f"{path.critical_eps:.6g}" in result.output
    for name in ("theory.png", "theory.svg"):
        assert (tmp_path / name).stat().st_size > 10_000


def test_covariance_from_a_file_and_all_norms(tmp_path):
    np.save(tmp_path / "cov.npy", np.diag([1.0, 2.0, 1.0]))
    np.savetxt(tmp_path / "theta.csv", [[1.0, 0.5, 0.0]], delimiter=",")
    out = tmp_path / "out"
    result = run("--cov", tmp_path / "cov.npy", "--theta", tmp_path / "theta.csv", "--core", "0,1", "--noise-std",
                 "1/2", "--out", out)  # fmt: skip
    assert result.exit_code == 0
    rows = read(out / "theory.csv")
    assert {row["norm"] for row in rows} == {"l1", "l2", "linf"}
    assert {row["uses_spurious"] for row in rows} == {"False"}
    assert len(rows) == 3 * 101


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--rho got nothing"),
        (["--rho", "2"], r"rho got 2\.0"),
        (["--rho", "x"], "--rho got 'x'"),
        (["--rho", "0.5", "--eps", "0:1"], "--eps got '0:1'"),
        (["--rho", "0.5", "--eps", "-1,2"], "eps got"),
        (["--rho", "0.5", "--norm", "l3"], "norm got 'l3'"),
        (["--cov", "missing.npy", "--theta", "1", "--core", "0"], "--cov got missing.npy"),
        (["--cov", "cov.npy"], "--theta and --core got nothing"),
        (["--cov", "cov.npy", "--rho", "0.5"], "--rho got 0.5"),
    ],
)
def test_bad_arguments_are_named(tmp_path, arguments, message):
    with pytest.raises(AdvSpurError, match=message):
        run(*arguments, "--out", tmp_path)


def test_pickles_are_refused(tmp_path):
    np.save(tmp_path / "cov.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(AdvSpurError, match="--cov got"):
        run("--cov", tmp_path / "cov.npy", "--theta", "1", "--core", "0", "--out", tmp_path)


def test_numbers():
    assert read_number("8/255", "x") == 8 / 255
    assert read_grid("0:1:3", "x").tolist() == [0, 0.5, 1]
    assert read_grid("0, 1/4", "x").tolist() == [0, 0.25]
    for text in ("", "1/0", "a:b:3", "0:1:0", "1:2:3:4"):
        with pytest.raises(AdvSpurError, match="x got"):
            read_grid(text, "x")
