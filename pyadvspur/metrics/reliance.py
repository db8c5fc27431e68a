"""How much a classifier leans on backgrounds and other spurious features: formulas of accuracies.

All take accuracies in [0, 1] (numbers or arrays that broadcast) and return the same shape. Intervals come
from `metrics.measure_estimate` and `metrics.summarise`, which know the images behind the accuracies.
"""

from __future__ import annotations

import numpy as np

from pyadvspur.errors import bad

#: probabilities come as float32: closer to 0 or 1 than this, a ratio of two would be rounding noise
_SATURATED = 1e-6
_ROUNDING = 5e-13


def same(accuracy):
    """An accuracy as it is, (...) -> (...): the formula of measures that are one mean."""
    return _plain(_accuracy("same", "accuracy", accuracy))


def rfs(acc_fg_noise, acc_bg_noise, undefined: str = "published"):
    """Relative foreground sensitivity, in [-1, 1]; positive = leans on the foreground, lower = on the
    background.

        RFS = (a_bg - a_fg) / (2 min(a, 1 - a)),  a = (a_fg + a_bg) / 2

    acc_fg_noise, acc_bg_noise: accuracy with noise on the foreground, on the background. The denominator is
    the largest gap that the mean accuracy allows, so models of different accuracy compare.
    Where a is 0 or 1 no gap is possible: undefined="published" gives 0, as the paper sets it, "nan" NaN.

    Source: Moayeri, Pope, Balaji & Feizi, CVPR 2022 (RIVAL10). There both accuracies are means over classes.
    """
    return _relative(
        _accuracy("rfs", "acc_bg_noise", acc_bg_noise),
        _accuracy("rfs", "acc_fg_noise", acc_fg_noise),
        _fill("rfs", undefined),
    )


def irfs(prob_fg_noise, prob_bg_noise, undefined: str = "published"):
    """RFS of each image, from the probability of its label under foreground and under background noise.

    Both (...) in [0, 1]; returns the same shape, in [-1, 1]; a model's iRFS is the mean over images. Where the mean
    of the two lies within 1e-6 of 0 or 1 (float32 softmax cannot tell them apart there), undefined="published" gives
    0, "nan" NaN. Under "nan" a mean leaves out the images that a model is surest of: say so, and how many.

    Source: Moayeri, Pope, Balaji & Feizi, CVPR 2022 (RIVAL10).
    """
    return _relative(
        _accuracy("irfs", "prob_bg_noise", prob_bg_noise),
        _accuracy("irfs", "prob_fg_noise", prob_fg_noise),
        _fill("irfs", undefined),
        _SATURATED,
    )


def rcs(core_acc, spurious_acc, undefined: str = "published"):
    """Relative core sensitivity, in [-1, 1]; positive = leans on core features.

        RCS = (a_C - a_S) / (2 min(a, 1 - a)),  a = (a_C + a_S) / 2

    core_acc: accuracy with everything but the core corrupted. spurious_acc: accuracy with the core corrupted.
    Where a is 0 or 1: undefined="published" gives 0, as the paper's code does, "nan" NaN.

    Source: Singla, Moayeri & Feizi 2022 (arXiv 2203.15566, Salient ImageNet-1M).
    """
    return _relative(
        _accuracy("rcs", "core_acc", core_acc),
        _accuracy("rcs", "spurious_acc", spurious_acc),
        _fill("rcs", undefined),
    )


def bg_gap(acc_same, acc_rand):
    """BG-gap, in [-1, 1]: accuracy with a background of the own class minus accuracy with a random class's.

    0 = the background does not matter. It is not adjusted for accuracy: see `relative_gap`.

    Source: Xiao, Engstrom, Ilyas & Madry, ICLR 2021 (ImageNet-9, mixed_same - mixed_rand).
    """
    return _plain(_accuracy("bg_gap", "acc_same", acc_same) - _accuracy("bg_gap", "acc_rand", acc_rand))


def relative_gap(acc_same, acc_rand):
    """The BG-gap as a share of the accuracy with agreeing backgrounds, (same - rand) / same, at most 1; NaN where
    that accuracy is 0."""
    reference = _accuracy("relative_gap", "acc_same", acc_same)
    gap = reference - _accuracy("relative_gap", "acc_rand", acc_rand)
    return _plain(np.divide(gap, reference, out=np.full_like(gap, np.nan), where=reference > 0))


def no_room(better: float, worse: float, undefined: str = "nan") -> str:
    """Why RFS or RCS has no value at these means; "" where it has one."""
    middle = (better + worse) / 2
    if undefined == "nan" and min(middle, 1 - middle) <= _ROUNDING:
        return f"undefined: mean accuracy is {round(middle)}, no gap is possible"
    return ""


def no_reference(reference: float, other: float) -> str:
    """Why a share of the reference accuracy has no value; "" where it has one."""
    return "" if reference > 0 else "undefined: reference accuracy is 0"


def _relative(better: np.ndarray, worse: np.ndarray, fill: float, least: float = _ROUNDING):
    mean = (better + worse) / 2
    room = np.minimum(mean, 1 - mean)
    # means a rounding error away from 0 or 1 count as 0 or 1; no accuracy of images can come that close
    return _plain(
        np.divide(better - worse, 2 * room, out=np.full_like(mean, fill), where=room > least).clip(-1, 1)
    )


def _fill(function: str, undefined: str) -> float:
    if undefined not in ("published", "nan"):
        raise bad(f"metrics.{function}", "undefined", repr(undefined), "'published' or 'nan'")
    return 0.0 if undefined == "published" else np.nan


def _accuracy(function: str, argument: str, value) -> np.ndarray:
    array = np.asarray(value, dtype=np.float64)
    if ((array < -1e-9) | (array > 1 + 1e-9)).any():
        raise bad(
            f"metrics.{function}", argument, value, "accuracies in [0, 1]", "Percentages are divided by 100."
        )
    return array


def _plain(array: np.ndarray):
    return float(array) if np.ndim(array) == 0 else array
