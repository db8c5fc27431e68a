"""What a run says about gradients that mislead: counted over all its units, said once."""

from __future__ import annotations

import warnings

import torch
from torch import nn

from pyadvspur import evaluation


class Rounded(nn.Module):
    """A network behind a staircase: its decisions are those of the network, its gradients are zero."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.network((x * 1e4).round() / 1e4)


def test_zero_gradients_are_counted_over_the_run_and_said(tmp_path, capsys):
    from pyadvspur import models
    from pyadvspur.cli import running

    network = models.load("embedded:cnn_l2_eps0.5")
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # no unit warns on its own
        run = evaluation.evaluate(
            [("plain", network), ("rounded", Rounded(network))], ["embedded"], ["linf:1/255(steps=3)"],
            tmp_path / "run", limit=20, progress=False,
        )  # fmt: skip
    found = run.gradients().set_index(["model", "condition"])
    attacked = run.outcomes().query("attack != 'none'")
    assert len(found) == attacked.groupby(["model", "condition"]).ngroups
    assert (found.loc["plain", "warning"] == "").all()
    assert (found.loc["plain", "zero_gradients"] == 0).all()
    rounded = found.loc["rounded"]
    assert (rounded["zero_gradients"] == rounded["samples"]).all()
    assert rounded["warning"].str.contains("no gradient on").all()
    running.finish(run)
    said = capsys.readouterr().err
    assert said.count("gradients may mislead") == len(rounded)
    assert "plain" not in said
