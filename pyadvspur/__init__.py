"""pyadvspur measures the price of adversarial robustness.

``import pyadvspur as ps`` is light: the parts (``ps.theory``, ``ps.attacks``, ...) load when first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from pyadvspur.errors import AdvSpurError

__version__ = "0.1.0"

if TYPE_CHECKING:
    from pyadvspur import attacks, benchmarks, evaluation, masking, metrics, models, reference, report, theory

__all__ = [
    "AdvSpurError",
    "__version__",
    "attacks",
    "benchmarks",
    "evaluation",
    "masking",
    "metrics",
    "models",
    "reference",
    "report",
    "theory",
]
_PARTS = __all__[2:]  # all but the error and the version


def __getattr__(name: str):
    if name in _PARTS:
        return importlib.import_module(f"pyadvspur.{name}")
    raise AttributeError(f"module 'pyadvspur' has no attribute {name!r}; its parts are {', '.join(_PARTS)}")


def __dir__():
    return sorted(__all__)
