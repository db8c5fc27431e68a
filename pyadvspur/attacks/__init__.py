"""Attacks: what the worst perturbation inside a ball does to a classifier.

`pgd` attacks at one radius, `sweep` at several with reuse, `robust_accuracy` turns a sweep into a curve with
intervals, `parse` reads names such as "linf:1/255,4/255". docs/attacks.md tells how they work. `train` trains networks
against them (docs/training.md).
"""

from __future__ import annotations

from pyadvspur.attacks.acceleration import accelerate
from pyadvspur.attacks.apgd import apgd
from pyadvspur.attacks.balls import project, project_l1_box
from pyadvspur.attacks.ensemble import ensemble
from pyadvspur.attacks.fab import fab
from pyadvspur.attacks.forward import Forward
from pyadvspur.attacks.gradient_report import GradientReport
from pyadvspur.attacks.guard import evaluating
from pyadvspur.attacks.minimal_radius import MinimalRadius, minimal_radius
from pyadvspur.attacks.pgd import pgd
from pyadvspur.attacks.points import Points, load_points, save_points
from pyadvspur.attacks.recheck import Rechecked, recheck
from pyadvspur.attacks.result import AttackResult
from pyadvspur.attacks.robust_accuracy import robust_accuracy
from pyadvspur.attacks.spec import AttackSpec, parse
from pyadvspur.attacks.square import square
from pyadvspur.attacks.sweep import SweepResult, sweep
from pyadvspur.attacks.training import Recipe, Trained, train

__all__ = [
    "AttackResult",
    "AttackSpec",
    "Forward",
    "GradientReport",
    "MinimalRadius",
    "Points",
    "Rechecked",
    "Recipe",
    "SweepResult",
    "Trained",
    "accelerate",
    "apgd",
    "ensemble",
    "evaluating",
    "fab",
    "load_points",
    "minimal_radius",
    "parse",
    "pgd",
    "project",
    "project_l1_box",
    "recheck",
    "robust_accuracy",
    "save_points",
    "square",
    "sweep",
    "train",
]
