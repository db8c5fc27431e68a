"""Metrics as pure functions of outcome rows, each with an interval and a denominator."""

from __future__ import annotations

from pyadvspur.metrics.groups import group_accuracy, group_mean, image_mean, worst_group
from pyadvspur.metrics.intervals import Estimate, proportion, proportion_interval
from pyadvspur.metrics.measure import Measure
from pyadvspur.metrics.reliance import bg_gap, rcs, relative_gap, rfs
from pyadvspur.metrics.shift import OBJECTNET_TREND, Trend, effective_robustness, fit_trend
from pyadvspur.metrics.summary import measure_estimate, summarise

__all__ = [
    "OBJECTNET_TREND",
    "Estimate",
    "Measure",
    "Trend",
    "bg_gap",
    "effective_robustness",
    "fit_trend",
    "group_accuracy",
    "group_mean",
    "image_mean",
    "measure_estimate",
    "proportion",
    "proportion_interval",
    "rcs",
    "relative_gap",
    "rfs",
    "summarise",
    "worst_group",
]
