"""Projected gradient descent at one radius, or one radius a sample."""

from __future__ import annotations

from collections.abc import Callable

import torch

from pyadvspur.attacks.forward import Forward
from pyadvspur.attacks.loop import Loop
from pyadvspur.attacks.phases import PhasedLoop
from pyadvspur.attacks.result import AttackResult, attack_once
from pyadvspur.attacks.stage import Stage, settle, whole


def build(forward: Forward, norm: str, seed: int, *, steps: int, loss: str) -> Loop:
    kind = Loop if norm == "linf" else PhasedLoop
    return kind(forward, norm, loss, steps, seed)


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
    classes (B,) to reach. precision: of the search ("bfloat16", "float16": under autocast; "auto": bfloat16 where the
    hardware has it); verification is
    float32. A sample that is wrong at x (targeted: at its target) is broken at distance 0. B = 0 gives an
    empty result.

    Raises AdvSpurError for what it cannot use. Source: Madry et al. 2018; l1: Croce & Hein 2021.
    """
    where = "attacks.pgd"
    options = settle(where, "pgd", {"steps": steps, "loss": loss})
    stages = [Stage("pgd", options, whole(where, "restarts", restarts))]
    return attack_once(
        where, model, x, y, norm, eps, stages, step_size=step_size, seed=seed, ids=ids, mask=mask, targets=targets,
        precision=precision,
    )  # fmt: skip
