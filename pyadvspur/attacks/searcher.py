"""What every attack works on, and what it has to be: a Searcher."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import torch

from pyadvspur.attacks.balls import distance, inside
from pyadvspur.attacks.forward import Forward
from pyadvspur.attacks.losses import AnyLoss


@dataclass
class Batch:
    """The samples still under attack; every field has one row a sample, or is None. An attack may subclass it and
    add fields: `select` takes them along.
    """

    row: torch.Tensor  # int64: place in the caller's batch
    ids: torch.Tensor
    x0: torch.Tensor
    y: torch.Tensor
    eps: torch.Tensor
    mask: torch.Tensor | None = None
    target: torch.Tensor | None = None  # the class to reach, where the caller wants one
    toward: torch.Tensor | None = None  # the class that a targeted loss leads to, while any break counts
    size: torch.Tensor | None = None  # step size, where the caller gave one
    x: torch.Tensor | None = None  # the iterate; before `run`: where to start, None = the attack's own start
    velocity: torch.Tensor | None = None
    best: torch.Tensor | None = None  # the iterate with the highest loss, and that loss
    best_loss: torch.Tensor | None = None
    first_loss: torch.Tensor | None = None  # at the clean point, where the search began there

    def __len__(self) -> int:
        return len(self.row)

    @property
    def labels(self) -> tuple[torch.Tensor, torch.Tensor | None]:
        """What a loss takes after the logits: y, and the class to lead to or None."""
        return self.y, self.target if self.toward is None else self.toward

    def select(self, rows: torch.Tensor) -> Batch:
        values = ((f.name, getattr(self, f.name)) for f in fields(self))
        return type(self)(**{name: None if v is None else v[rows] for name, v in values})

    def extended(self, kind: type[Batch], **more: torch.Tensor | None) -> Batch:
        """The same samples as a batch of a subclass, with these of its fields."""
        return kind(**{f.name: getattr(self, f.name) for f in fields(self)} | more)


class Found:
    """What a run has found, in the caller's order."""

    def __init__(self, x: torch.Tensor):
        n, device = len(x), x.device
        self.x = x.clone()  # the point that broke the sample, or the worst one yet
        self.loss = torch.full((n,), float("-inf"), device=device)
        self.broken = torch.zeros(n, dtype=torch.bool, device=device)
        self.steps = torch.zeros(n, dtype=torch.int64, device=device)
        # the nearest point beyond the radius that breaks the sample: a larger radius need not search again
        self.hint = x.clone()
        self.hint_distance = torch.full((n,), float("inf"), dtype=torch.float64, device=device)
        # which stage of the run broke the sample (found the hint); -1: none
        self.by = 0  # the stage that runs now
        self.broken_by = torch.full((n,), -1, dtype=torch.int64, device=device)
        self.hint_by = self.broken_by.clone()
        # the wrong classes that earlier searches came nearest to, nearest first (B, T); -1: not known
        self.nearest_classes: torch.Tensor | None = None
        # signs of gradients that mislead: had none at some point; a gradient search ran to its end; its loss rose
        self.no_gradient, self.ended, self.rose = (torch.zeros_like(self.broken) for _ in range(3))
        # how often a sample had no gradient (a random direction stood in for it), and logits that were not finite
        self.zero_gradients, self.nonfinite_logits = (
            torch.zeros_like(self.steps),
            torch.zeros_like(self.steps),
        )

    def idle(self, rows: torch.Tensor) -> torch.Tensor | None:
        """Which of these rows need no more work although they are not broken (None: none of them)."""
        return None

    def broke(self, batch: Batch, loss: torch.Tensor) -> None:
        """batch.x breaks these samples inside their balls."""
        self.x[batch.row], self.loss[batch.row], self.broken[batch.row] = batch.x, loss, True
        self.broken_by[batch.row] = self.by

    def broke_outside(self, batch: Batch, far: torch.Tensor) -> None:
        """batch.x breaks these samples at distances far (float64), beyond their radii."""
        nearer = far < self.hint_distance[batch.row]
        rows = batch.row[nearer]
        self.hint[rows], self.hint_distance[rows] = batch.x[nearer], far[nearer]
        self.hint_by[rows] = self.by

    def note(self, batch: Batch, far: torch.Tensor) -> torch.Tensor:
        """batch.x breaks these samples at distances far: which of them lie within their balls, and so broke."""
        within = inside(far, batch.eps)
        near = batch.select(within.nonzero()[:, 0])
        self.broke(near, self.loss[near.row])
        beyond = (~within).nonzero()[:, 0]
        self.broke_outside(batch.select(beyond), far[beyond])
        return within

    def came_nearest(self, rows: torch.Tensor, classes: torch.Tensor) -> None:
        """Note for these rows the wrong classes (n, T), the nearest first."""
        if self.nearest_classes is None:
            self.nearest_classes = classes.new_full((len(self.broken), classes.shape[1]), -1)
        self.nearest_classes[rows] = classes

    def order_classes(self, rows: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
        """Classes (n, K) in an attack's own order, those that an earlier search came nearest to moved to the front."""
        if self.nearest_classes is None:
            return classes
        known = self.nearest_classes[rows]
        same = classes[:, :, None] == known[:, None, :]
        place = torch.where(
            same.any(2),
            same.int().argmax(2) - known.shape[1],
            torch.arange(classes.shape[1], device=classes.device),
        )
        return classes.gather(1, place.argsort(dim=1, stable=True))

    def held(self, batch: Batch) -> None:
        """These samples stand; batch.best are their worst points by this attack's loss (kept if worse than before)."""
        better = batch.best_loss > self.loss[batch.row]
        rows = batch.row[better]
        self.x[rows], self.loss[rows] = batch.best[better], batch.best_loss[better]


class Searcher:
    """One attack in one norm, built once a run: `run` may be called many times, with any samples.

    run(batch, found, restart) searches for every sample of `batch` inside its ball (batch.eps, may differ by sample)
    and the box, and hands what it finds to `found`: `broke` for samples that broke, `broke_outside` for points beyond
    the radius, `held` for the rest; found.steps[batch.row] counts its model calls. Restart 0 starts from batch.x
    where that is not None (the clean point, or the worst point of a smaller radius). Finds are verified by the Run.

    A sample's outcome may depend on its own values, id, the seed and the restart, never on its neighbours: draws come
    from native.random.draw(ids, ...), sums never run over samples, the model is only called through `forward`.

    start(batch, restart): where a restart after the first begins, for searchers whose restarts differ in nothing else;
    they may then run side by side. None: they do not.

    loss: the attack's own loss (logits, y, target) -> (n,), higher is worse for the model; ranks found.loss.
    """

    start: Callable[[Batch, int], torch.Tensor] | None = None
    serves_all_radii = False  # whether one search that fails at a radius tells what it knows of larger ones

    def __init__(self, forward: Forward, norm: str, loss: AnyLoss, seed: int):
        self.forward, self.norm, self.loss, self.seed = forward, norm, loss, seed

    def run(self, batch: Batch, found: Found, restart: int) -> None:
        raise NotImplementedError

    def take_hits(self, batch: Batch, logits: torch.Tensor, loss: torch.Tensor, found: Found):
        """Hand to `found` the samples that batch.x breaks: the rows that go on, or None where all do.

        Logits that are not finite are counted, and never a break.
        """
        finite = logits.isfinite().all(1)
        found.nonfinite_logits[batch.row] += ~finite
        predicted = logits.argmax(1)
        hit = (predicted != batch.y) if batch.target is None else (predicted == batch.target)
        hits = (hit & finite).nonzero()[:, 0]
        if not len(hits):
            return None
        far = distance(batch.x[hits], batch.x0[hits], self.norm)
        within = inside(far, batch.eps[hits])
        inner, outer = hits[within], hits[~within]
        if len(inner):
            found.broke(batch.select(inner), loss[inner])
        if len(outer):
            found.broke_outside(batch.select(outer), far[~within])
        idle = found.idle(batch.row)
        if idle is None and not len(inner):
            return None
        kept = torch.ones(len(batch), dtype=torch.bool, device=hits.device)
        kept[inner] = False
        if idle is not None:
            kept &= ~idle
        return kept.nonzero()[:, 0]
