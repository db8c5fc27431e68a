"""Accuracy under a natural shift, judged against the trend of standard models."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pyadvspur.errors import bad


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
OBJECTNET_TREND = Trend(0.981, -1.928)


def fit_trend(reference, shifted) -> Trend:
    """Least-squares line through the logits of standard models' accuracies; both (M,) in (0, 1), M >= 2."""
    x, y = np.atleast_1d(_logit(reference)), np.atleast_1d(_logit(shifted))
    if x.shape != y.shape or x.size < 2 or np.ptp(x) == 0:
        raise bad("metrics.fit_trend", "reference", np.shape(reference), "two or more differing accuracies")
    slope, intercept = np.polyfit(x, y, 1)
    return Trend(float(slope), float(intercept))


def effective_robustness(acc_reference, acc_shifted, trend: Trend = OBJECTNET_TREND):
    """Accuracy under the shift beyond what the trend predicts from the reference accuracy; in accuracy units.

    0 = on the trend of standard models; .012 = 1.2 points above it. Accuracies lie strictly between 0 and 1.

    Source: Taori et al., NeurIPS 2020.
    """
    excess = np.asarray(acc_shifted, dtype=np.float64) - trend.predict(acc_reference)
    return float(excess) if np.ndim(excess) == 0 else excess


def _logit(p) -> np.ndarray:
    p = np.asarray(p, dtype=np.float64)
    if not ((p > 0) & (p < 1)).all():
        raise bad("metrics.effective_robustness", "accuracy", p, "accuracies strictly between 0 and 1")
    return np.log(p / (1 - p))
