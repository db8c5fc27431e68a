"""Low precision looks first, float32 decides: which samples must be looked at again.

A prediction is the class of the largest logit. If low precision moves the logits of a sample, relative to each other,
by less than its two best classes lie apart, float32 predicts the same class. How far it moves them is measured: AUDIT
samples of each unit, spread evenly, are run in both precisions, and SAFETY times the widest movement among them is the
bound. Samples whose classes lie closer than the bound are run again in float32. If one of those turns out to have moved
further than the bound, the bound was wrong, and all of the unit is run in float32.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from pyadvspur.labels import LabelMap

AUDIT = 32
SAFETY = 2.0


def gap(logits: torch.Tensor, label_map: LabelMap) -> torch.Tensor:
    """float32 (B,): best class minus second best class, "no class" among them; +inf with one class alone."""
    classes = label_map.class_logits(logits)
    if classes.shape[1] < 2:
        return torch.full((len(logits),), torch.inf, device=logits.device)
    best, second = classes.topk(2, dim=1).values.unbind(1)
    return best - second


def movement(exact: torch.Tensor, fast: torch.Tensor) -> torch.Tensor:
    """How far apart any two logits of a sample were moved, the widest of all samples; NaN where one is not finite."""
    by = exact - fast
    return (by.amax(1) - by.amin(1)).amax()


def audited(n: int, device: torch.device) -> torch.Tensor:
    """Places of the samples that are always run in both precisions."""
    count = min(n, AUDIT)
    return torch.arange(count, device=device) * n // max(count, 1)


def second_look(
    fast: torch.Tensor, gaps: torch.Tensor, exact: Callable[[torch.Tensor], torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor, float]:
    """The samples that need float32, with their float32 logits, and the bound.

    fast: logits (n, K) in low precision. gaps: (n,), the smallest gap under any label map that reads them.
    exact(places) -> float32 logits of these samples. Returns places (m,), logits (m, K), bound; waits for the device.
    """
    n = len(fast)
    places = audited(n, fast.device)
    logits = exact(places)
    bound = SAFETY * movement(logits, fast[places])
    near = ~(gaps > bound)  # NaN is near
    near[places] = False
    more = near.nonzero()[:, 0]
    if len(more):
        places, logits = torch.cat([places, more]), torch.cat([logits, exact(more)])
        if not bool(movement(logits, fast[places]) <= bound):
            places = torch.arange(n, device=fast.device)
            logits = exact(places)
    return places, logits, float(bound)
