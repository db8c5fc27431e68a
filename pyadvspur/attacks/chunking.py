"""How many samples one model call gets on the CPU, so that a sample's bits do not depend on it.

torch's CPU kernels choose their code path by the size of the batch. Calls of 16 samples, the last one padded, always
take the same path; on small networks they leave a third of the speed unused. Most kernels give the same bits for every
multiple of 16, so that is tried once a model, on random images: where 32, 48 and 64 samples give every sample the very
logits and gradients it has among 16, calls may have any of these sizes.
"""

from __future__ import annotations

from collections.abc import Callable
from weakref import WeakKeyDictionary

import torch

STEP = 16
WIDEST = 64
LARGEST = 3 * 64 * 64  # values a sample: larger images fill a core with 16

_known: WeakKeyDictionary = WeakKeyDictionary()


def may_widen(
    model: Callable, x: torch.Tensor, look: Callable[[torch.Tensor], tuple[torch.Tensor, ...]], kind
) -> bool:
    """Whether calls with 32, 48 or 64 samples shaped as x's give the bits of 16.

    look(images) -> tensors with one row a sample, in the way the model will be called; kind: what else names that way.
    Remembered by model, shape and kind.
    """
    if x[0:1].numel() > LARGEST or x.dtype != torch.float32:
        return False
    try:
        known = _known.setdefault(model, {})
    except TypeError:  # cannot be referred to weakly
        known = {}
    key = (tuple(x.shape[1:]), kind)
    if key not in known:
        known[key] = _same_bits(x, look)
    return known[key]


def _same_bits(x: torch.Tensor, look: Callable) -> bool:
    images = torch.rand((WIDEST, *x.shape[1:]), generator=torch.Generator().manual_seed(0))
    parts = [look(part) for part in images.split(STEP)]
    narrow = [torch.cat(column) for column in zip(*parts)]
    return all(
        torch.equal(wide, small[:size])
        for size in range(2 * STEP, WIDEST + 1, STEP)
        for wide, small in zip(look(images[:size]), narrow)
    )


def cuts(n: int, lanes: int, widest: int) -> list[int]:
    """Sizes of the calls for n samples on `lanes` workers: multiples of 16 up to `widest`, as equal as they can be, a
    whole number of rounds; the last call may need padding.
    """
    units = -(-max(n, 1) // STEP)
    rounds = -(-units // (lanes * (widest // STEP)))
    calls = min(units, lanes * rounds)
    return [STEP * (units // calls + (i < units % calls)) for i in range(calls)]
