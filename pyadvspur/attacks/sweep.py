"""Ascending radii with reuse: broken at eps is broken at every larger eps; survivors go on from where they
were.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from pyadvspur.attacks import losses
from pyadvspur.attacks.balls import length
from pyadvspur.attacks.forward import Forward
from pyadvspur.attacks.guard import check_batch, check_eps, check_norm, evaluating
from pyadvspur.attacks.loop import Loop
from pyadvspur.attacks.pgd import Run
from pyadvspur.attacks.spec import AttackSpec


@dataclass(frozen=True)
class SweepResult:
    """What a sweep found, for E radii and B samples.

    eps: the radii. broken: bool (E, B), verified, never True then False as eps grows. clean_correct: bool
    (B,). prediction: int64 (E, B) and margin: float32 (E, B) (z_y - max other, logit units) and distance:
    float32 (E, B) at the point that broke the sample, or else at the worst point seen up to that radius.
    steps_used: int64 (B,) in all. x_adv: float32 (B, C, H, W), the point at the smallest radius that broke
    the sample; the clean image where none did. zero_gradients, nonfinite_logits: counts, as in AttackResult.
    n_forward, n_gradient: model calls, in samples.
    """

    eps: tuple[float, ...]
    broken: torch.Tensor
    clean_correct: torch.Tensor
    prediction: torch.Tensor
    margin: torch.Tensor
    distance: torch.Tensor
    steps_used: torch.Tensor
    x_adv: torch.Tensor
    zero_gradients: int = 0
    nonfinite_logits: int = 0
    n_forward: int = 0
    n_gradient: int = 0


def sweep(
    model: Callable, x: torch.Tensor, y: torch.Tensor, norm: str, eps: Sequence[float], attack: str = "pgd",
    steps: int = 40, step_size=None, restarts: int = 1, seed: int = 0, ids: torch.Tensor | None = None,
    mask: torch.Tensor | None = None, loss: str = "ce", precision: str = "float32",
) -> SweepResult:  # fmt: skip
    """Attack a batch at ascending radii.

    Arguments as in `pgd`; eps: ascending radii. Only survivors of a radius are attacked at the next, and
    start there from the worst point found so far (further restarts start at random).
    """
    where = "attacks.sweep"
    spec = AttackSpec(
        norm, tuple(eps) if isinstance(eps, (Sequence, torch.Tensor)) else (eps,), attack, steps, restarts
    )
    check_norm(where, norm)
    x, y, ids, mask, _ = check_batch(where, x, y, ids, mask)
    losses.get(loss)
    if step_size is not None:
        step_size = check_eps(where, step_size, x)
    shape = (len(spec.eps), len(x))
    broken = torch.zeros(shape, dtype=torch.bool, device=x.device)
    prediction = torch.zeros(shape, dtype=torch.int64, device=x.device)
    margin, distance = torch.zeros(shape, device=x.device), torch.zeros(shape, device=x.device)
    with evaluating(model), Forward(model) as exact, Forward(model, precision=precision) as fast:
        search = exact if precision == "float32" else fast
        run = Run(exact, Loop(search, norm, loss, steps, step_size, seed), x, y, ids, mask, None)
        for e, radius in enumerate(spec.eps):
            run.attack(
                torch.full_like(x[:, 0].flatten(1)[:, 0] if x.numel() else x.new_zeros(len(x)), radius),
                restarts,
                warm=e > 0,
            )
            broken[e], prediction[e], margin[e] = run.found.broken, run.prediction, run.margin
            distance[e] = length(run.found.x - x, norm)
    counters = run.loop.counters
    x_adv = torch.where(run.found.broken.view(-1, *[1] * (x.dim() - 1)), run.found.x, x)
    if counters["nonfinite_logits"]:
        warnings.warn(
            f"attacks: the model returned logits that are not finite {counters['nonfinite_logits']} times; "
            "such a point never counts as broken", RuntimeWarning, stacklevel=2,
        )  # fmt: skip
    return SweepResult(
        spec.eps, broken, run.clean_correct, prediction, margin, distance, run.found.steps, x_adv,
        n_forward=exact.n_forward + fast.n_forward, n_gradient=search.n_gradient, **counters,
    )  # fmt: skip
