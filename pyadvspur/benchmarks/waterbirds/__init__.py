"""Waterbirds: land birds and water birds on land and on water; see `benchmark`."""

from __future__ import annotations

from pyadvspur.benchmarks.waterbirds.benchmark import Waterbirds

__all__ = ["Waterbirds"]
