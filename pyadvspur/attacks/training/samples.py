"""Training samples by number: order, images in [0,1], and augmentation, all functions of (seed, epoch, sample)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from pyadvspur.attacks.training.recipe import Recipe
from pyadvspur.errors import bad
from pyadvspur.native import random
from pyadvspur.streams import AUGMENT, stream

_SHIFT = 4


@dataclass(frozen=True)
class Samples:
    """x: uint8 or float (N, C, H, W). y: int64 (N,). ids: int64 (N,), the numbers that key every draw."""

    x: torch.Tensor
    y: torch.Tensor
    ids: torch.Tensor

    def __len__(self) -> int:
        return len(self.y)

    def key(self) -> str:
        """SHA-256 of labels, ids and about a thousand images: enough to notice other data."""
        every = max(1, len(self) // 1000)
        digest = hashlib.sha256(f"{self.x.dtype} {tuple(self.x.shape)}".encode())
        for part in (self.x[::every], self.y, self.ids):
            digest.update(part.contiguous().view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()

    def order(self, recipe: Recipe, epoch: int) -> torch.Tensor:
        """The samples of an epoch, in their order."""
        if not recipe.shuffle:
            return torch.arange(len(self))
        rng = np.random.Generator(np.random.Philox(key=[recipe.seed % 2**64, epoch]))
        return torch.from_numpy(rng.permutation(len(self)))

    def batches(self, recipe: Recipe, epoch: int, first: int) -> Iterator[tuple[torch.Tensor, ...]]:
        """(x float in [0,1], y, ids) from batch number `first` of an epoch on."""
        order = self.order(recipe, epoch)
        for rows in order.split(recipe.batch_size)[first:]:
            x = self.x[rows]
            x = x.float().div(255) if x.dtype == torch.uint8 else x.float()
            if recipe.augment:
                x = crop_flip(x, self.ids[rows], recipe.seed, epoch)
            if x.dim() == 4:
                x = x.contiguous(memory_format=torch.channels_last)
            yield x, self.y[rows], self.ids[rows]


def check(where: str, data) -> Samples:
    """Samples from (x, y) or (x, y, ids)."""
    if not isinstance(data, (tuple, list)) or len(data) not in (2, 3):
        raise bad(where, "data", type(data).__name__, "(x, y) or (x, y, ids)")
    x, y = torch.as_tensor(data[0]), torch.as_tensor(data[1])
    if x.dim() != 4 or not (x.dtype == torch.uint8 or x.is_floating_point()):
        raise bad(where, "x", f"{x.dtype} {tuple(x.shape)}", "images (N, C, H, W): uint8, or float in [0,1]")
    if not len(x):
        raise bad(where, "x", "no image", "one image or more")
    if x.is_floating_point() and not (float(x.min()) >= 0 and float(x.max()) <= 1):
        got = f"values in [{float(x.min()):g}, {float(x.max()):g}]"
        raise bad(where, "x", got, "finite pixels in [0,1]", "Normalisation belongs inside the network.")
    if y.shape != (len(x),) or y.is_floating_point() or y.dtype == torch.bool or int(y.min()) < 0:
        raise bad(where, "y", f"{y.dtype} {tuple(y.shape)}", f"integer classes >= 0 of shape ({len(x)},)")
    ids = torch.as_tensor(data[2]) if len(data) == 3 else torch.arange(len(x))
    if ids.dtype != torch.int64 or ids.shape != (len(x),):
        raise bad(where, "ids", f"{ids.dtype} {tuple(ids.shape)}", f"int64 of shape ({len(x)},)")
    return Samples(x.detach().cpu(), y.long().cpu(), ids.cpu())


def crop_flip(x: torch.Tensor, ids: torch.Tensor, seed: int, epoch: int) -> torch.Tensor:
    """Every image shifted by up to 4 pixels each way (zeros come in) and mirrored half of the time."""
    u = random.draw(ids, 3, "uniform", seed, stream(AUGMENT, epoch))
    height, width = x.shape[2:]
    shift = (u[:, :2] * (2 * _SHIFT + 1)).long().clamp_(max=2 * _SHIFT)
    padded = torch.nn.functional.pad(x, (_SHIFT,) * 4)
    rows = shift[:, 0, None] + torch.arange(height)
    columns = shift[:, 1, None] + torch.arange(width)
    columns = torch.where(u[:, 2, None] < 0.5, columns.flip(1), columns)
    sample = torch.arange(len(x))[:, None, None]
    return padded.permute(0, 2, 3, 1)[sample, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
