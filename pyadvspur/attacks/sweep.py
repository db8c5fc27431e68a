"""Ascending radii with reuse: broken at eps is broken at every larger eps; survivors go on from where they
were.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from pyadvspur.attacks.balls import distance
from pyadvspur.attacks.gradient_report import NO_SIGNS, GradientReport
from pyadvspur.attacks.guard import check_batch, check_eps
from pyadvspur.attacks.run import attacking
from pyadvspur.attacks.spec import AttackSpec
from pyadvspur.errors import bad


@dataclass(frozen=True)
class SweepResult:
    """What a sweep found, for E radii and B samples.

    eps: the radii. broken: bool (E, B), verified as in AttackResult; never True and then False as eps grows.
    clean_correct: bool (B,). prediction: int64 (E, B), margin: float32 (E, B) (z_y - max_{i != y} z_i) and
    distance: float32 (E, B), all at the point that broke the sample, or else at the worst one seen up to that
    radius. steps_used: int64 (B,), of all radii. x_adv: float32 (B, C, H, W), the point at the smallest
    radius that broke the sample; the clean image where none did. zero_gradients, nonfinite_logits: as in
    AttackResult. n_forward, n_gradient: samples that went through the model without and with a gradient.
    members, broken_by (at the smallest radius), notes, report: as in AttackResult.
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
    members: tuple[str, ...] = ()
    broken_by: torch.Tensor | None = None
    notes: tuple[str, ...] = ()
    report: GradientReport = NO_SIGNS


def as_radii(eps) -> tuple[float, ...]:
    """Radii as a tuple: from a number, a sequence, an array or a tensor."""
    if isinstance(eps, torch.Tensor) or hasattr(eps, "tolist"):
        eps = eps.tolist()
    return tuple(eps) if isinstance(eps, Sequence) else (eps,)


def sweep(
    model: Callable,
    x: torch.Tensor,
    y: torch.Tensor,
    norm: str,
    eps: Sequence[float],
    attack: str = "pgd",
    steps: int | None = None,
    step_size: float | None = None,
    restarts: int = 1,
    seed: int = 0,
    ids: torch.Tensor | None = None,
    mask: torch.Tensor | None = None,
    precision: str = "float32",
    chunk: int | None = None,
    **options,
) -> SweepResult:
    """Attack a batch at ascending radii. Arguments as in `pgd`, except eps: radii, ascending; attack: "pgd", "apgd",
    "fab", "square" or "ensemble"; steps: None for the attack's own; options: what else the attack takes (loss=,
    queries=, n_targets=; preset= of an ensemble); chunk: samples a model call (None: 16 on the CPU, 256 on CUDA),
    smaller where memory is short. `sweep(model, x, y, **attacks.parse(name).call)` runs a name.

    Only survivors of a radius are attacked at the next. There the first restart starts at the worst point
    found so far, and a point that broke a sample beyond its radius is tried first.
    """
    where = "attacks.sweep"
    spec = AttackSpec(norm, as_radii(eps), attack, steps, restarts, options)
    batch = check_batch(where, x, y, ids, mask)
    if step_size is not None:
        if attack != "pgd":
            raise bad(where, "step_size", step_size, f"None for {attack!r}", "Only pgd has constant steps.")
        step_size = check_eps(where, step_size, batch.x, "step_size")
    broken, prediction, margin, far = [], [], [], []
    with attacking(model, batch, norm, spec.stages, seed, precision, chunk, step_size) as run:
        for e, radius in enumerate(spec.eps):
            run.attack(check_eps(where, radius, batch.x), warm=e > 0)
            broken.append(run.found.broken.clone())
            prediction.append(run.prediction.clone())
            margin.append(run.margin.clone())
            far.append(distance(run.found.x, batch.x, norm).float())
    found = run.found
    shape = (-1, *[1] * (batch.x.dim() - 1))
    return SweepResult(
        spec.eps, torch.stack(broken), run.clean_correct, torch.stack(prediction), torch.stack(margin),
        torch.stack(far), found.steps, torch.where(found.broken.view(shape), found.x, batch.x),
        run.zero_gradients, run.nonfinite_logits, *run.calls, run.members, found.broken_by,
        tuple(run.notes), run.report,
    )  # fmt: skip
