"""FAB: the nearest point across the decision boundary, by projections onto its linearisation. Croce & Hein 2020.

A minimum-norm attack: no radius guides the search, so one search serves every radius of a sweep. Every step costs one
forward and one backward pass; the paper's extra forward, which decides whether the new point is across, is the next
step's own: a point that is across is noted, and the step is taken from the point pulled back towards the clean image,
with the plane found on the far side.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from pyadvspur.attacks import losses
from pyadvspur.attacks.balls import distance, draw_start
from pyadvspur.attacks.copies import in_turn
from pyadvspur.attacks.forward import Forward
from pyadvspur.attacks.prospects import Marks
from pyadvspur.attacks.result import AttackResult, attack_once
from pyadvspur.attacks.searcher import Batch, Found, Searcher
from pyadvspur.attacks.segment import shorten_hints
from pyadvspur.attacks.stage import Stage, settle, whole
from pyadvspur.errors import bad
from pyadvspur.native.hyperplane import fab_step_

# Where neither a radius nor a find says how far a random start may go.
_SCALE = {"linf": 0.1, "l2": 1.0, "l1": 5.0}
_MARKS, _PACE = (0.2, 0.4), 1.5  # prospects: after which share of the steps, and the pace (prospects.py)
_JUMPS = 1 << 20  # random points for samples without a gradient have numbers of their own among the starts


@dataclass
class FabBatch(Batch):
    classes: torch.Tensor | None = None  # (B, T): the wrong classes, the most promising first
    planes: torch.Tensor | None = None  # (B, P): those whose boundaries this search looks at
    known: torch.Tensor | None = None  # float64 (B,): distance of the nearest find when the run began
    near: torch.Tensor | None = None  # float64 (B,): of this search's own, inf without one
    near_before: torch.Tensor | None = (
        None  # the same at half of the steps made so far, where prospects are judged
    )


class Fab(Searcher):
    """Searches towards one wrong class after the other (targeted), or at every step towards the nearest of them."""

    def __init__(
        self, forward: Forward, norm: str, seed: int, *, steps: int, n_targets: int, kind: str,
        alpha_max: float, eta: float, beta: float, screen: int = 0,
    ):  # fmt: skip
        super().__init__(forward, norm, losses.margin, seed)
        self.steps, self.n_targets, self.kind = steps, n_targets, kind
        self.alpha_max, self.eta, self.beta = alpha_max, eta, beta
        self.marks = Marks(steps, _MARKS, _PACE) if screen else Marks(0, (), 0)
        self.serves_all_radii = not screen  # prospects are those at one radius
        self.searched: dict[
            int, torch.Tensor
        ] = {}  # restart -> bool: samples for which a search ran to its end

    def run(self, batch: Batch, found: Found, restart: int) -> None:
        searched = self.searched.setdefault(restart, torch.zeros_like(found.broken))
        batch = self._with_classes(batch.select((~searched[batch.row]).nonzero()[:, 0]), found)
        if not len(batch):
            return
        if self.kind == "targeted":

            def search(part: FabBatch, which: torch.Tensor, found: Found) -> None:
                part.planes = part.classes.gather(1, which[:, None])
                self._search(part, found, restart)

            batch = in_turn(self.forward, batch, batch.classes.shape[1], found, search)
        else:
            batch.planes = batch.classes
            self._search(batch, found, restart)
            batch = batch.select((~found.broken[batch.row]).nonzero()[:, 0])
        shorten_hints(self.forward, self.norm, batch, found)
        batch = batch.select((~found.broken[batch.row]).nonzero()[:, 0])
        searched[batch.row] = self.serves_all_radii

    def _with_classes(self, batch: Batch, found: Found) -> FabBatch:
        known = found.hint_distance[batch.row]
        if batch.target is not None:
            return batch.extended(FabBatch, known=known, classes=batch.target[:, None])
        logits = self.forward.logits(batch.x0)
        wrong = logits.scatter(1, batch.y[:, None], float("-inf")).nan_to_num(nan=float("-inf"))
        order = found.order_classes(batch.row, wrong.argsort(dim=1, descending=True, stable=True))
        return batch.extended(
            FabBatch, known=known, classes=order[:, : min(self.n_targets, logits.shape[1] - 1)]
        )

    def _search(self, batch: FabBatch, found: Found, restart: int) -> FabBatch:
        """steps steps towards batch.planes: the samples that still stand."""
        batch.x = self._start(batch, restart)
        batch.near = torch.full((len(batch),), float("inf"), dtype=torch.float64, device=batch.x.device)
        for k in range(self.steps):
            if not len(batch):
                return batch
            logits, value, plane = self.forward.linearised(
                batch.x, self._plane, batch.y, batch.planes, batch.mask
            )
            found.steps[batch.row] += 1
            across, kept = self._look(batch, logits, found)
            if kept is not None:
                batch, across, value, plane = batch.select(kept), across[kept], value[kept], plane[kept]
            if k in self.marks.at and (kept := self._with_prospects(batch, k)) is not None:
                batch, across, value, plane = batch.select(kept), across[kept], value[kept], plane[kept]
            if k in self.marks.half:
                batch.near_before = batch.near.clone()
            moved = torch.empty(len(batch), dtype=torch.bool, device=value.device)
            pull = torch.where(across, self.beta, 1.0)
            fab_step_(
                batch.x, batch.x0, plane, value, norm=self.norm, pull=pull, eta=self.eta, alpha_max=self.alpha_max,
                mask=batch.mask, moved=moved,
            )  # fmt: skip
            self._jump(batch, (~moved).nonzero()[:, 0], found, restart * self.steps + k)
        if len(batch):
            _, kept = self._look(batch, self.forward.logits(batch.x), found)
            batch = batch if kept is None else batch.select(kept)
        return batch

    def _with_prospects(self, batch: FabBatch, k: int) -> torch.Tensor | None:
        """The rows of which a point within the radius can be expected, or of which too little is known (None: all). A
        search is left that comes nearer too slowly, or no more although it is near.
        """
        near, before, eps = batch.near, batch.near_before, batch.eps.double()
        slow = (near < before) & before.isfinite() & (self.marks.end(near, before, k) > eps)
        still = (near == before) & (near < 1.5 * eps)
        left = slow | still
        return (~left).nonzero()[:, 0] if bool(left.any()) else None

    def _start(self, batch: FabBatch, restart: int) -> torch.Tensor:
        """The clean image; for restarts a random point, half as far away as what is known or asked for."""
        if not restart:
            return batch.x0.clone()
        return draw_start(
            batch.x0, batch.ids, self.norm, self._scale(batch) / 2, self.seed, restart, batch.mask
        )

    def _scale(self, batch: FabBatch) -> torch.Tensor:
        far = batch.known
        far = torch.where(batch.eps > 0, far.minimum(batch.eps.double()), far)
        return torch.where(far.isfinite(), far, _SCALE[self.norm]).float()

    def _jump(self, batch: FabBatch, rows: torch.Tensor, found: Found, number: int) -> None:
        """Samples without a gradient go on from a random point."""
        if not len(rows):
            return
        lost = batch.select(rows)
        found.zero_gradients[lost.row] += 1
        scale = self._scale(lost)
        batch.x[rows] = draw_start(lost.x0, lost.ids, self.norm, scale, self.seed, _JUMPS + number, lost.mask)

    def _look(self, batch: FabBatch, logits: torch.Tensor, found: Found):
        """Note the points that are across: which samples', and the rows that go on (None: all)."""
        finite = logits.isfinite().all(1)
        found.nonfinite_logits[batch.row] += ~finite
        predicted = logits.argmax(1)
        across = (predicted != batch.y) if batch.target is None else (predicted == batch.target)
        across &= finite
        rows = across.nonzero()[:, 0]
        if not len(rows):
            return across, None
        there = batch.select(rows)
        far = distance(there.x, there.x0, self.norm)
        batch.near[rows] = batch.near[rows].minimum(far)
        if not found.note(there, far).any():
            return across, None
        stands = ~found.broken[batch.row]
        if (idle := found.idle(batch.row)) is not None:
            stands &= ~idle
        return across, stands.nonzero()[:, 0]

    def _plane(self, x, logits, y, classes, mask):
        """Logits, and the nearest linearised boundary: z_t - z_y at x in units of its largest slope, and its slopes."""
        z = losses.unit_spread(logits)
        differences = z.gather(1, classes) - z.gather(1, y[:, None])
        best = None
        for t in range(differences.shape[1]):
            keep = t + 1 < differences.shape[1]
            (slope,) = torch.autograd.grad(differences[:, t].sum(), x, retain_graph=keep, allow_unused=True)
            slope = torch.zeros_like(x) if slope is None else slope
            if mask is not None:
                slope = torch.where(mask[:, None], slope, 0)
            top = slope.abs().flatten(1).amax(1)
            usable = (top > 0) & top.isfinite()
            top = torch.where(usable, top, 1)
            slope = torch.where(usable.view(-1, *[1] * (x.dim() - 1)), slope, 0) / top.view(
                -1, *[1] * (x.dim() - 1)
            )
            value = differences[:, t].detach() / top
            if not keep and best is None:
                return logits.detach(), value, slope
            far = torch.where(usable, value.abs().double() / self._steepness(slope), float("inf"))
            if best is None:
                best, nearest, planes = value, far, slope
            else:
                nearer = far < nearest
                best, nearest = torch.where(nearer, value, best), torch.where(nearer, far, nearest)
                planes = torch.where(nearer.view(-1, *[1] * (x.dim() - 1)), slope, planes)
        return logits.detach(), best, planes

    def _steepness(self, slope: torch.Tensor) -> torch.Tensor:
        """The dual norm: how fast the plane's function can grow per unit of the attack's norm."""
        dual = {"linf": "l1", "l2": "l2", "l1": "linf"}[self.norm]
        return distance(slope, torch.zeros_like(slope), dual).clamp(min=1e-300)


