"""Problems that show what the theory says and what it does not."""

from __future__ import annotations

import numpy as np

from pyadvspur.theory.problem import LinearProblem


def several_cores(n_core: int = 4, correlation: float = 0.4375, noise_std: float = 0.5) -> LinearProblem:
    """Independent cores and one spurious feature, all of unit variance, the latter correlated alike with every core.

    The plain wording "an linf attack makes a model use spurious features only if their scale is larger" is false
    here: with equal scales, the default has sum of correlations 1.75 > 1, and linf training uses the spurious
    feature at every radius below the critical one. With one core (n_core=1) the wording is right.
    Source: docs/theory.md, section on the exact condition.
    """
    cov = np.eye(n_core + 1)
    cov[-1, :-1] = cov[:-1, -1] = correlation
    return LinearProblem(cov, np.r_[np.ones(n_core), 0.0], noise_std, np.arange(n_core))


def paper_setting(rho: float = 0.75, scale_spurious: float = 1.0, noise_std: float = 0.5) -> LinearProblem:
    """One core feature of unit scale and one spurious feature: the smallest case of the paper's setting."""
    return LinearProblem.two_feature(rho, 1.0, scale_spurious, noise_std=noise_std)
