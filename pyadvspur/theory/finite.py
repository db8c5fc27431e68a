"""Adversarial training of a linear model on a finite sample: from raw arrays to certified weights.

Brings the data to a form the solver likes (centred, scaled by powers of two) and takes what is not its business:
eps = 0 and constant columns. See docs/estimator.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pyadvspur.errors import bad, unknown
from pyadvspur.native import finite as native

if TYPE_CHECKING:
    import pandas as pd

_ROUNDING = 64 * np.finfo(np.float64).eps


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
    x_mean, y_mean = np.zeros(x.shape[1]), 0.0
    x_scale, y_scale = _power_of_two(x), _power_of_two(y)
    x, y = x * x_scale, y * y_scale
    if fit_intercept:
        x_mean, y_mean = x.mean(axis=0), y.mean()
        x -= x_mean
        y -= y_mean
        # What is left of a constant is the rounding of its mean.
        flat = np.sqrt(np.einsum("ij,ij->j", x, x) / len(x)) <= _ROUNDING * np.abs(x_mean)
        x[:, flat] = 0.0
        if np.abs(y).max() <= _ROUNDING * abs(y_mean):
            y[:] = 0.0
    x = np.ascontiguousarray(x)
    fits = native.fit(x, y, norm, eps * x_scale, intercept=fit_intercept, tol=tol, max_iter=max_iter)
    coef, offset = fits.weights, fits.intercept
    objective, gap = fits.objective, fits.gap
    for k in np.flatnonzero((gap > tol) | (eps == 0)):
        # So small a radius that least squares is as good: its mean square bounds every radius from below.
        weights, value, bound = _least_squares(x, y, norm, eps[k] * x_scale)
        bound = max(bound, fits.bound[k])
        if not value > objective[k]:
            coef[k], offset[k], objective[k] = weights, 0.0, value
        floor = 1e-24 * np.mean(y * y)  # an exact fit: what is left is rounding
        gap[k] = max(0.0, objective[k] - bound) / max(objective[k], floor, np.finfo(np.float64).tiny)
    coef = coef * (x_scale / y_scale)
    return SamplePath(
        eps=eps,
        coef=coef,
        intercept=(offset + y_mean) / y_scale - np.sum(coef * (x_mean / x_scale), axis=1),
        objective=objective / y_scale**2,
        duality_gap=gap,
        n_iter=fits.iterations,
        critical_eps=fits.critical_eps / x_scale,
    )


def _power_of_two(a: np.ndarray) -> float:
    """The power of two that brings the largest entry into [0.5, 1); exact, so that results do not depend on it."""
    top = max(a.max(), -a.min())
    return float(np.ldexp(1.0, int(np.clip(-np.frexp(top)[1], -1000, 1000)))) if top > 0 else 1.0


def _least_squares(x: np.ndarray, y: np.ndarray, norm: str, eps: float) -> tuple[np.ndarray, float, float]:
    """Least squares of smallest l2 norm: weights, their objective at eps, the least mean square."""
    from scipy.linalg import lstsq

    weights = lstsq(x, y)[0]
    residual = np.abs(x @ weights - y)
    dual = {"linf": 1, "l2": 2, "l1": np.inf}[norm]
    return (
        weights,
        float(np.mean((residual + eps * np.linalg.norm(weights, dual)) ** 2)),
        float(np.mean(residual**2)),
    )
