"""What one attack at one radius a sample found, and how it is run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from pyadvspur.attacks.balls import distance
from pyadvspur.attacks.gradient_report import NO_SIGNS, GradientReport
from pyadvspur.attacks.guard import check_batch, check_eps, check_norm
from pyadvspur.attacks.run import attacking
from pyadvspur.attacks.stage import Stage


@dataclass(frozen=True)
class AttackResult:
    """What an attack found; every tensor has one row a sample.

    x_adv: float32 (B, C, H, W): the point that broke the sample, or else the worst one seen (highest loss).
    broken: bool (B,), verified: the float32 model in eval mode misclassifies x_adv (targeted: gives the
    target), and x_adv lies in the ball (1e-6 relative) and in [0,1]. Not broken means "survived this attack",
    never "robust". loss: float32 (B,) at x_adv. distance: float32 (B,), ||x_adv - x|| in the attack's norm.
    steps_used: int64 (B,), model calls. prediction: int64 (B,) at x_adv (-2: logits not finite). margin: float32
    (B,), z_y - max_{i != y} z_i at x_adv. zero_gradients, nonfinite_logits: how often a random direction stood in
    for a missing gradient, and how often logits were not finite (such a point never counts as broken). members: the
    names of what ran. broken_by: int64 (B,), which of them broke the sample; -1: none, or wrong without an attack.
    notes: what ran otherwise than asked (a loss that needs more classes, smaller calls). report: signs that the
    gradients mislead.
    """

    x_adv: torch.Tensor
    broken: torch.Tensor
    loss: torch.Tensor
    distance: torch.Tensor
    steps_used: torch.Tensor
    prediction: torch.Tensor
    margin: torch.Tensor
    zero_gradients: int = 0
    nonfinite_logits: int = 0
    members: tuple[str, ...] = ()
    broken_by: torch.Tensor | None = None
    notes: tuple[str, ...] = ()
    report: GradientReport = NO_SIGNS


def attack_once(
    where: str, model: Callable, x, y, norm: str, eps, stages: Sequence[Stage], *, step_size=None, seed: int = 0,
    ids=None, mask=None, targets=None, precision: str = "float32", chunk: int | None = None,
) -> AttackResult:  # fmt: skip
    """The stages at one radius a sample: what `pgd`, `apgd`, `fab`, `square` and `ensemble` do."""
    check_norm(where, norm)
    batch = check_batch(where, x, y, ids, mask, targets)
    eps = check_eps(where, eps, batch.x)
    step_size = None if step_size is None else check_eps(where, step_size, batch.x, "step_size")
    with attacking(model, batch, norm, stages, seed, precision, chunk, step_size) as run:
        run.attack(eps)
    found = run.found
    far = distance(found.x, batch.x, norm).float()
    return AttackResult(
        found.x, found.broken, found.loss, far, found.steps, run.prediction, run.margin, run.zero_gradients,
        run.nonfinite_logits, run.members, found.broken_by,
        tuple(run.notes), run.report,
    )  # fmt: skip
