"""Adversarial training of a linear model on a finite sample: from raw arrays to certified weights.

Takes what is not the compiled solver's business: bad options, and least squares at eps = 0. See docs/estimator.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pyadvspur.errors import bad, unknown
from pyadvspur.native import finite as native

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class SamplePath:
    """The fits of one sample for several radii, one row per radius.

    eps (E,); coef (E, d); intercept (E,); objective (E,): (1/n) sum (|residual| + eps ||coef||_q)^2; duality_gap (E,):
    relative, a rigorous bound on how far the objective is from its minimum; n_iter (E,): interior-point steps;
    critical_eps: the smallest eps whose fit is 0.
    """

    eps: np.ndarray
    coef: np.ndarray
    intercept: np.ndarray
    objective: np.ndarray
    duality_gap: np.ndarray
    n_iter: np.ndarray
    critical_eps: float

    def frame(self) -> pd.DataFrame:
        """One row per radius: eps, objective, duality_gap, n_iter, intercept and one column per coefficient."""
        import pandas as pd

        head = {
            name: getattr(self, name) for name in ("eps", "objective", "duality_gap", "n_iter", "intercept")
        }
        return pd.DataFrame(head | {f"coef_{j}": column for j, column in enumerate(self.coef.T)})


def check(where: str, norm: object, eps: object, tol: object, max_iter: object) -> np.ndarray:
    """The radii as a float64 array, after checking every option of a fit. Raises AdvSpurError."""
    if not isinstance(norm, str) or norm not in native.ATTACKS:
        raise unknown(where, "norm", norm, native.ATTACKS, "It is the norm of the attack.")
    try:
        radii = np.atleast_1d(np.asarray(eps, dtype=np.float64))
    except (TypeError, ValueError):
        raise bad(where, "eps", repr(eps), "a number >= 0") from None
    if radii.ndim != 1 or not np.all(np.isfinite(radii)) or np.any(radii < 0):
        raise bad(where, "eps", repr(eps), "finite numbers >= 0", "It is a radius in the units of X.")
    if not isinstance(tol, (int, float, np.number)) or not 0 < tol < 1:
        raise bad(where, "tol", repr(tol), "a relative gap in (0, 1)")
    if not isinstance(max_iter, (int, np.integer)) or max_iter < 1:
        raise bad(where, "max_iter", repr(max_iter), "an integer >= 1")
    return radii


def solve(
    x: np.ndarray,
    y: np.ndarray,
    norm: str,
    eps: np.ndarray,
    *,
    fit_intercept: bool,
    tol: float,
    max_iter: int,
) -> SamplePath:
    """Fit every radius. x: finite float64 (n, d), y: finite float64 (n,); eps: (E,) >= 0. Trusts its arguments."""
    x, y = np.ascontiguousarray(x), np.ascontiguousarray(y)
    fits = native.fit(x, y, norm, eps, intercept=fit_intercept, tol=tol, max_iter=max_iter)
    open_cases = np.flatnonzero((fits.gap > tol) | (eps == 0))
    if open_cases.size:
        _use_least_squares(x, y, norm, eps, fit_intercept, fits, open_cases)
    return SamplePath(
        eps, fits.weights, fits.intercept, fits.objective, fits.gap, fits.iterations, fits.critical_eps
    )


def _use_least_squares(x, y, norm, eps, fit_intercept, fits: native.FiniteFits, cases: np.ndarray) -> None:
    """Where the radius is so small that least squares of smallest l2 norm is as good as what was found, take that.

    Its mean square bounds the objective of every radius from below.
    """
    from scipy.linalg import lstsq

    x_mean, y_mean = (x.mean(axis=0), y.mean()) if fit_intercept else (np.zeros(x.shape[1]), 0.0)
    x, y = x - x_mean, y - y_mean
    weights = lstsq(x, y)[0]
    residual = np.abs(x @ weights - y)
    least = float(np.mean(residual**2))
    floor = max(
        1e-24 * float(np.mean(y * y)), np.finfo(np.float64).tiny
    )  # an exact fit: what is left is rounding
    size = np.linalg.norm(weights, {"linf": 1, "l2": 2, "l1": np.inf}[norm])
    for k in cases:
        value = float(np.mean((residual + eps[k] * size) ** 2))
        if not value > fits.objective[k]:
            fits.weights[k], fits.objective[k] = weights, value
            fits.intercept[k] = y_mean - weights @ x_mean
        fits.bound[k] = max(least, fits.bound[k])
        fits.gap[k] = max(0.0, fits.objective[k] - fits.bound[k]) / max(fits.objective[k], floor)
