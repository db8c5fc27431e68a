"""Evaluation: plan -> units -> runner -> store.

run = evaluation.evaluate(["embedded:cnn_l2_eps0.1"], ["embedded"], attacks=["l2:0.1,0.2"], out="runs/a")
run.outcomes(), run.metrics(), run.progress()      # frames, read from the folder
run = evaluation.load("runs/a")                    # later, elsewhere
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING

from pyadvspur.evaluation.comparison import Comparison, compare
from pyadvspur.evaluation.plan import Plan
from pyadvspur.evaluation.run import Run
from pyadvspur.evaluation.store import Store
from pyadvspur.evaluation.unit import Unit

if TYPE_CHECKING:
    from pyadvspur.evaluation.api import evaluate
    from pyadvspur.evaluation.finetuning import Finetuned, finetune

__all__ = [
    "Comparison", "Finetuned", "Plan", "Run", "Store", "Unit", "compare", "evaluate", "finetune", "load",
]  # fmt: skip


def load(out: str | os.PathLike) -> Run:
    """The run in a folder, finished or not. Raises AdvSpurError if there is none."""
    return Run(out)


#: what needs torch, and is imported when it is asked for: reading a run does without
_LATER = {"evaluate": "api", "Finetuned": "finetuning", "finetune": "finetuning"}


def __getattr__(name: str):
    if name in _LATER:
        return getattr(importlib.import_module(f"{__name__}.{_LATER[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
