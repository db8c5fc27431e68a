"""What counts as a covariance, decided cheaply: no eigenvalues unless a Cholesky factorisation fails."""

from __future__ import annotations

import numpy as np
from scipy.linalg.lapack import dpotrf

from pyadvspur.errors import bad
from pyadvspur.theory.checks import check_array

TOLERANCE = 1e-10


def check_covariance(where: str, argument: str, value: object) -> np.ndarray:
    """A symmetric positive semidefinite float64 (d, d), or AdvSpurError.

    Asymmetry up to 1e-10 of the largest entry is averaged away. Eigenvalues down to -1e-10 of the largest are taken
    as zero; a matrix that is semidefinite to rounding is left as given, so that exact ties and duplicates stay exact.
    """
    cov = check_array(where, argument, value, (None, None))
    if cov.shape[0] != cov.shape[1]:
        raise bad(where, argument, f"shape {cov.shape}", "a square matrix (d, d)")
    largest = max(cov.max(), -cov.min())
    asymmetry = _asymmetry(cov)
    if asymmetry > TOLERANCE * largest:
        raise bad(
            where, argument, f"a matrix that differs from its transpose by {asymmetry:.3g}", "a symmetric matrix",
            "Use (cov + cov.T) / 2 if the difference is rounding.",
        )  # fmt: skip
    if asymmetry > 0:
        cov = cov / 2 + cov.T / 2
    return cov if _is_semidefinite(cov) else _clipped(where, argument, cov)


def _asymmetry(cov: np.ndarray, block: int = 256) -> float:
    """max |cov - cov.T|, in blocks: at d = 5000 whole temporaries would cost 200 MB each."""
    return max(
        float(np.abs(cov[i : i + block, i:] - cov[i:, i : i + block].T).max())
        for i in range(0, len(cov), block)
    )


def _is_semidefinite(cov: np.ndarray) -> bool:
    """Whether cov + delta diag(cov) has a Cholesky factor, delta a rounding error: free of the features' scales."""
    variance = np.diagonal(cov)
    kept = variance > 0
    if (variance < 0).any() or cov[~kept].any():
        return False
    if not kept.all():
        cov = cov[np.ix_(kept, kept)]
    if not len(cov):
        return True
    scale = np.exp2(-np.round(np.log2(np.diagonal(cov)) / 2))  # powers of two: exact
    shifted = cov * scale
    shifted *= scale[:, None]
    shifted[np.diag_indices_from(shifted)] *= 1 + 4 * len(cov) * np.finfo(float).eps
    return dpotrf(shifted.T, lower=1, clean=0, overwrite_a=1)[1] == 0


def _clipped(where: str, argument: str, cov: np.ndarray) -> np.ndarray:
    """The matrix without its negative part if that part is rounding, AdvSpurError otherwise."""
    unit = np.abs(cov).max() or 1.0
    values, vectors = np.linalg.eigh(cov / unit)
    if values[0] < -TOLERANCE * abs(values[-1]):
        raise bad(
            where, argument, f"a matrix with eigenvalues from {values[0] * unit:.3g} to {values[-1] * unit:.3g}",
            "a positive semidefinite matrix", "No Gaussian has this covariance.",
        )  # fmt: skip
    negative = values < 0
    repaired = cov + (vectors[:, negative] * (-values[negative] * unit)) @ vectors[:, negative].T
    return repaired / 2 + repaired.T / 2
