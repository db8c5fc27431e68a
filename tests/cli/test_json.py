"""What programs and terminals read: --json of every command that prints a table, aligned cells, curves."""

import importlib
import inspect
import json
import math

import pandas as pd
import pytest
import torch
import typer

from pyadvspur import models
from pyadvspur.cli import printing
from pyadvspur.cli.commands import COMMANDS


def commands():
    """Every command's words and function."""
    for name, (where, _) in COMMANDS.items():
        module, attribute = where.split(":")
        found = getattr(importlib.import_module(f"pyadvspur.cli.{module}"), attribute)
        if isinstance(found, typer.Typer):
            for command in found.registered_commands:
                yield f"{name} {command.name or command.callback.__name__}", command.callback
        else:
            yield name, found


def test_every_command_has_json():
    without = {name for name, function in commands() if "json_" not in inspect.signature(function).parameters}
    assert without == set()


def test_json_is_all_of_stdout(output_of, tmp_path, runs):
    def read(*arguments, expected=0):
        code, out, _ = output_of(*arguments, "--json")
        assert code == expected
        return json.loads(out)

    assert read("info")["cpus"] >= 1
    assert {row["name"] for row in read("datasets", "list")} >= {"imagenet9", "waterbirds", "embedded"}
    assert all(row["ok"] for row in read("datasets", "verify", "embedded"))
    listed = read("models", "list", "embedded:cnn_l2*")
    assert [row["name"] for row in listed] == list(models.names("embedded:cnn_l2*"))
    assert listed[0]["norm"] == "l2"
    bad = tmp_path / "bad.ckpt"
    bad.write_bytes(b"no checkpoint")
    assert read("models", "verify", bad, expected=1)[0]["ok"] is False
    assert read("datasets", "sample", "waterbirds", tmp_path / "w")["files"] > 4
    weights = models.load("embedded:cnn_linf_eps4")
    torch.save(
        {"model": {f"module.model.{k}": v for k, v in weights.network.state_dict().items()}},
        tmp_path / "a.pt",
    )
    made = read("models", "convert", tmp_path / "a.pt", tmp_path / "a.safetensors")
    assert made["bytes"] == (tmp_path / "a.safetensors").stat().st_size
    assert "embedded-suite" in [row["name"] for row in read("experiment")]
    found = read("theory", "--rho", "3/4", "--eps", "0:1:5", "--norm", "l1", "--out", tmp_path / "t")
    assert found["attacks"]["l1"]["critical_eps"] > 0
    options = [
        "-m",
        "embedded:cnn_linf_eps4",
        "-b",
        "embedded",
        "-a",
        "linf:1/255,4/255(steps=1)",
        "--limit",
        30,
    ]
    found = read("evaluate", *options, "-o", runs / "b")
    assert found["complete"]
    assert {"measure", "value", "low", "high", "n"} <= set(found["metrics"][0])


def test_curves_are_under_the_table(output_of, runs):
    options = [
        "-m",
        "embedded:cnn_linf_eps4",
        "-b",
        "embedded",
        "-a",
        "linf:1/255,4/255(steps=1)",
        "--limit",
        30,
    ]
    code, out, _ = output_of("evaluate", *options, "-o", runs / "b")
    assert code == 0
    assert "linf 1/255, 4/255" in out
    assert "\x1b" not in out  # no terminal, no colours


def test_what_is_not_finite_is_null(capsys):
    printing.print_json({"x": pd.DataFrame({"a": [math.nan, 1.5], "b": ["y", None]}), "z": math.inf})
    assert json.loads(capsys.readouterr().out) == {
        "x": [{"a": None, "b": "y"}, {"a": 1.5, "b": None}], "z": None,
    }  # fmt: skip


def test_intervals_stand_under_one_another():
    found = printing.aligned(["5.0 [3.9, 12.0]", "-87.5 [-90.1, 2.0] n=7", "undefined"])
    assert found == ["  5.0 [  3.9, 12.0]    ", "-87.5 [-90.1,  2.0] n=7", "undefined"]


@pytest.mark.parametrize("encoding, expected", [("utf-8", "▁▄█ █"), ("ascii", ".=# #")])
def test_sparkline(monkeypatch, encoding, expected):
    class Out:
        pass

    Out.encoding = encoding
    monkeypatch.setattr(printing.sys, "stdout", Out)
    shown = printing.sparkline([0, 0.45, 1, math.nan, 1.2])
    assert shown == expected
