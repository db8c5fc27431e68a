"""Kernels on numpy arrays, without torch: what the theory needs of the native library."""

from __future__ import annotations

import os

import numpy as np

from pyadvspur.native.core import core

_KINDS = {"uniform": 1, "normal": 2}


def draw(ids: np.ndarray, n: int, kind: str, seed: int, stream: int) -> np.ndarray:
    """The same numbers as `pyadvspur.native.random.draw`, float32 (B, n), for int64 ids (B,)."""
    ids = np.ascontiguousarray(ids, dtype=np.int64)
    out = np.empty((len(ids), n), dtype=np.float32)
    core.draw_cpu(
        kind=_KINDS[kind],
        out=out.ctypes.data,
        ids=ids.ctypes.data,
        n_samples=len(ids),
        n=n,
        seed=seed % 2**64,
        stream=stream,
        threads=min(4, os.cpu_count() or 1),  # does not change the numbers
    )
    return out
