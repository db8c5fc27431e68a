"""ImageNet-9, the backgrounds challenge: `ImageNet9`."""

from __future__ import annotations

from pyadvspur.benchmarks.imagenet9.benchmark import ImageNet9

__all__ = ["ImageNet9"]
