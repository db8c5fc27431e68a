"""APGD: steps that are halved where they stop paying, each sample by its own record. No step size to choose.

Source: Croce & Hein 2020 (linf, l2; DLR loss); Croce & Hein 2021, "Mind the box" (l1).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from pyadvspur.attacks.copies import in_turn
from pyadvspur.attacks.forward import Forward
from pyadvspur.attacks.loop import Loop
from pyadvspur.attacks.losses import signed_margin
from pyadvspur.attacks.prospects import Marks
from pyadvspur.attacks.result import AttackResult, attack_once
from pyadvspur.attacks.searcher import Batch, Found
from pyadvspur.attacks.stage import SHORT, Stage, settle, whole
from pyadvspur.native.apgd import STATE, apgd_
from pyadvspur.native.step import step_
from pyadvspur.reference.project import wide

SHARE = 0.75  # of the new step; the rest goes on along the last one
FIRST_STEP = {"linf": 2.0, "l2": 2.0, "l1": 1.0}  # of eps
L1_FIRST_WIDTH = 0.2  # share of the image that the first l1 steps move
L1_PERIOD = 0.1  # of a phase: between l1 checkpoints (.04 of the whole in the paper)
MARKS, PACE = (0.25, 0.5), 3.0  # prospects: after which share of the steps, and the pace (prospects.py)
CLOSE = 0.05  # of the first margin: below that a search goes on
PHASES = {"linf": ((1.0, 1.0),), "l2": ((1.0, 1.0),), "l1": ((0.3, 3.0), (0.6, 2.0), (1.0, 1.0))}


def windows(steps: int, norm: str) -> dict[int, int]:
    """Checkpoints of a phase of `steps` steps: step number (moves made so far) -> length of the window before it."""
    if norm == "l1":
        period = max(int(L1_PERIOD * steps), 1)
        return dict.fromkeys(range(period, steps, period), period)
    length, least, less = (max(int(share * steps), 1) for share in (0.22, 0.06, 0.03))
    found, at = {}, length
    while at < steps:
        found[at] = length
        length = max(length - less, least)
        at += length
    return found


#: First step of each phase -> its radius in eps and its checkpoints; and the number of steps.
Plan = tuple[dict[int, tuple[float, dict[int, int]]], int]


def plan(norm: str, steps: int) -> Plan:
    phases, first = {}, 0
    for share, radius in PHASES[norm]:
        end = min(round(share * steps), steps if radius == 1.0 else steps - 1)
        if end > first:
            phases[first] = radius, {first + k: w for k, w in windows(end - first, norm).items()}
        first = max(end, first)
    return phases, steps


@dataclass
class ApgdBatch(Batch):
    """Each sample with its own record."""

    classes: torch.Tensor | None = None  # (B, T): the wrong classes to try, in order
    number: torch.Tensor | None = None  # which of them this run leads to
    place: torch.Tensor | None = None  # row of the table of what the short runs reached
    old: torch.Tensor | None = None  # the iterate before x
    best_grad: torch.Tensor | None = None
    last_loss: torch.Tensor | None = None
    checked_loss: torch.Tensor | None = None  # best loss at the last checkpoint
    rises: torch.Tensor | None = None  # steps that raised the loss since then
    halved: torch.Tensor | None = None  # whether that checkpoint halved the step
    width: torch.Tensor | None = None  # l1: values a step moves
    count: torch.Tensor | None = None  # l1: values that the best point moved, at the last checkpoint
    margins: torch.Tensor | None = (
        None  # (B, 3): the first, the lowest, the lowest at half of the steps made so far
    )


class Apgd(Loop):
    """APGD with one loss. dlr_targeted: one run for each of the n_targets highest wrong classes, on what is left; with
    keep, a short run for each, and whole ones for the `keep` classes that it came nearest to.
    """

    def __init__(
        self,
        forward: Forward,
        norm: str,
        loss: str,
        steps: int,
        n_targets: int,
        keep: int,
        seed: int,
        screen: int = 0,
    ):
        super().__init__(forward, norm, loss, steps, seed)
        self.n_targets, self.keep = (n_targets, keep) if loss == "dlr_targeted" else (0, 0)
        self.whole, self.short = plan(norm, steps), plan(norm, max(steps // SHORT, 1))
        # of whole runs only; l1's balls of other radii say too little
        self.marks = Marks(steps, MARKS, PACE) if screen and norm != "l1" else None

    def run(self, batch: Batch, found: Found, restart: int = 0) -> None:
        if not self.n_targets or batch.target is not None:
            self._climb(batch, found, restart, self.whole)
            return
        logits = self.forward.logits(batch.x0)
        wrong = logits.scatter(1, batch.y[:, None], float("-inf")).nan_to_num(nan=float("-inf"))
        order = wrong.argsort(dim=1, descending=True, stable=True)[
            :, : min(self.n_targets, logits.shape[1] - 1)
        ]
        batch = batch.extended(ApgdBatch, classes=order)
        if self.keep and self.keep < order.shape[1]:
            batch = self._try_all(batch, found, restart)

        def toward(part: ApgdBatch, which: torch.Tensor, found: Found) -> None:
            self._toward(part, which, found, restart, self.whole)

        in_turn(self.forward, batch, batch.classes.shape[1], found, toward)

    def _try_all(self, batch: ApgdBatch, found: Found, restart: int) -> ApgdBatch:
        """A short run towards every class: what is left, with its `keep` most promising classes."""
        n_classes = batch.classes.shape[1]
        batch.place = torch.arange(len(batch), device=batch.row.device)
        reached = torch.full(batch.classes.shape, float("-inf"), device=batch.row.device)

        def look(part: ApgdBatch, which: torch.Tensor, found: Found) -> None:
            rest = self._toward(part, which, found, restart, self.short)
            if rest is not None:
                reached[rest.place, rest.number] = rest.best_loss

        batch = in_turn(self.forward, batch, n_classes, found, look)
        best = reached[batch.place].argsort(dim=1, descending=True, stable=True)
        batch.classes = batch.classes.gather(1, best)
        found.came_nearest(batch.row, batch.classes)
        batch.classes = batch.classes[:, : self.keep]
        return batch

    def _toward(
        self, batch: ApgdBatch, which: torch.Tensor, found: Found, restart: int, phases: Plan
    ) -> Batch | None:
        batch.number, batch.toward = which, batch.classes.gather(1, which[:, None])[:, 0]
        return self._climb(batch, found, restart, phases)

    def _climb(self, batch: Batch, found: Found, restart: int, phases: Plan) -> Batch | None:
        self.phases, self.steps = phases
        batch = batch.extended(ApgdBatch)
        batch.x = self._begin(batch, restart)
        return self.climb(batch, found, restart)

    def _begin(self, batch: ApgdBatch, restart: int) -> torch.Tensor:
        """Where to begin. In l1 a random point takes the clean one's place: spread out, it sets the width of the
        first steps, and more is found.
        """
        if batch.x is None or self.norm != "l1":
            return self.start(batch, restart) if batch.x is None else batch.x.clone()
        untouched = (batch.x == batch.x0).flatten(1).all(1)
        return torch.where(wide(untouched, batch.x), self.start(batch, restart), batch.x)

    def hopeless(self, batch: ApgdBatch, logits: torch.Tensor, k: int) -> torch.Tensor | None:
        """Samples whose margin comes down too slowly, and is not close to 0."""
        marks = self.marks
        if marks is None or (self.phases, self.steps) != self.whole or k > marks.last:
            return None
        margin = (
            -signed_margin(logits, batch.target)
            if batch.target is not None
            else signed_margin(logits, batch.y)
        )
        if k == 0:
            batch.margins = margin[:, None].repeat(1, 3)
        first, lowest, before = batch.margins.unbind(1)
        lowest = lowest.fmin(margin)
        left = (marks.end(lowest, before, k) > 0) & (lowest > CLOSE * first) if k in marks.at else None
        batch.margins = torch.stack([first, lowest, lowest if k in marks.half else before], 1)
        return left

    def move(self, batch: ApgdBatch, grad: torch.Tensor, loss: torch.Tensor, k: int) -> None:
        if k in self.phases:
            self._enter(batch, grad, loss, k)
        start = max(first for first in self.phases if first <= k)
        radius, checkpoints = self.phases[start]
        state = {name: getattr(batch, name) for name in STATE}
        apgd_(
            state, grad, loss, x0=batch.x0, norm=self.norm, eps=batch.eps * radius, mask=batch.mask,
            window=checkpoints.get(k, 0), share=1.0 if k == start else SHARE,
        )  # fmt: skip
        for name, value in state.items():
            setattr(batch, name, value)
        if k + 1 in self.phases:  # from the best point so far, by a step of length 0, into the next ball
            batch.x = batch.best.clone()
            eps = batch.eps * self.phases[k + 1][0]
            there = torch.ones_like(grad)  # any direction
            step_(batch.x, batch.x0, there, norm=self.norm, eps=eps, step_size=0.0, mask=batch.mask, k=1)

    def _enter(self, batch: ApgdBatch, grad: torch.Tensor, loss: torch.Tensor, k: int) -> None:
        """A new phase: no record yet."""
        n = batch.x[0].numel()
        batch.size = batch.eps * (FIRST_STEP[self.norm] * self.phases[k][0])
        batch.old, batch.best, batch.best_grad = batch.x.clone(), batch.x.clone(), grad.clone()
        batch.best_loss = torch.full_like(loss, float("-inf"))
        batch.last_loss = torch.full_like(loss, float("inf"))  # the start is no rise
        batch.checked_loss = loss.clone()
        batch.rises = torch.zeros(len(batch), dtype=torch.int32, device=loss.device)
        batch.halved = torch.ones_like(batch.rises)  # the first checkpoint judges rises only
        moved = (batch.x != batch.x0).flatten(1).sum(1)
        untouched = moved == 0
        batch.count = torch.where(untouched, n, moved)
        width = torch.where(untouched, L1_FIRST_WIDTH * n, moved / 1.5)
        batch.width = width.ceil().long().clamp(min=1)


def build(
    forward: Forward,
    norm: str,
    seed: int,
    *,
    steps: int,
    loss: str,
    n_targets: int,
    keep: int,
    screen: int = 0,
) -> Apgd:
    return Apgd(forward, norm, loss, steps, n_targets, keep, seed, screen)


def apgd(
    model: Callable,
    x: torch.Tensor,
    y: torch.Tensor,
    norm: str = "linf",
    eps: float | torch.Tensor = 8 / 255,
    steps: int = 100,
    loss: str = "ce",
    n_targets: int = 9,
    keep: int = 0,
    restarts: int = 1,
    seed: int = 0,
    ids: torch.Tensor | None = None,
    mask: torch.Tensor | None = None,
    targets: torch.Tensor | None = None,
    precision: str = "float32",
) -> AttackResult:
    """Auto-PGD: momentum .75, a step of 2 eps that is halved at checkpoints where fewer than 75 % of the steps raised
    the loss or the best loss stood still, going on from the best point; l1: sparse steps whose width follows the best
    point's, through balls of 3, 2 and 1 eps.

    loss: "ce", "dlr", "margin", or "dlr_targeted": one run of `steps` towards each of the n_targets wrong classes
    with the highest logits (at most K - 1), while any misclassification counts. keep: 0, or of how many of these
    classes the whole run is made, the others get steps / 8. DLR needs 3 classes, its targeted form
    4; with fewer the margin takes its place, and `notes` says so. The other arguments, the result and the errors are
    those of `pgd`. Sources: Croce & Hein 2020; l1: Croce & Hein 2021.
    """
    where = "attacks.apgd"
    options = settle(where, "apgd", {"steps": steps, "loss": loss, "n_targets": n_targets, "keep": keep})
    stages = [Stage("apgd", options, whole(where, "restarts", restarts))]
    return attack_once(
        where,
        model,
        x,
        y,
        norm,
        eps,
        stages,
        seed=seed,
        ids=ids,
        mask=mask,
        targets=targets,
        precision=precision,
    )
