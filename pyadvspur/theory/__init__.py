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
    "Shift": "shift",
    "shift": "shift",
    "preserved_value": "value",
    "simulate": "simulation",
    "train": "training",
    "examples": "",
}

if TYPE_CHECKING:
    from pyadvspur.theory import examples
    from pyadvspur.theory.batch import solve_many
    from pyadvspur.theory.conditions import Condition, condition, never_uses_spurious, uses_spurious
    from pyadvspur.theory.estimator import AdversarialLinearRegression
    from pyadvspur.theory.path import Path
    from pyadvspur.theory.problem import LinearProblem
    from pyadvspur.theory.shift import Shift, shift
    from pyadvspur.theory.simulation import simulate
    from pyadvspur.theory.solution import Solution
    from pyadvspur.theory.training import train
    from pyadvspur.theory.value import preserved_value

__all__ = sorted(_HOME)


def __getattr__(name: str):
    if name not in _HOME:
        raise AttributeError(
            f"module 'pyadvspur.theory' has no attribute {name!r}; it has {', '.join(__all__)}"
        )
    home = _HOME[name]
    if not home:
        return importlib.import_module(f"{__name__}.{name}")
    return getattr(importlib.import_module(f"{__name__}.{home}"), name)


def __dir__():
    return __all__
