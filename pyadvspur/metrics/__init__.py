"""Metrics as pure functions of outcome rows, each with an interval and a denominator."""

from __future__ import annotations

from pyadvspur.metrics.compare import compare
from pyadvspur.metrics.effects import Mean, random_mean
from pyadvspur.metrics.groups import group_accuracy, group_mean, image_mean, worst_group
from pyadvspur.metrics.intervals import Estimate, proportion, proportion_interval
from pyadvspur.metrics.kinds import KINDS, Kind, register
from pyadvspur.metrics.matched import accuracy_matched
from pyadvspur.metrics.measure import Measure
from pyadvspur.metrics.paired import McNemar, benjamini_hochberg, holm, mcnemar
from pyadvspur.metrics.ranks import Block, spearman, trend_p
from pyadvspur.metrics.reliance import bg_gap, irfs, rcs, relative_gap, rfs
from pyadvspur.metrics.resample import class_mean
from pyadvspur.metrics.seeds import seed_spread
from pyadvspur.metrics.series import Series, find_series
from pyadvspur.metrics.shift import (
    OBJECTNET_TREND,
    Trend,
    drop,
    effective_robustness,
    fit_trend,
    relative_drop,
)
from pyadvspur.metrics.summary import measure_estimate, summarise
from pyadvspur.metrics.trends import Trends, trends

__all__ = [
    "KINDS",
    "OBJECTNET_TREND",
    "Block",
    "Estimate",
    "Kind",
    "McNemar",
    "Mean",
    "Measure",
    "Series",
    "Trend",
    "Trends",
    "accuracy_matched",
    "benjamini_hochberg",
    "bg_gap",
    "class_mean",
    "compare",
    "drop",
    "effective_robustness",
    "find_series",
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
    "random_mean",
    "rcs",
    "register",
    "relative_drop",
    "relative_gap",
    "rfs",
    "seed_spread",
    "spearman",
    "summarise",
    "trend_p",
    "trends",
    "worst_group",
]
