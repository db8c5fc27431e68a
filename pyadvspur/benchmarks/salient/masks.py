"""From mask files to the mask of a sample: the maximum over its features, aligned, grown if asked, to size."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from pyadvspur import pixels
from pyadvspur.errors import AdvSpurError
from pyadvspur.native.dilate import dilate

#: masks are for ImageNet's usual view: shorter side to 256, centre crop of 224
SIDE = 224
VIEW = "pil-bilinear-256-224"
#: growth of core masks: a plus of width 5, 15 times
ROUNDS, REACH = 15, 2


def read(paths: Sequence[Path], side: int, *, grown: bool, legacy_alignment: bool) -> tuple[np.ndarray, bool]:
    """uint8 (side, side), the pixel-wise maximum of the mask files, and whether any of them is missing.

    grown: widen it as `native.dilate` does, at the files' own size. legacy_alignment: send the 224x224 mask through
    resize and crop once more, as the ICLR 2022 loader did; it then is too large by 8/7. Raises AdvSpurError for files
    that are no masks of 224x224.
    """
    there = [path for path in paths if path.is_file()]
    union = np.zeros((SIDE, SIDE), np.uint8)
    for path in there:
        mask = pixels.read_grey(path)
        if mask.shape != (SIDE, SIDE):
            raise AdvSpurError(
                f"benchmarks.salient: mask {str(path)!r} is {mask.shape[0]}x{mask.shape[1]}, not {SIDE}x{SIDE}"
            )
        np.maximum(union, mask, out=union)
    if legacy_alignment:
        union = pixels.preprocessing(VIEW).mask(union)
    if grown:
        union = dilate(torch.from_numpy(union)[None], ROUNDS, REACH, threads=1)[0].numpy()
    if side != SIDE:
        union = pixels.preprocessing(f"pil-bilinear-{side}x{side}").mask(union)
    return union, len(there) < len(paths)


def scaled(masks: torch.Tensor) -> torch.Tensor:
    """uint8 (B, H, W) to float32, each divided by its own maximum; an empty one stays 0."""
    most = masks.flatten(1).amax(1).clamp(min=1) if masks.numel() else masks.new_ones(len(masks))
    return masks.float() / most[:, None, None].float()
