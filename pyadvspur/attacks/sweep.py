"""Several radii at once, with reuse: broken at eps is broken at every larger eps, and what stands a search at eps is
not searched at smaller ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from pyadvspur.attacks.gradient_report import NO_SIGNS, GradientReport
from pyadvspur.attacks.guard import check_batch, check_eps
from pyadvspur.attacks.run import attacking
from pyadvspur.attacks.rungs import Rungs
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

    A sample is attacked at the largest radius first, and at smaller ones until it stands; there the first restart
    starts at the point that broke it. It then stands at every radius below, without a search but for a look at its
    worst point brought into each ball (rungs.py). FAB, whose one search serves every radius, goes upwards.
    """
    where = "attacks.sweep"
    spec = AttackSpec(norm, as_radii(eps), attack, steps, restarts, options)
    batch = check_batch(where, x, y, ids, mask)
    if step_size is not None:
        if attack != "pgd":
            raise bad(where, "step_size", step_size, f"None for {attack!r}", "Only pgd has constant steps.")
        step_size = check_eps(where, step_size, batch.x, "step_size")
    with attacking(model, batch, norm, spec.stages, seed, precision, chunk, step_size) as run:
        rungs = Rungs(run, spec.eps)
        if all(searcher.serves_all_radii for searcher in run.searchers):
            rungs.up()
        else:
            rungs.down()
    found = run.found
    return SweepResult(
        spec.eps, rungs.broken, run.clean_correct, rungs.prediction, rungs.margin, rungs.distance, found.steps,
        rungs.point, run.zero_gradients, run.nonfinite_logits, *run.calls, run.members, found.broken_by,
        tuple(run.notes), run.report,
    )  # fmt: skip
