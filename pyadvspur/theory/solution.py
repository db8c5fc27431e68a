"""What a path answers: trained weights at one radius or many, and a bound on how far from optimal they are."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Solution(NamedTuple):
    """Optimal weights and what follows from them. One radius: floats and theta (d,). Radii of shape (E,): arrays
    (E,) and theta (E, d), in the order in which the radii were asked.

    theta: the weights; zeros are exact zeros. risk: adversarial risk at eps. standard_risk: natural risk on the same
    domain. spurious_weight: ||theta_S||_2. spurious_share: ||theta_S||_1 / ||theta||_1, 0 where theta = 0.
    eps: the radius, in units of x. multiplier: lambda of formula (2); 0 on the noise-free plateau and at eps = 0.
    gap: an upper bound on |risk - least possible risk|, formula (3) plus its own rounding errors. unique: whether theta
    is the only optimum; where it is not (singular covariance), predictions, risks and multiplier are still the only
    ones.

    Source: docs/theory.md, formulas 1 to 5.
    """

    theta: np.ndarray
    risk: float | np.ndarray
    standard_risk: float | np.ndarray
    spurious_weight: float | np.ndarray
    spurious_share: float | np.ndarray
    eps: float | np.ndarray
    multiplier: float | np.ndarray
    gap: float | np.ndarray
    unique: bool | np.ndarray
