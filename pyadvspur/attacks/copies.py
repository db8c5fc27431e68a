"""Several searches of one sample side by side, with the outcome of one after the other.

A search towards nine classes in turn, on the three samples that nothing breaks, would call the model with three samples
nine times over. Calls have room for more. So the searches of the next classes run at the same time, on copies of the
sample; what they found is then read in their order, up to the first that broke it, as if the later ones had never run.
How many run together is a question of speed alone: it may depend on the batch, the outcome does not.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from pyadvspur.attacks.chunking import LARGEST, WIDEST
from pyadvspur.attacks.forward import CHUNK_CPU, CHUNK_CUDA, Forward
from pyadvspur.attacks.searcher import Batch, Found


def room(forward: Forward, x: torch.Tensor) -> int:
    """Samples in flight that keep the model busy: one full call for every worker."""
    if x.is_cuda:
        return forward.chunk or CHUNK_CUDA
    widest = WIDEST if x[0:1].numel() <= LARGEST else CHUNK_CPU
    return (forward.chunk or widest) * torch.get_num_threads()


class Copies(Found):
    """What the copies found: row i * together + t is copy t of sample i."""

    def __init__(self, batch: Batch, found: Found, together: int):
        self.rows, self.together = batch.row, together
        super().__init__(found.x[batch.row].repeat_interleave(together, 0))
        self.loss = found.loss[batch.row].repeat_interleave(together, 0)
        self.by = found.by

    def idle(self, rows: torch.Tensor) -> torch.Tensor | None:
        """Copies whose work cannot count any more: an earlier one has broken the sample."""
        broken = self.broken.view(-1, self.together)
        done = broken.cummax(1).values.roll(1, 1)
        done[:, 0] = False
        return done.flatten()[rows]

    def settle(self, found: Found) -> None:
        """Hand over what the searches up to the first that broke the sample found, in their order."""
        table = (-1, self.together)
        broken = self.broken.view(table)
        first = torch.where(broken.any(1), broken.int().argmax(1), self.together - 1)
        counts = torch.arange(self.together, device=first.device) <= first[:, None]
        rows, start = self.rows, torch.arange(len(first), device=first.device) * self.together
        for name in ("no_gradient", "ended", "rose"):
            getattr(found, name)[rows] |= (getattr(self, name).view(table) & counts).any(1)
        for name in ("steps", "zero_gradients", "nonfinite_logits"):
            getattr(found, name)[rows] += torch.where(counts, getattr(self, name).view(table), 0).sum(1)

        loss, best = torch.where(counts, self.loss.view(table), float("-inf")).max(1)
        better = loss > found.loss[rows]
        found.x[rows[better]], found.loss[rows[better]] = self.x[(start + best)[better]], loss[better]
        broke, at = rows[broken.any(1)], (start + first)[broken.any(1)]
        found.x[broke], found.loss[broke] = self.x[at], self.loss[at]
        found.broken[broke], found.broken_by[broke] = True, self.by

        if self.nearest_classes is not None:
            found.came_nearest(rows, self.nearest_classes[start + self.together - 1])

        far, nearest = torch.where(counts, self.hint_distance.view(table), float("inf")).min(1)
        nearer = far < found.hint_distance[rows]
        at, known = (start + nearest)[nearer], rows[nearer]
        found.hint[known], found.hint_distance[known], found.hint_by[known] = (
            self.hint[at],
            far[nearer],
            self.by,
        )


def in_turn(
    forward: Forward, batch: Batch, searches: int, found: Found,
    search: Callable[[Batch, torch.Tensor, Found], None],
) -> Batch:  # fmt: skip
    """`searches` searches of every sample, one after the other on what is left: the samples that stand.

    search(batch, which, found) makes, for each row of batch, search number which (n,).
    """
    done = 0
    while done < searches and len(batch):
        together = max(min(room(forward, batch.x0) // len(batch), searches - done), 1)
        which = torch.arange(done, done + together, device=batch.row.device)
        if together == 1:
            search(batch, which.expand(len(batch)), found)
        else:
            copies = Copies(batch, found, together)
            many = batch.select(torch.arange(len(batch), device=which.device).repeat_interleave(together))
            many.row = torch.arange(len(many), device=which.device)
            search(many, which.repeat(len(batch)), copies)
            copies.settle(found)
        batch = batch.select((~found.broken[batch.row]).nonzero()[:, 0])
        done += together
    return batch
