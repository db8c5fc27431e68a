"""The one loop. An attack overrides `start`, `direction`, `project` or `step_size`, never the loop.

    x <- start(x0)
    repeat: g <- grad loss(logits(x), y);  x <- project(x + step * direction(g));  drop the samples that broke

Every iterate's logits are looked at: a sample that broke ends there, its batch row is freed, and its point is
kept. For the rest the iterate with the highest loss is kept.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch

from pyadvspur.attacks import losses, step
from pyadvspur.attacks.balls import draw_start
from pyadvspur.attacks.forward import Forward
from pyadvspur.native.random import draw
from pyadvspur.streams import DIRECTION, stream


@dataclass
class Batch:
    """What the loop needs of each sample still under attack, and what it found; every field has one row a
    sample.
    """

    row: torch.Tensor  # int64: place in the caller's batch
    ids: torch.Tensor
    x0: torch.Tensor
    y: torch.Tensor
    eps: torch.Tensor
    mask: torch.Tensor | None = None
    target: torch.Tensor | None = None
    x: torch.Tensor | None = None  # current iterate
    best: torch.Tensor | None = None  # iterate with the highest loss so far
    best_loss: torch.Tensor | None = None

    def __len__(self) -> int:
        return len(self.row)

    def select(self, keep: torch.Tensor) -> Batch:
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return type(self)(**{k: None if v is None else v[keep] for k, v in values.items()})


class Loop:
    """Projected gradient ascent with sign (linf), normalised (l2) or sparse (l1) steps.

    step_size: None for 2.5 eps / steps, a number, or a tensor (B,) indexed by batch row. counters: what
    happened, by name.
    """

    def __init__(self, forward: Forward, norm: str, loss: str, steps: int, step_size, seed: int):
        self.forward, self.norm, self.loss = forward, norm, losses.get(loss)
        self.steps, self.size, self.seed = steps, step_size, seed
        self.counters = {"zero_gradients": 0, "nonfinite_logits": 0}

    # what an attack may override

    def start(self, batch: Batch, restart: int) -> torch.Tensor:
        return draw_start(batch.x0, batch.ids, self.norm, batch.eps, self.seed, restart, batch.mask)

    def step_size(self, batch: Batch, k: int) -> torch.Tensor:
        if self.size is None:
            return batch.eps * (2.5 / self.steps)
        return self.size[batch.row]

    def direction(self, batch: Batch, grad: torch.Tensor, k: int) -> torch.Tensor:
        return grad

    def project(self, batch: Batch, direction: torch.Tensor, size: torch.Tensor, k: int) -> None:
        step.move_(batch.x, batch.x0, direction, self.norm, batch.eps, size, batch.mask)

    # the loop

    def run(self, batch: Batch, found: Found, restart: int = 0) -> None:
        """Attack the samples of `batch`; write what was found into `found`."""
        if batch.x is None:
            batch.x = self.start(batch, restart)
        batch.best, batch.best_loss = batch.x.clone(), torch.full_like(batch.eps, float("-inf"))
        for k in range(self.steps):
            if not len(batch):
                return
            logits, loss, grad = self.forward.gradient(batch.x, self.loss, batch.y, batch.target)
            batch, keep = self.look(batch, logits, loss, found)
            grad = grad if keep is None else grad[keep]
            if len(batch):
                grad = self.mend(batch, self.direction(batch, grad, k), restart * self.steps + k)
                self.project(batch, grad, self.step_size(batch, k), k)
                found.steps[batch.row] += 1
        if len(batch):
            logits = self.forward.logits(batch.x)
            batch, _ = self.look(batch, logits, self.loss(logits, batch.y, batch.target), found)
            found.keep(batch)

    def look(self, batch: Batch, logits, loss, found: Found):
        """Note the best iterates; take out the samples that broke. Returns the rest, and which rows they
        were.
        """
        finite = logits.isfinite().all(1)
        if not bool(finite.all()):
            self.counters["nonfinite_logits"] += int((~finite).sum())
            loss = torch.where(finite, loss, torch.full_like(loss, float("-inf")))
        prediction = logits.argmax(1)
        broken = (prediction != batch.y) if batch.target is None else (prediction == batch.target)
        broken &= finite
        better = loss > batch.best_loss
        batch.best_loss = torch.where(better, loss, batch.best_loss)
        batch.best[better] = batch.x[better]
        if not bool(broken.any()):
            return batch, None
        found.broke(batch.select(broken), loss[broken])
        keep = (~broken).nonzero()[:, 0]
        return batch.select(keep), keep

    def mend(self, batch: Batch, grad: torch.Tensor, number: int) -> torch.Tensor:
        """A random direction, keyed by the sample, where the gradient is zero or not finite."""
        flat = grad.flatten(1)
        top = flat.abs().amax(1)
        bad = ~((top > 0) & top.isfinite())
        if bool(bad.any()):
            self.counters["zero_gradients"] += int(bad.sum())
            random = draw(batch.ids[bad], flat.shape[1], "normal", self.seed, stream(DIRECTION, number))
            grad = grad.clone()
            grad[bad] = random.view(-1, *grad.shape[1:])
        return grad


class Found:
    """The attack's results, in the caller's order."""

    def __init__(self, x: torch.Tensor):
        n = len(x)
        self.x = x.clone()
        self.loss = torch.full((n,), float("-inf"), device=x.device)
        self.broken = torch.zeros(n, dtype=torch.bool, device=x.device)
        self.steps = torch.zeros(n, dtype=torch.int64, device=x.device)

    def broke(self, batch: Batch, loss: torch.Tensor) -> None:
        self.x[batch.row], self.loss[batch.row] = batch.x, loss
        self.broken[batch.row] = True

    def keep(self, batch: Batch) -> None:
        """Samples that held: their best iterate, if it beats what an earlier restart found."""
        better = batch.best_loss > self.loss[batch.row]
        rows = batch.row[better]
        self.x[rows], self.loss[rows] = batch.best[better], batch.best_loss[better]
