"""Shifted test domains: formula 7 and where the core-only model wins."""

from __future__ import annotations

import numpy as np
import pytest
from samples import random_problem, read_samples

from pyadvspur import AdvSpurError
from pyadvspur.theory import examples, spurious_shift
from pyadvspur.theory.norms import NORMS


def test_samples(data_dir):
    for problem, answer in read_samples(data_dir):
        shift = spurious_shift(problem, answer["norm"], answer["eps"])
        close = {"rel": 1e-10, "abs": 1e-13}
        assert shift.core_adversarial_risk == pytest.approx(answer["value_core_only"], **close), answer[
            "name"
        ]
        if answer["theta_unique"]:
            assert shift.standard_risk[0] == pytest.approx(answer["natural_risk"], **close)
            assert shift.standard_risk[1] == pytest.approx(answer["natural_risk_decorrelated"], **close)
            assert shift.adversarial_risk[1] == pytest.approx(answer["adv_risk_decorrelated"], **close)


@pytest.mark.parametrize("norm", NORMS)
def test_formula_7_is_the_risk_on_the_shifted_domain(norm):
    rng = np.random.default_rng(5)
    for _ in range(20):
        problem = random_problem(rng)
        eps = rng.uniform(0.05, 0.95) * problem.path(norm).critical_eps
        factor = rng.uniform(-1, 1, size=4)
        shift = spurious_shift(problem, norm, eps, factor)
        direct = [problem.with_spurious_correlation(k) for k in factor]
        np.testing.assert_allclose(
            shift.standard_risk, [domain.standard_risk(shift.theta) for domain in direct], rtol=1e-12
        )
        np.testing.assert_allclose(
            shift.adversarial_risk,
            [domain.adversarial_risk(shift.theta, eps, norm) for domain in direct],
            rtol=1e-12,
        )
        assert (shift.gain > 0) == bool(shift.theta[problem.spurious].any())
        if shift.gain > 0:
            at = spurious_shift(problem, norm, eps, [shift.crossover, shift.adversarial_crossover])
            assert at.standard_risk[0] == pytest.approx(shift.core_standard_risk, rel=1e-12)
            assert at.adversarial_risk[1] == pytest.approx(shift.core_adversarial_risk, rel=1e-12)


def test_the_two_feature_example():
    problem = examples.paper_setting(rho=0.75)
    expected = {"l2": (0.356, 0.509, 0.663), "l1": (0.440, 0.787, 1.134), "linf": (0.305, 0.305, 0.305)}
    for norm, risks in expected.items():
        shift = spurious_shift(problem, norm, 0.4 * problem.path(norm).critical_eps)
        np.testing.assert_allclose(shift.standard_risk, risks, atol=5e-4)
        assert (shift.crossover == -np.inf) == (norm == "linf")
        standard = spurious_shift(problem, norm, 0.0)
        np.testing.assert_allclose(standard.standard_risk, 0.25, rtol=1e-14)


def test_arguments():
    problem = examples.paper_setting()
    with pytest.raises(AdvSpurError, match="factor got"):
        spurious_shift(problem, "l2", 0.1, [np.nan])
    with pytest.raises(AdvSpurError, match="eps got"):
        spurious_shift(problem, "l2", -0.1)
