"""Kernels on numpy arrays: the same numbers as on tensors."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pyadvspur.native import arrays, random


@pytest.mark.parametrize("kind", ["uniform", "normal"])
def test_draws_are_those_of_the_torch_operator(kind):
    ids = np.array([0, 5, -1, 2**62])
    expected = random.draw(torch.from_numpy(ids), 33, kind, 7, 3).numpy()
    assert np.array_equal(arrays.draw(ids, 33, kind, 7, 3), expected)