def build(
    forward: Forward, norm: str, seed: int, *, steps: int, n_targets: int, kind: str = "targeted",
    alpha_max: float = 0.1, eta: float = 1.05, beta: float = 0.9, screen: int = 0,
) -> Fab:  # fmt: skip
    return Fab(
        forward,
        norm,
        seed,
        steps=steps,
        n_targets=n_targets,
        kind=kind,
        alpha_max=alpha_max,
        eta=eta,
        beta=beta,
        screen=screen,
    )


def fab(
    model: Callable,
    x: torch.Tensor,
    y: torch.Tensor,
    norm: str = "linf",
    eps: float | torch.Tensor = 8 / 255,
    steps: int = 100,
    targeted: bool = True,
    n_targets: int = 9,
    alpha_max: float = 0.1,
    eta: float = 1.05,
    beta: float = 0.9,
    restarts: int = 1,
    seed: int = 0,
    ids: torch.Tensor | None = None,
    mask: torch.Tensor | None = None,
    targets: torch.Tensor | None = None,
    precision: str = "float32",
    chunk: int | None = None,
) -> AttackResult:
    """FAB: looks for the nearest adversarial point; a sample is broken where that lies within eps.

    model, x, y, norm, eps, seed, ids, mask, precision: as in `pgd`. steps: a class and restart, one forward and one
    backward pass each. targeted: True searches towards each of the n_targets wrong classes with the highest clean
    logits in turn (FAB-T; fewer where the model has fewer classes); False takes, at every step, the nearest of their
    linearised boundaries, n_targets backward passes a step (n_targets >= K - 1: the paper's untargeted attack).
    alpha_max: largest weight of the bias towards x. eta: overshoot. beta: how far a point across the boundary is
    pulled back, 1 = not at all. restarts: the first starts at x, the others at random points half as far away as the
    nearest find or eps. targets: classes (B,) to reach.

    Points beyond eps are kept for the larger radii of a sweep, which therefore searches once. x_adv of samples that
    stand is their clean image. Raises AdvSpurError for what it cannot use. Source: Croce & Hein 2020.
    """
    where = "attacks.fab"
    for name, value, low, high in (
        ("alpha_max", alpha_max, 0, 1), ("eta", eta, 0, float("inf")), ("beta", beta, 0, 1),
    ):  # fmt: skip
        if not isinstance(value, (int, float)) or not low <= value <= high:
            raise bad(where, name, value, f"a number in [{low}, {high}]")
    given = {
        "steps": steps, "n_targets": n_targets, "kind": "targeted" if targeted else "untargeted",
        "alpha_max": alpha_max, "eta": eta, "beta": beta,
    }  # fmt: skip
    stages = [Stage("fab", settle(where, "fab", given), whole(where, "restarts", restarts))]
    return attack_once(
        where, model, x, y, norm, eps, stages, seed=seed, ids=ids, mask=mask, targets=targets, precision=precision,
        chunk=chunk,
    )  # fmt: skip
