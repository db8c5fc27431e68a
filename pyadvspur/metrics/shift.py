"""Accuracy under a natural shift, judged against the trend of standard models."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan

import numpy as np

from pyadvspur.errors import bad
from pyadvspur.metrics.reliance import bg_gap, relative_gap


@dataclass(frozen=True)
class Trend:
    """A line in logit space: logit(shifted) = slope * logit(reference) + intercept.

    n: models it was fitted to (0 = unknown). residual_sd: standard deviation of their accuracies about it, in accuracy
    units (NaN = unknown): a model closer to the line than that is on the trend, whatever its sampling interval says.
    """

    slope: float
    intercept: float
    n: int = 0
    residual_sd: float = nan

    def predict(self, reference):
        """Accuracy expected under the shift, from the reference accuracy, both in (0, 1)."""
        return 1 / (1 + np.exp(-(self.slope * _logit(reference) + self.intercept)))


#: Fit of 85 standard ImageNet models: accuracy on ImageNet's validation images of ObjectNet's 113 classes
#: (125 outputs) against accuracy on ObjectNet, both over these 125 outputs. Residual standard deviation 1.9
#: points. Source: computed from the result table of Taori et al. 2020 (imagenet-testbed, MIT).
OBJECTNET_TREND = Trend(0.980910379540626, -1.92828890654754, 85, 0.01877315815545752)


def fit_trend(reference, shifted) -> Trend:
    """Least-squares line through the logits of standard models' accuracies; both (M,) in (0, 1), M >= 2."""
    x, y = np.atleast_1d(_logit(reference)), np.atleast_1d(_logit(shifted))
    if x.shape != y.shape or x.size < 2 or np.ptp(x) == 0:
        raise bad("metrics.fit_trend", "reference", np.shape(reference), "two or more differing accuracies")
    slope = float(((x - x.mean()) * (y - y.mean())).sum() / ((x - x.mean()) ** 2).sum())
    line = Trend(slope, float(y.mean() - slope * x.mean()))
    residual = np.atleast_1d(shifted) - line.predict(np.atleast_1d(reference))
    spread = float(np.sqrt((residual**2).mean()))
    return Trend(line.slope, line.intercept, x.size, spread)


def drop(acc_reference, acc_shifted):
    """Accuracy on the reference images minus accuracy on the shifted ones, in [-1, 1].

    It moves with accuracy (a model that is always wrong loses nothing): read it beside `relative_drop` and
    `effective_robustness`.

    Source: Barbu et al., NeurIPS 2019 (ObjectNet).
    """
    return bg_gap(acc_reference, acc_shifted)


def relative_drop(acc_reference, acc_shifted):
    """The share of the reference accuracy that the shift takes, (reference - shifted) / reference, at most 1; NaN
    where the reference is 0.

    Source: the drop of Barbu et al., NeurIPS 2019 (ObjectNet), over the reference accuracy.
    """
    return relative_gap(acc_reference, acc_shifted)


def effective_robustness(acc_reference, acc_shifted, trend: Trend | tuple[float, float] = OBJECTNET_TREND):
    """Accuracy under the shift beyond what the trend predicts from the reference accuracy; in accuracy units.

    0 = on the trend of standard models; .012 = 1.2 points above it. Accuracies lie strictly between 0 and 1.
    trend: a `Trend`, or its (slope, intercept); `fit_trend` fits your own.

    Source: Taori et al., NeurIPS 2020.
    """
    _logit(acc_reference)
    found = excess(acc_reference, acc_shifted, trend)
    return float(found) if np.ndim(found) == 0 else found


def excess(acc_reference, acc_shifted, trend: Trend | tuple[float, float] = OBJECTNET_TREND):
    """`effective_robustness`, with NaN where the reference accuracy is 0 or 1 and has no logit."""
    trend = trend if isinstance(trend, Trend) else Trend(*trend)
    reference = np.asarray(acc_reference, dtype=np.float64)
    inside = (reference > 0) & (reference < 1)
    expected = trend.predict(np.where(inside, reference, 0.5))
    return np.where(inside, np.asarray(acc_shifted, dtype=np.float64) - expected, np.nan)


def no_logit(reference: float, shifted: float, trend=None) -> str:
    """Why effective robustness has no value; "" where it has one."""
    return (
        ""
        if 0 < reference < 1
        else f"undefined: reference accuracy is {reference:g}, and the trend is in logits"
    )


def _logit(p) -> np.ndarray:
    p = np.asarray(p, dtype=np.float64)
    if not ((p > 0) & (p < 1)).all():
        raise bad("metrics.effective_robustness", "accuracy", p, "accuracies strictly between 0 and 1")
    return np.log(p / (1 - p))
