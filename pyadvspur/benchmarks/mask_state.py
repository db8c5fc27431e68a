"""What there is to corrupt in a sample: a mask may be empty, full or missing.

Noise on an empty region is no noise, and the l2 kind would divide by zero; `masking.render` then shows the clean image.
Benchmarks with masks say so in the group of a sample, so outcomes carry it and measures can leave such samples out.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

USABLE, EMPTY, FULL, MISSING = range(4)
NAMES = ("usable mask", "empty mask", "full mask", "no mask")
#: groups without an object or without a background, as `Measure(leave_out=...)` takes them
UNUSABLE = {state: NAMES[state] for state in (EMPTY, FULL, MISSING)}


def states(masks: torch.Tensor, missing: Sequence[bool] | None = None) -> torch.Tensor:
    """int64 (B,): the state of each mask, (B, H, W), uint8 (255 = foreground) or float (1 = foreground).

    missing: where no mask was found, whatever `masks` holds there.
    """
    full = 255 if masks.dtype == torch.uint8 else 1.0
    flat = masks.flatten(1)
    found = torch.full((len(masks),), USABLE, dtype=torch.int64)
    if flat.numel():
        found[flat.amin(1) == full] = FULL
        found[flat.amax(1) == 0] = EMPTY
    if missing is not None:
        found[torch.tensor(list(missing), dtype=torch.bool)] = MISSING
    return found
