"""BLAS and LAPACK for the compiled theory code: scipy's own, handed over as function pointers.

The wheel links no BLAS. scipy publishes the addresses of the one it ships (the mechanism behind `cython_blas`), so
large factorisations run at its speed and follow its thread setting (`threadpoolctl`).
"""

from __future__ import annotations

import functools

from pyadvspur.native.core import core

_BLAS = ("dgemm", "dsyrk", "dgemv", "dsymv", "dtrsm")
_LAPACK = ("dpotrf", "dpotrs", "dsyevd", "dsytrd", "dormtr")


@functools.cache
def load() -> None:
    """Hand scipy's BLAS to the compiled module; cheap after the first call (which imports scipy.linalg)."""
    from scipy.linalg import cython_blas, cython_lapack

    core.set_blas(
        **{name: cython_blas.__pyx_capi__[name] for name in _BLAS},
        **{name: cython_lapack.__pyx_capi__[name] for name in _LAPACK},
    )
