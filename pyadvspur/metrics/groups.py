"""Accuracy over groups: the worst one, and the two averages that papers both call "average"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pyadvspur.errors import bad
from pyadvspur.metrics.intervals import LEVEL, Estimate, proportion, weighted_sum


def image_mean(correct, level: float = LEVEL) -> Estimate:
    """Mean over images: correct (N,) in [0, 1], one entry an image. Wilson's interval, n = N."""
    correct = np.asarray(correct, dtype=np.float64)
    return proportion(float(correct.sum()), len(correct), level)


def group_accuracy(correct, group, level: float = LEVEL) -> dict[int, Estimate]:
    """Accuracy of each group: correct (N,) in [0, 1], group (N,) integers, -1 for none."""
    correct, group = _columns("group_accuracy", correct, group)
    return {int(g): image_mean(correct[group == g], level) for g in np.unique(group) if g >= 0}


def worst_group(correct, group, level: float = LEVEL) -> Estimate:
    """The lowest group accuracy, min_g a_g; n = images of that group.

    correct (N,) in [0, 1], group (N,) integers, -1 for none. The interval is [min_g low_g, min_g high_g] of
    Wilson intervals at level 1 - (1 - level)/G each: all G cover at once with probability `level`
    (Bonferroni), and then so does the minimum, whichever group attains it. (The interval of the observed
    worst group alone would be too high: it forgets that the group was chosen for being worst.)

    Source: Sagawa et al., ICLR 2020 (worst-group accuracy).
    """
    correct, group = _columns("worst_group", correct, group)
    count = len(np.unique(group[group >= 0]))
    if count == 0:
        raise bad("metrics.worst_group", "group", "no image with a group", "group numbers >= 0")
    groups = group_accuracy(correct, group, 1 - (1 - level) / count)
    worst = min(groups.values(), key=lambda e: e.value)
    return Estimate(
        worst.value, min(e.low for e in groups.values()), min(e.high for e in groups.values()), worst.n
    )


def group_mean(
    correct, group, weights: Mapping[int, float] | Sequence[float] | None, level: float = LEVEL
) -> Estimate:
    """Training-weighted mean over groups, sum_g w_g a_g with w normalised to 1; n = images of these groups.

    weights: one number >= 0 a group (a mapping, or a sequence indexed by group), the group counts of the
    training set; None = all groups that are there, alike. Weighted by training counts, this is what most
    Waterbirds papers call "average"; the plain average is `image_mean`.
    Interval: MOVER over Wilson intervals (Zou & Donner 2008). A group with weight and no image gives NaN.

    Source: Sagawa et al., ICLR 2020 (adjusted average).
    """
    correct, group = _columns("group_mean", correct, group)
    named = group_weights(weights, np.unique(group[group >= 0]))
    parts = [image_mean(correct[group == g], level) for g in named]
    return weighted_sum(parts, list(named.values()))


def lowest(*accuracies):
    """The lowest of the groups' accuracies, element by element: worst-group accuracy as a formula."""
    return np.minimum.reduce([np.asarray(a, dtype=np.float64) for a in accuracies])


def weighted(*accuracies, weights: Sequence[float]):
    """sum_g w_g a_g, element by element: the group mean as a formula."""
    return sum(w * np.asarray(a, dtype=np.float64) for w, a in zip(weights, accuracies))


def group_weights(
    weights: Mapping[int, float] | Sequence[float] | None, present: np.ndarray
) -> dict[int, float]:
    """Weights by group, normalised to 1 and without zeros; None = the groups that are there, alike."""
    if weights is None:
        weights = {int(g): 1.0 for g in present}
    named = dict(weights) if isinstance(weights, Mapping) else dict(enumerate(weights))
    named = {int(g): float(w) for g, w in named.items() if w != 0}
    total = sum(named.values())
    if not named or min(named.values()) < 0 or not np.isfinite(total):
        raise bad("metrics.group_mean", "weights", weights, "finite numbers >= 0, not all 0")
    return {g: w / total for g, w in named.items()}


def _columns(function: str, correct, group) -> tuple[np.ndarray, np.ndarray]:
    correct, group = np.asarray(correct, dtype=np.float64), np.asarray(group)
    if correct.shape != group.shape or correct.ndim != 1:
        raise bad(
            f"metrics.{function}", "correct, group", f"{correct.shape}, {group.shape}", "two columns (N,)"
        )
    return correct, group
