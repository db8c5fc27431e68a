"""An accelerated run: the option reaches the attacks, and where it cannot work the outcomes are the plain ones."""

from __future__ import annotations

import pytest
import torch

from pyadvspur import AdvSpurError, evaluation


@pytest.mark.skipif(torch.cuda.is_available(), reason="CUDA graphs work here")
def test_it_falls_back_with_a_message(tmp_path):
    model, attack = "embedded:cnn_standard", ["linf:1/255(steps=3)"]
    plain = evaluation.evaluate([model], ["embedded"], attack, tmp_path / "a", limit=4, progress=False)
    with pytest.warns(RuntimeWarning, match="CUDA graphs cannot be used here"):
        fast = evaluation.evaluate(
            [model], ["embedded"], attack, tmp_path / "b", limit=4, accelerate="graph", progress=False
        )
    assert plain.outcomes().equals(fast.outcomes())


def test_unknown_modes_are_refused(tmp_path):
    with pytest.raises(AdvSpurError, match="accelerate"):
        evaluation.evaluate(["embedded:cnn_standard"], ["embedded"], out=tmp_path / "c", accelerate="fast")
    assert not (tmp_path / "c").exists()
