"""Robust accuracy as a curve over radii, with intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from pyadvspur.attacks.curve import curve_frame
from pyadvspur.attacks.gradient_report import GradientReport
from pyadvspur.attacks.minimal_radius import minimal_radius
from pyadvspur.attacks.sweep import as_radii, sweep
from pyadvspur.errors import bad


def robust_accuracy(
    model: Callable,
    data,
    norm: str,
    eps: Sequence[float],
    attack: str = "pgd",
    steps: int | None = None,
    seed: int = 0,
    **options,
):
    """Accuracy under attack at each radius: a frame with one row a radius: eps, accuracy, low, high, n.

    data: a pair (x, y) of tensors, or an iterable of such pairs (or triples with ids; without them a sample's
    id is its place in the whole). eps: ascending radii. attack, steps, options: those of `sweep`. accuracy: share
    of samples that the attack did not break, an upper bound of the true robust accuracy; low, high: 95 % Wilson
    interval. A sample counts as accurate only where the clean prediction is right (logits that are not finite are
    wrong). frame.attrs["gradient_report"] and ["notes"]: as in AttackResult, of all batches.

    attack="minimal_radius" takes the curve from one search of each sample's smallest radius; options are then those of
    `minimal_radius` (preset= for what it tries), which does not look beyond the largest eps.
    """
    eps = [float(e) for e in as_radii(eps)]
    held, n, report, notes = torch.zeros(len(eps), dtype=torch.int64), 0, GradientReport(), {}
    for batch in _batches(data):
        x, y, *ids = batch
        ids = ids[0] if ids else torch.arange(n, n + len(x))
        if attack == "minimal_radius":
            if steps is not None:
                options["steps"] = steps
            limit = {"eps_max": eps[-1]} if eps and eps[-1] > 0 else {}
            stands = minimal_radius(model, x, y, norm, seed=seed, ids=ids, **limit, **options).held_at(eps)
        else:
            result = sweep(model, x, y, norm, eps, attack, steps=steps, seed=seed, ids=ids, **options)
            stands = result.clean_correct & ~result.broken
            report += result.report
            notes |= dict.fromkeys(result.notes)
        held += stands.sum(1).cpu()
        n += len(x)
    frame = curve_frame(eps, held.tolist(), n)
    frame.attrs |= {"gradient_report": report, "notes": tuple(notes)}
    return frame


def _batches(data):
    if (
        isinstance(data, (tuple, list))
        and len(data) in (2, 3)
        and all(isinstance(t, torch.Tensor) for t in data)
    ):
        return [data]
    if isinstance(data, torch.Tensor) or not hasattr(data, "__iter__"):
        raise bad(
            "attacks.robust_accuracy",
            "data",
            type(data).__name__,
            "(x, y) tensors or an iterable of such pairs",
        )
    return data
