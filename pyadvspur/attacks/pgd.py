"""Projected gradient descent at one radius, or one radius a sample."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from pyadvspur.attacks.balls import distance
from pyadvspur.attacks.guard import check_batch, check_count, check_eps, check_norm
from pyadvspur.attacks.run import attacking


@dataclass(frozen=True)
class AttackResult:
    """What an attack found; every tensor has one row a sample.

    x_adv: float32 (B, C, H, W): the point that broke the sample, or else the worst one seen (highest loss).
    broken: bool (B,), verified: the float32 model in eval mode misclassifies x_adv (targeted: gives the
    target), and x_adv lies in the ball (1e-6 relative) and in [0,1]. Not broken means "survived this attack",
    never "robust". loss: float32 (B,) at x_adv. distance: float32 (B,), ||x_adv - x|| in the attack's norm.
    steps_used: int64 (B,). prediction: int64 (B,) at x_adv (-2: logits not finite). margin: float32 (B,), z_y
    - max_{i != y} z_i at x_adv. zero_gradients, nonfinite_logits: how often a random direction stood in for a
    missing gradient, and how often logits were not finite (such a point never counts as broken).
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


def pgd(
    model: Callable,
    x: torch.Tensor,
    y: torch.Tensor,
    norm: str = "linf",
    eps: float | torch.Tensor = 8 / 255,
    steps: int = 40,
    step_size: float | torch.Tensor | None = None,
    restarts: int = 1,
    seed: int = 0,
    ids: torch.Tensor | None = None,
    mask: torch.Tensor | None = None,
    loss: str = "ce",
    targets: torch.Tensor | None = None,
    precision: str = "float32",
) -> AttackResult:
    """Attack a batch inside the ball of radius eps and the box [0,1].

    model: pixels in [0,1] -> logits (B, K), run in eval mode and left as it was. x: float (B, C, H, W) in
    [0,1]. y: integer (B,). norm: "linf", "l2" or "l1". eps: a radius in [0,1] pixel units (8/255, not 8), or
    (B,) of them. steps: gradients a restart. step_size: None for momentum and falling steps; a number or
    (B,): constant steps. restarts: the first starts at x, the others at random points; the worst outcome
    counts. ids: int64 (B,), 0..B-1 by default; a sample's draws depend on (seed, its id, the restart) alone.
    mask: (B, H, W), non-zero where pixels may change (float: >= .5). loss: "ce", "margin" or "dlr". targets:
    classes (B,) to reach. precision: of the search ("bfloat16", "float16": under autocast); verification is
    float32. A sample that is wrong at x (targeted: at its target) is broken at distance 0. B = 0 gives an
    empty result.

    Raises AdvSpurError for what it cannot use. Source: Madry et al. 2018; l1: Croce & Hein 2021.
    """
    where = "attacks.pgd"
    check_norm(where, norm)
    batch = check_batch(where, x, y, ids, mask, targets)
    eps = check_eps(where, eps, batch.x)
    step_size = None if step_size is None else check_eps(where, step_size, batch.x, "step_size")
    check_count(where, "steps", steps)
    check_count(where, "restarts", restarts)
    with attacking(model, batch, norm, loss, steps, step_size, seed, precision) as run:
        run.attack(eps, restarts)
    found = run.found
    far = distance(found.x, batch.x, norm).float()
    return AttackResult(
        found.x, found.broken, found.loss, far, found.steps, run.prediction, run.margin,
        run.loop.zero_gradients, run.loop.nonfinite_logits,
    )  # fmt: skip
