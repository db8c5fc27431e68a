"""Metrics as pure functions of outcome rows, each with an interval and a denominator."""

from __future__ import annotations

from pyadvspur.metrics.compare import compare
from pyadvspur.metrics.groups import group_accuracy, group_mean, image_mean, worst_group
from pyadvspur.metrics.intervals import Estimate, proportion, proportion_interval
from pyadvspur.metrics.kinds import KINDS, Kind, register
from pyadvspur.metrics.matched import accuracy_matched
from pyadvspur.metrics.measure import Measure
from pyadvspur.metrics.paired import McNemar, benjamini_hochberg, holm, mcnemar
from pyadvspur.metrics.reliance import bg_gap, irfs, rcs, relative_gap, rfs
from pyadvspur.metrics.resample import class_mean
from pyadvspur.metrics.shift import (
    OBJECTNET_TREND,
    Trend,
    drop,
    effective_robustness,
    fit_trend,
    relative_drop,
)
from pyadvspur.metrics.summary import measure_estimate, summarise

__all__ = [
    "KINDS",
    "OBJECTNET_TREND",
    "Estimate",
    "Kind",
    "McNemar",
    "Measure",
    "Trend",
    "accuracy_matched",
    "benjamini_hochberg",
    "bg_gap",
    "class_mean",
    "compare",
    "drop",
    "effective_robustness",
    "fit_trend",
    "group_accuracy",
    "group_mean",
    "holm",
    "image_mean",
    "irfs",
    "mcnemar",
    "measure_estimate",
    "proportion",
    "proportion_interval",
    "rcs",
    "register",
    "relative_drop",
    "relative_gap",
    "rfs",
    "summarise",
    "worst_group",
]
