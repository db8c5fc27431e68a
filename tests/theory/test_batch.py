"""Many problems at once give what each gives alone, on any number of threads."""

from __future__ import annotations

import numpy as np
import pytest

from pyadvspur import AdvSpurError
from pyadvspur.theory import LinearProblem, solve_many
from pyadvspur.theory.norms import NORMS


def _many(m=23, d=7, seed=0):
    rng = np.random.default_rng(seed)
    factor = rng.normal(size=(m, 2 * d, d))
    return np.einsum("mki,mkj->mij", factor, factor), rng.normal(size=(m, d)), rng.uniform(0, 1, m)


@pytest.mark.parametrize("norm", NORMS)
def test_equals_one_by_one_on_any_number_of_threads(norm):
    covs, thetas, noise_stds = _many()
    core = np.arange(7) < 3
    thetas = np.where(core, thetas, 0)
    eps = np.linspace(0, 6, 9)
    one = solve_many(covs, thetas, noise_stds, norm, eps, core, threads=1)
    for threads in (2, 3, 8):
        for a, b in zip(one, solve_many(covs, thetas, noise_stds, norm, eps, core, threads=threads)):
            np.testing.assert_array_equal(a, b)
    for i in range(len(covs)):
        alone = LinearProblem(covs[i], thetas[i], noise_stds[i], core).path(norm).at(eps)
        for a, b in zip(one, alone):
            np.testing.assert_array_equal(a[i], b)


def test_broadcasting_and_no_weights():
    covs, thetas, _ = _many(m=4)
    full = solve_many(covs, thetas[0], 0.5, "linf", [0.1, 0.2])
    bare = solve_many(covs, thetas[0], 0.5, "linf", np.full((4, 2), [0.1, 0.2]), with_theta=False, threads=2)
    assert full.theta.shape == (4, 2, 7)
    assert bare.theta.shape == (4, 0, 7)
    np.testing.assert_array_equal(full.risk, bare.risk)
    assert not full.spurious_weight.any()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"covs": np.ones((2, 3))}, "covs"),
        ({"covs": np.ones((2, 3, 4))}, "covs"),
        ({"covs": np.triu(np.ones((2, 3, 3)))}, "covs"),
        ({"covs": np.full((2, 3, 3), np.nan)}, "covs"),
        ({"thetas": np.ones((3, 3))}, "thetas"),
        ({"noise_stds": -1.0}, "noise_stds"),
        ({"noise_stds": [1.0]}, "noise_stds"),
        ({"eps": 0.1}, "eps"),
        ({"eps": [-0.1]}, "eps"),
        ({"eps": np.ones((3, 1))}, "eps"),
        ({"norm": "linfty"}, "norm"),
        ({"core": [7]}, "core"),
        ({"threads": 0}, "threads"),
    ],
)
def test_bad_input_is_named(change, named):
    good = {
        "covs": np.stack([np.eye(3)] * 2),
        "thetas": np.ones(3),
        "noise_stds": 0.5,
        "norm": "l2",
        "eps": [0.1],
    }
    solve_many(**good)
    with pytest.raises(AdvSpurError, match=named):
        solve_many(**good | change)
