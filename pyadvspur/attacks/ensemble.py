"""Ensembles: several attacks one after another, each on what the earlier ones left standing."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from pyadvspur.attacks.guard import check_norm
from pyadvspur.attacks.result import AttackResult, attack_once
from pyadvspur.attacks.stage import Stage, ensemble_stages


def ensemble(
    model: Callable,
    x: torch.Tensor,
    y: torch.Tensor,
    norm: str = "linf",
    eps: float | torch.Tensor = 8 / 255,
    preset: str | Sequence[str | Stage] = "standard",
    seed: int = 0,
    ids: torch.Tensor | None = None,
    mask: torch.Tensor | None = None,
    targets: torch.Tensor | None = None,
    precision: str = "float32",
    chunk: int | None = None,
) -> AttackResult:
    """Attack with each member in turn; a sample that one of them breaks is done.

    preset: "standard" (AutoAttack's members for the norm, whole runs where there are prospects), "exhaustive" (all its
    budget), "fast", or members with options, in order: ["pgd", "apgd(loss=dlr,steps=50)", "square(queries=1000)"].
    reach=0.5 among the options keeps a member to samples whose margin earlier members brought down by that share of the
    clean one. `members` and `broken_by` of the result say which broke what. A model without a gradient is attacked by
    the members that need none; the result's notes name the
    others. The other arguments are those of `pgd`. Source: Croce & Hein 2020, AutoAttack.
    """
    where = "attacks.ensemble"
    stages = ensemble_stages(preset, check_norm(where, norm), where)
    return attack_once(
        where, model, x, y, norm, eps, stages, seed=seed, ids=ids, mask=mask, targets=targets, precision=precision,
        chunk=chunk,
    )  # fmt: skip
