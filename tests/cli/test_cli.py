"""The command: what it prints, what it refuses, what it costs to open."""

import subprocess
import sys
from pathlib import Path

import pytest

NETS = """
import torch

def small():
    torch.manual_seed(0)
    body = torch.nn.Conv2d(3, 8, 9, 8), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()
    return torch.nn.Sequential(*body, torch.nn.Linear(8, 9))

def nan():
    net = small()
    net[4].bias.data.fill_(float("nan"))
    return net
"""


@pytest.fixture(autouse=True)
def _here(here):
    here("my_nets", NETS)


def test_help_is_light():
    code = (
        "import sys; sys.argv = ['advspur', '--help']\nfrom pyadvspur.cli import main\ntry: main()\nfinally: "
    )
    code += "print([m for m in ('torch', 'numpy', 'pandas', 'matplotlib', 'rich') if m in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    assert shown.rstrip().endswith("[]")
    for command in (
        "demo",
        "evaluate",
        "report",
        "theory",
        "experiment",
        "info",
        "models",
        "datasets",
        "challenge",
    ):
        assert f"  {command} " in shown


def test_own_network_on_jpegs_in_the_true_layout(advspur, capsys):
    assert advspur("datasets", "sample", "imagenet9", "in9", "--per-class", "2") == 0
    assert advspur("datasets", "verify", "imagenet9", "in9") == 0
    capsys.readouterr()
    run = ["evaluate", "--model", "my_nets:small", "--benchmark", "imagenet9=in9", "--out", "runs/a"]
    assert advspur(*run, "--attack", "linf:1/255,2/255(steps=2)") == 0
    shown = capsys.readouterr()
    assert "BG-gap" in shown.out
    assert "n = 18" in shown.out
    assert "of 11 units" in shown.err  # no terminal: plain lines
    assert advspur("report", "runs/a") == 0
    assert "wrote runs/a/report.html" in capsys.readouterr().out
    assert advspur(*run) == 2
    assert "holds another run" in capsys.readouterr().err


def test_a_failed_unit_is_an_exit_code(advspur, capsys):
    assert advspur("datasets", "sample", "imagenet9", "in9", "--per-class", "1") == 0
    models = ["-m", "my_nets:nan", "-m", "my_nets:small"]
    assert advspur("evaluate", *models, "-b", "imagenet9=in9", "-o", "runs/b", "--quiet") == 1
    shown = capsys.readouterr()
    assert "8 units failed" in shown.err
    assert "NaN" in shown.err
    assert "my_nets:small" in shown.out or "small" in shown.out


def test_errors_are_one_line(advspur, capsys):
    Path("a-file").touch()
    for arguments, text in [
        (["evaluate", "-m", "my_nets:smal", "-b", "imagenet9=nowhere", "-o", "x"], "nowhere"),
        (["evaluate", "-m", "my_nets:small", "-b", "imagenet", "-o", "x"], "Did you mean 'imagenet9'"),
        (["evalute"], "Did you mean 'evaluate'"),
        (["report", "nowhere"], "run.json"),
        (["experiment", "embeded-suite"], "Did you mean 'embedded-suite'"),
        (["datasets", "verify", "imagenet9", "nowhere"], "datasets sample"),
        (["theory", "--rho", "1/2", "--out", "a-file"], "'a-file' cannot be read or written (it is a file"),
        (["theory", "--rho", "x", "--out", "t"], "advspur: theory: --rho got 'x'"),
        (["theory", "--cov", "a-file", "--theta", "1", "--core", "0", "--out", "t"], "no data"),
        (
            ["train", "-m", "my_nets:small", "-d", "my_nets:small", "-o", "t", "--eps", "0.1"],
            "returns (x, y)",
        ),
        (["nonsense"], "'info'"),
    ]:
        assert advspur(*arguments) == 2
        shown = capsys.readouterr()
        assert text in shown.err
        assert shown.err.count("\n") == 1
        assert "Traceback" not in shown.err


def test_ctrl_c_says_how_to_go_on(advspur, capsys, monkeypatch):
    import pyarrow.parquet as pq

    assert advspur("datasets", "sample", "imagenet9", "in9", "--per-class", "1") == 0
    write, calls = pq.write_table, []

    def interrupted(*args, **options):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        write(*args, **options)

    monkeypatch.setattr(pq, "write_table", interrupted)
    run = ["evaluate", "-m", "my_nets:small", "-b", "imagenet9=in9", "-o", "runs/c", "--quiet"]
    assert advspur(*run) == 130
    shown = capsys.readouterr().err
    assert "18 of 72 outcomes are safe in runs/c" in shown
    assert "Run the same command again" in shown
    assert advspur(*run) == 0


def test_every_command_has_help(advspur, capsys):
    from pyadvspur.cli.commands import COMMANDS

    for name in COMMANDS:
        assert advspur(name, "--help") == 0
        assert f"Usage: advspur {name}" in capsys.readouterr().out


def test_info_and_lists(advspur, capsys):
    assert advspur("info") == 0
    assert "instruction_set" in capsys.readouterr().out
    assert advspur("experiment") == 0
    assert "embedded-suite" in capsys.readouterr().out.split()
