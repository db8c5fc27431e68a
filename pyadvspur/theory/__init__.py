"""The Gaussian linear model of adversarial training, solved exactly and for every radius at once.

>>> from pyadvspur import theory
>>> problem = theory.LinearProblem.two_feature(rho=0.75, scale_core=1, scale_spurious=2, noise_std=0.5)
>>> problem.uses_spurious("linf", eps=0.5)
True

Names load on first use, so importing this package costs nothing. It needs numpy and scipy, never torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

_HOME = {
    "LinearProblem": "problem",
    "Path": "path",
    "Solution": "solution",
    "solve_many": "batch",
    "AdversarialLinearRegression": "estimator",
    "Condition": "conditions",
    "condition": "conditions",
    "uses_spurious": "conditions",
    "never_uses_spurious": "conditions",
    "SpuriousShift": "shift",
    "spurious_shift": "shift",
    "PreservedValue": "value",
    "preserved_value": "value",
    "simulate": "simulation",
    "Training": "training",
    "train": "training",
}
_MODULES = ("examples", "reference")

if TYPE_CHECKING:
    from pyadvspur.theory import examples, reference
    from pyadvspur.theory.batch import solve_many
    from pyadvspur.theory.conditions import Condition, condition, never_uses_spurious, uses_spurious
    from pyadvspur.theory.estimator import AdversarialLinearRegression
    from pyadvspur.theory.path import Path
    from pyadvspur.theory.problem import LinearProblem
    from pyadvspur.theory.shift import SpuriousShift, spurious_shift
    from pyadvspur.theory.simulation import simulate
    from pyadvspur.theory.solution import Solution
    from pyadvspur.theory.training import Training, train
    from pyadvspur.theory.value import PreservedValue, preserved_value

__all__ = [
    "AdversarialLinearRegression",
    "Condition",
    "LinearProblem",
    "Path",
    "PreservedValue",
    "Solution",
    "SpuriousShift",
    "Training",
    "condition",
    "examples",
    "never_uses_spurious",
    "preserved_value",
    "reference",
    "simulate",
    "solve_many",
    "spurious_shift",
    "train",
    "uses_spurious",
]


def __getattr__(name: str):
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _HOME:
        return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module 'pyadvspur.theory' has no attribute {name!r}; it has {', '.join(__all__)}")


def __dir__():
    return __all__
