"""How much a classifier leans on backgrounds and other spurious features: formulas of accuracies.

All take accuracies in [0, 1] (numbers or arrays that broadcast) and return the same shape. Intervals come
from `metrics.measure_estimate` and `metrics.summarise`, which know the images behind the accuracies.
"""

from __future__ import annotations

import numpy as np

from pyadvspur.errors import bad


def rfs(acc_fg_noise, acc_bg_noise):
    """Relative foreground sensitivity, in [-1, 1]; positive = leans on the foreground, lower = on the
    background.

        RFS = (a_bg - a_fg) / (2 min(a, 1 - a)),  a = (a_fg + a_bg) / 2,  0 where a is 0 or 1

    acc_fg_noise, acc_bg_noise: accuracy with noise on the foreground, on the background. The denominator is
    the largest gap that the mean accuracy allows, so models of different accuracy compare.

    Source: Moayeri, Pope, Balaji & Feizi, CVPR 2022 (RIVAL10). There both accuracies are means over classes.
    """
    return _relative(
        _accuracy("rfs", "acc_bg_noise", acc_bg_noise), _accuracy("rfs", "acc_fg_noise", acc_fg_noise)
    )


def rcs(core_acc, spurious_acc):
    """Relative core sensitivity, in [-1, 1]; positive = leans on core features.

        RCS = (a_C - a_S) / (2 min(a, 1 - a)),  a = (a_C + a_S) / 2,  0 where a is 0 or 1

    core_acc: accuracy with everything but the core corrupted. spurious_acc: accuracy with the core corrupted.

    Source: Singla, Moayeri & Feizi 2022 (arXiv 2203.15566, Salient ImageNet-1M).
    """
    return _relative(_accuracy("rcs", "core_acc", core_acc), _accuracy("rcs", "spurious_acc", spurious_acc))


def bg_gap(acc_same, acc_rand):
    """BG-gap, in [-1, 1]: accuracy with a background of the own class minus accuracy with a random class's.

    0 = the background does not matter. It is not adjusted for accuracy: see `relative_gap`.

    Source: Xiao, Engstrom, Ilyas & Madry, ICLR 2021 (ImageNet-9, mixed_same - mixed_rand).
    """
    return _plain(_accuracy("bg_gap", "acc_same", acc_same) - _accuracy("bg_gap", "acc_rand", acc_rand))


def relative_gap(acc_reference, acc_shifted):
    """The share of accuracy that a shift takes: (reference - shifted) / reference; 0 where the reference is
    0.

    Source: the accuracy drop of Barbu et al., NeurIPS 2019 (ObjectNet), over the reference accuracy.
    """
    reference = _accuracy("relative_gap", "acc_reference", acc_reference)
    shifted = _accuracy("relative_gap", "acc_shifted", acc_shifted)
    gap = reference - shifted
    return _plain(np.divide(gap, reference, out=np.zeros_like(gap), where=reference > 0))


def _relative(better: np.ndarray, worse: np.ndarray):
    mean = (better + worse) / 2
    largest = 2 * np.minimum(mean, 1 - mean)
    # means a rounding error away from 0 or 1 count as 0 or 1; nothing else can come that close
    return _plain(
        np.divide(better - worse, largest, out=np.zeros_like(mean), where=largest > 1e-12).clip(-1, 1)
    )


def _accuracy(function: str, argument: str, value) -> np.ndarray:
    array = np.asarray(value, dtype=np.float64)
    if ((array < -1e-9) | (array > 1 + 1e-9)).any():
        raise bad(
            f"metrics.{function}", argument, value, "accuracies in [0, 1]", "Percentages are divided by 100."
        )
    return array


def _plain(array: np.ndarray):
    return float(array) if np.ndim(array) == 0 else array
