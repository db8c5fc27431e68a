"""ObjectNet: everyday objects in odd places and from odd sides, never to be tuned on: `ObjectNet`."""

from __future__ import annotations

from pyadvspur.benchmarks.objectnet.benchmark import ObjectNet

__all__ = ["ObjectNet"]
