"""Robust accuracy as a curve over radii, with intervals."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch

from pyadvspur.attacks.sweep import as_radii, sweep
from pyadvspur.errors import bad

_Z95 = 1.959963984540054  # normal quantile of a two-sided 95 % interval


def wilson(k: int, n: int, z: float = _Z95) -> tuple[float, float]:
    """Wilson's score interval for k successes in n trials; (0, 1) when n = 0. Source: Wilson 1927."""
    if n == 0:
        return 0.0, 1.0
    p, w = k / n, z * z / n
    centre, half = (p + w / 2) / (1 + w), z * math.sqrt(p * (1 - p) / n + w / (4 * n)) / (1 + w)
    return (0.0 if k == 0 else centre - half), (1.0 if k == n else centre + half)


def robust_accuracy(
    model: Callable,
    data,
    norm: str,
    eps: Sequence[float],
    attack: str = "pgd",
    steps: int | None = None,
    seed: int = 0,
    **options,
):
    """Accuracy under attack at each radius: a frame with one row a radius: eps, accuracy, low, high, n.

    data: a pair (x, y) of tensors, or an iterable of such pairs (or triples with ids; without them a sample's
    id is its place in the whole). eps: ascending radii. attack, steps, options: those of `sweep`. accuracy: share
    of samples that the attack did not break, an upper bound of the true robust accuracy; low, high: 95 % Wilson
    interval. A sample counts as accurate only where the clean prediction is right (logits that are not finite
    are wrong).
    """
    import pandas as pd

    eps = [float(e) for e in as_radii(eps)]
    held, n = torch.zeros(len(eps), dtype=torch.int64), 0
    for batch in _batches(data):
        x, y, *ids = batch
        ids = ids[0] if ids else torch.arange(n, n + len(x))
        result = sweep(model, x, y, norm, eps, attack, steps=steps, seed=seed, ids=ids, **options)
        held += (result.clean_correct & ~result.broken).sum(1).cpu()
        n += len(x)
    rows = []
    for radius, k in zip(eps, held.tolist()):
        low, high = wilson(k, n)
        rows.append({"eps": radius, "accuracy": k / n if n else math.nan, "low": low, "high": high, "n": n})
    return pd.DataFrame(rows, columns=["eps", "accuracy", "low", "high", "n"])


def _batches(data):
    if (
        isinstance(data, (tuple, list))
        and len(data) in (2, 3)
        and all(isinstance(t, torch.Tensor) for t in data)
    ):
        return [data]
    if isinstance(data, torch.Tensor) or not hasattr(data, "__iter__"):
        raise bad(
            "attacks.robust_accuracy",
            "data",
            type(data).__name__,
            "(x, y) tensors or an iterable of such pairs",
        )
    return data
