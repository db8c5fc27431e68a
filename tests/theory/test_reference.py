"""The slow twin against 60-digit answers."""

from __future__ import annotations

import numpy as np
import pytest
from samples import read_samples

from pyadvspur.theory import reference


def test_radius_and_multiplier_are_inverse():
    for s, n, eps in [(1.0, 2.0, 0.3), (1e-6, 1.0, 5.0), (3.0, 1e-9, 1e-3)]:
        assert reference.radius_of(reference.multiplier_of(eps, s, n), s, n) == pytest.approx(eps, rel=1e-13)


def test_samples(data_dir):
    full_rank = [pair for pair in read_samples(data_dir) if np.linalg.matrix_rank(pair[0].cov) == pair[0].dim]
    for problem, answer in full_rank[::3]:
        theta, multiplier = reference.solve(problem, answer["eps"], answer["norm"])
        assert problem.adversarial_risk(theta, answer["eps"], answer["norm"]) == pytest.approx(
            answer["value"], rel=1e-12
        )
        np.testing.assert_allclose(theta, answer["theta"], rtol=1e-9, atol=1e-11)
        if np.any(theta) and multiplier > 1e-9:
            assert multiplier == pytest.approx(answer["lam"], rel=1e-8)
