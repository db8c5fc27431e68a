"""RIVAL10: ten classes, object masks, noise on the object against noise on its background."""

from __future__ import annotations

from pyadvspur.benchmarks.rival10.benchmark import Rival10

__all__ = ["Rival10"]
