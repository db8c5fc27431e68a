"""The one loop. An attack overrides `start`, `direction`, `step_size`, `project` (or `move`, which calls them), `look`.

    x <- start(x0) repeat: g <- grad loss(logits(x), y);  x <- project(x + step_size * direction(g));  drop
    the samples that broke

Every iterate's logits are looked at: a sample that broke ends there, its point is kept, and the batch is
compacted. Of the others the iterate with the highest loss is kept.
"""

from __future__ import annotations

import torch

from pyadvspur.attacks import losses
from pyadvspur.attacks.balls import draw_start
from pyadvspur.attacks.forward import Forward, unit_size
from pyadvspur.attacks.searcher import Batch, Found, Searcher
from pyadvspur.native.random import draw
from pyadvspur.native.step import step_
from pyadvspur.streams import DIRECTION, stream

MOMENTUM = 0.75  # weight of the earlier directions, each gradient at mean size 1
FIRST_STEP = 2.0  # of eps; falls with the square of the steps left


class Loop(Searcher):
    """Projected gradient ascent: sign (linf), unit (l2) or sparse (l1) steps along the gradient.

    Without a step size: momentum, and steps that fall from 2 eps to 0. With one: the textbook's constant
    steps.
    """

    def __init__(self, forward: Forward, norm: str, loss: str, steps: int, seed: int):
        super().__init__(forward, norm, losses.get(loss), seed)
        self.steps = steps

    # what an attack may override

    def start(self, batch: Batch, restart: int) -> torch.Tensor:
        """Where to begin, inside ball and box."""
        return draw_start(batch.x0, batch.ids, self.norm, batch.eps, self.seed, restart, batch.mask)

    def direction(self, batch: Batch, grad: torch.Tensor, k: int) -> torch.Tensor:
        """grad has mean size 1 in every sample."""
        if batch.size is not None:
            return grad
        batch.velocity = grad if batch.velocity is None else batch.velocity.mul_(MOMENTUM).add_(grad)
        return batch.velocity

    def step_size(self, batch: Batch, k: int) -> torch.Tensor:
        if batch.size is not None:
            return batch.size
        return batch.eps * (FIRST_STEP * (1 - k / self.steps) ** 2)

    def project(self, batch: Batch, direction: torch.Tensor, size: torch.Tensor, k: int) -> None:
        """Move batch.x, in place."""
        step_(batch.x, batch.x0, direction, norm=self.norm, eps=batch.eps, step_size=size, mask=batch.mask)

    def hopeless(self, batch: Batch, logits: torch.Tensor, k: int) -> torch.Tensor | None:
        """Samples on which the rest of the search would be in vain: bool (B,); None: none of them."""
        return None

    # the loop

    def run(self, batch: Batch, found: Found, restart: int = 0) -> None:
        """Attack `batch` from batch.x, or from `start` where that is None; results go to `found`."""
        self.climb(batch, found, restart)

    def climb(self, batch: Batch, found: Found, restart: int) -> Batch | None:
        """The loop: the samples that stand, with their best points."""
        batch.x = self.start(batch, restart) if batch.x is None else batch.x
        batch.best, batch.best_loss = batch.x.clone(), torch.full_like(batch.eps, float("-inf"))
        for k in range(self.steps):
            logits, loss, grad, usable = self.forward.gradient(batch.x, self.loss, *batch.labels)
            loss = self._worth(logits, loss)
            kept = self.take_hits(batch, logits, loss, found)
            if kept is not None:
                batch, loss, grad, usable = batch.select(kept), loss[kept], grad[kept], usable[kept]
                logits = logits[kept]
            if not len(batch):
                return None
            if k == 0:
                away = (
                    (batch.x != batch.x0).flatten(1).any(1)
                )  # a start that an earlier search had climbed to
                batch.first_loss = torch.where(away, float("-inf"), loss)
            left = self.hopeless(batch, logits, k)
            if left is not None and bool(left.any()):
                rows = left.nonzero()[:, 0]
                found.steps[batch.row[rows]] += 1
                self._end(batch.select(rows), loss[rows], found)
                rows = (~left).nonzero()[:, 0]
                batch, loss, grad, usable = batch.select(rows), loss[rows], grad[rows], usable[rows]
                logits = logits[rows]
                if not len(batch):
                    return None
            stands = (
                logits.argmax(1) == batch.y
            )  # beyond its radius a point may be across, where a loss may be flat
            found.no_gradient[batch.row[~usable & stands]] = True
            found.zero_gradients[batch.row] += ~usable
            grad = self._mend(batch, grad, usable, restart * self.steps + k)
            self.move(batch, grad, loss, k)
            found.steps[batch.row] += 1
            batch = self.look(batch, found, k)
            if not len(batch):
                return None
        logits, loss = self.forward.values(batch.x, self.loss, *batch.labels)
        loss = self._worth(logits, loss)
        kept = self.take_hits(batch, logits, loss, found)
        if kept is not None:
            batch, loss = batch.select(kept), loss[kept]
        self._end(batch, loss, found)
        return batch

    def _end(self, batch: Batch, loss: torch.Tensor, found: Found) -> None:
        """batch.x, with this loss, is the last point of a search that did not break these samples."""
        self.note_best(batch, loss)
        found.ended[batch.row] |= (
            (batch.x != batch.x0).flatten(1).any(1)
        )  # not where the mask leaves nothing free
        found.rose[batch.row] |= batch.best_loss > batch.first_loss
        found.held(batch)

    def move(self, batch: Batch, grad: torch.Tensor, loss: torch.Tensor, k: int) -> None:
        """batch.x has this loss and gradient: remember it if it is the worst, and go on from it."""
        self.note_best(batch, loss)
        self.project(batch, self.direction(batch, grad, k), self.step_size(batch, k), k)

    def look(self, batch: Batch, found: Found, k: int) -> Batch:
        """A place to look at other points than the iterates, after step k: the samples that go on."""
        return batch

    def note_best(self, batch: Batch, loss: torch.Tensor) -> None:
        better = loss > batch.best_loss
        batch.best_loss = torch.where(better, loss, batch.best_loss)
        batch.best = torch.where(better.view(-1, *[1] * (batch.x.dim() - 1)), batch.x, batch.best)

    @staticmethod
    def _worth(logits: torch.Tensor, loss: torch.Tensor) -> torch.Tensor:
        """The loss, -inf where it or the logits are not finite."""
        return torch.where(logits.isfinite().all(1) & loss.isfinite(), loss, float("-inf"))

    def _mend(self, batch: Batch, grad: torch.Tensor, usable: torch.Tensor, number: int) -> torch.Tensor:
        """A random direction, keyed by the sample, where there is no gradient."""
        rows = (~usable).nonzero()[:, 0]
        if len(rows):
            random = draw(batch.ids[rows], grad[0].numel(), "normal", self.seed, stream(DIRECTION, number))
            grad = grad.clone()
            grad[rows] = unit_size(random.view(-1, *grad.shape[1:]))[0]
        return grad
