"""How many samples one model call gets on the CPU, so that a sample's bits do not depend on it.

torch's CPU kernels choose their code path by the size of the batch. Calls of 16 samples, the last one padded, always
take the same path; on small networks they leave a third of the speed unused. Most kernels give the same bits for every
multiple of 16, so that is tried once a model, on random images: where 32, 48 and 64 samples give every sample the very
logits and gradients it has among 16, calls may have any of these sizes. Where 4, 8 and 12 do, the few samples that
are left at the end of a search need no padding to 16 and are shared by all threads; tried once such calls are many.
"""

from __future__ import annotations

from collections.abc import Callable
from weakref import WeakKeyDictionary

import torch

STEP = 16
WIDEST = 64
NARROWEST = 4
PATIENCE = 12  # calls with room for a quarter of the samples, after which the narrow sizes are tried
WIDE = tuple(range(2 * STEP, WIDEST + 1, STEP))
NARROW = tuple(range(NARROWEST, STEP, NARROWEST))
LARGEST = 3 * 64 * 64  # values a sample: larger images fill a core with 16

_known: WeakKeyDictionary = WeakKeyDictionary()


def same_bits(
    model: Callable,
    x: torch.Tensor,
    look: Callable[[torch.Tensor], tuple[torch.Tensor, ...]],
    kind,
    sizes: tuple[int, ...],
) -> bool:
    """Whether calls of these sizes, with samples shaped as x's, give every sample the bits it has among 16.

    look(images) -> tensors with one row a sample, in the way the model will be called; kind: what else names that way.
    sizes: WIDE or NARROW. Remembered by model, shape, kind and sizes.
    """
    if x[0:1].numel() > LARGEST or x.dtype != torch.float32:
        return False
    try:
        known = _known.setdefault(model, {})
    except TypeError:  # cannot be referred to weakly
        known = {}
    key = (tuple(x.shape[1:]), kind, sizes)
    if key not in known:
        known[key] = _agree(x, look, sizes)
    return known[key]


def _agree(x: torch.Tensor, look: Callable, sizes: tuple[int, ...]) -> bool:
    # enough for one call of the widest, or for two and more of all narrow ones
    n = max(max(sizes), 2 * STEP)
    images = torch.rand((n, *x.shape[1:]), generator=torch.Generator().manual_seed(0))
    parts = [look(part) for part in images.split(STEP)]
    expected = [torch.cat(column) for column in zip(*parts)]
    for size in sizes:
        # each place in a call is looked at, and no call is cut short
        for start in range(0, n - size + 1, size) if size < STEP else (0,):
            found = look(images[start : start + size])
            if not all(torch.equal(a, b[start : start + size]) for a, b in zip(found, expected)):
                return False
    return True


def cuts(n: int, lanes: int, widest: int, narrowest: int = STEP) -> list[int]:
    """Sizes of the calls for n samples on `lanes` workers: multiples of 16 up to `widest`, as equal as they can be, a
    whole number of rounds; the last call may need padding. narrowest: what sizes are multiples of where one round of 16
    has room for all.
    """
    step = narrowest if n <= lanes * STEP else STEP
    units = -(-max(n, 1) // step)
    rounds = -(-units // (lanes * (widest // step)))
    calls = min(units, lanes * rounds)
    return [step * (units // calls + (i < units % calls)) for i in range(calls)]
