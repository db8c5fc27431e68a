"""Salient ImageNet-1M: soft masks of core and spurious features on ImageNet's training images."""

from __future__ import annotations

from pyadvspur.benchmarks.salient.benchmark import SalientImageNet

__all__ = ["SalientImageNet"]
