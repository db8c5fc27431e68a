"""Accuracy under a natural shift, judged against the trend of standard models."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pyadvspur.errors import bad
from pyadvspur.metrics.reliance import bg_gap, relative_gap


@dataclass(frozen=True)
class Trend:
    """A line in logit space: logit(shifted) = slope * logit(reference) + intercept."""

    slope: float
    intercept: float

    def predict(self, reference):
        """Accuracy expected under the shift, from the reference accuracy, both in (0, 1)."""
        return 1 / (1 + np.exp(-(self.slope * _logit(reference) + self.intercept)))


#: Fit of 85 standard ImageNet models: accuracy on ImageNet's validation images of ObjectNet's 113 classes
#: (125 outputs) against accuracy on ObjectNet, both over these 125 outputs. Residual standard deviation 1.9
#: points. Source: computed from the result table of Taori et al. 2020 (imagenet-testbed, MIT).
OBJECTNET_TREND = Trend(0.98091, -1.92829)


def fit_trend(reference, shifted) -> Trend:
    """Least-squares line through the logits of standard models' accuracies; both (M,) in (0, 1), M >= 2."""
    x, y = np.atleast_1d(_logit(reference)), np.atleast_1d(_logit(shifted))
    if x.shape != y.shape or x.size < 2 or np.ptp(x) == 0:
        raise bad("metrics.fit_trend", "reference", np.shape(reference), "two or more differing accuracies")
    slope, intercept = np.polyfit(x, y, 1)
    return Trend(float(slope), float(intercept))


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
    trend = trend if isinstance(trend, Trend) else Trend(*trend)
    excess = np.asarray(acc_shifted, dtype=np.float64) - trend.predict(acc_reference)
    return float(excess) if np.ndim(excess) == 0 else excess


def _logit(p) -> np.ndarray:
    p = np.asarray(p, dtype=np.float64)
    if not ((p > 0) & (p < 1)).all():
        raise bad("metrics.effective_robustness", "accuracy", p, "accuracies strictly between 0 and 1")
    return np.log(p / (1 - p))
