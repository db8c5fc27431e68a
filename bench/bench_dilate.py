"""The soft dilation of core masks (15 rounds of a plus of width 5), 16 masks of 224x224, against scipy and torch."""

from __future__ import annotations

import common  # first: it sets how idle OpenMP threads wait
import numpy as np
import torch
from scipy import ndimage

from pyadvspur.native.dilate import dilate
from pyadvspur.reference.dilate import dilate as rounds_in_torch

ROUNDS, REACH = 15, 2
PLUS = np.zeros((5, 5), bool)
PLUS[2], PLUS[:, 2] = True, True


def with_scipy(masks: np.ndarray) -> np.ndarray:
    """Round by round, mask by mask."""
    out = masks
    for _ in range(ROUNDS):
        out = np.stack([ndimage.grey_dilation(m, footprint=PLUS, mode="constant", cval=0) for m in out])
    return out


def with_pooling(masks: torch.Tensor) -> torch.Tensor:
    """Round by round by max pooling on floats, the usual way in torch."""
    out = masks[:, None].float()
    for _ in range(ROUNDS):
        row = torch.nn.functional.max_pool2d(out, (1, 5), 1, (0, 2))
        column = torch.nn.functional.max_pool2d(out, (5, 1), 1, (2, 0))
        out = torch.maximum(row, column)
    return out[:, 0].to(torch.uint8)


def main() -> None:
    run = common.start(__doc__, "dilate")
    generator = torch.Generator().manual_seed(0)
    blobs = torch.rand(16, 1, 28, 28, generator=generator).pow(8)
    masks = torch.nn.functional.interpolate(blobs, size=224, mode="bilinear").mul(255)[:, 0].to(torch.uint8)
    ours = dilate(masks, ROUNDS, REACH)
    for name, other in (
        ("scipy", torch.from_numpy(with_scipy(masks.numpy()))),
        ("max pooling", with_pooling(masks)),
        ("twin", rounds_in_torch(masks, ROUNDS, REACH)),
    ):
        run.check(f"equals {name}", float((ours.int() - other.int()).abs().max()), 0.0)
    times = run.measure(
        {
            "ours": lambda: dilate(masks, ROUNDS, REACH),
            "max pooling": lambda: with_pooling(masks),
            "twin": lambda: rounds_in_torch(masks, ROUNDS, REACH),
        }
    )
    for peer in ("max pooling", "twin"):
        run.row(peer=peer, **common.against(times, "ours", peer))
    run.finish()


if __name__ == "__main__":
    main()
