"""`advspur challenge` on a generated copy."""

import json
from pathlib import Path

import pytest

NETS = """
import torch

class Colours(torch.nn.Module):
    input_size = 224

    def __init__(self, outputs):
        super().__init__()
        torch.manual_seed(0)
        self.head = torch.nn.Linear(3, outputs)

    def forward(self, x):
        return self.head(x.mean((2, 3)))

def nine():
    return Colours(9)

def thousand():
    return Colours(1000)
"""


@pytest.fixture(autouse=True)
def _here(here):
    here("my_colours", NETS)


def test_prints_counts_and_goes_on(advspur, capsys):
    assert advspur("datasets", "sample", "imagenet9", "in9", "--per-class", "1") == 0
    run = ["challenge", "imagenet9=in9?size=224", "--model", "my_colours:nine", "--out", "runs/c.json"]
    assert advspur(*run, "--limit", "3") == 0
    assert advspur(*run) == 0
    shown = capsys.readouterr().out
    assert "n = 3 foregrounds against 9 backgrounds" in shown
    assert "n = 9 foregrounds against 9 backgrounds" in shown
    rows = json.loads(Path("runs/c.json").read_text())["rows"]
    assert len(rows) == 9
    survivors = sum(row[2] < 0 for row in rows)
    assert f"challenge accuracy {survivors / 9:.1%}" in shown
    assert (
        advspur("challenge", "imagenet9=in9", "--model", "my_colours:thousand", "--out", "runs/c.json") == 2
    )
    assert "another model_fingerprint" in capsys.readouterr().err


def test_other_benchmarks_are_refused(advspur, capsys):
    assert advspur("challenge", "embedded", "--model", "my_colours:nine", "--out", "c.json") == 2
    assert "takes imagenet9=DIR" in capsys.readouterr().err


def test_a_damaged_copy_is_refused_by_file(advspur, capsys):
    assert advspur("datasets", "sample", "imagenet9", "in9", "--per-class", "1", "--damaged") == 0
    assert advspur("datasets", "verify", "imagenet9", "in9") == 1
    assert "other counts" in capsys.readouterr().out
