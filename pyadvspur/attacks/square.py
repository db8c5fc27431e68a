"""Square: random search by windows; asks a model for its outputs alone. Andriushchenko et al. 2020.

Every sample has its own windows and signs, drawn from (seed, id, restart, query): results do not depend on the batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch

from pyadvspur.attacks import square_windows as windows
from pyadvspur.attacks.balls import distance
from pyadvspur.attacks.forward import CHUNK_CPU, CHUNK_CUDA, Forward
from pyadvspur.attacks.losses import signed_margin
from pyadvspur.attacks.result import AttackResult, attack_once
from pyadvspur.attacks.searcher import Batch, Found, Searcher
from pyadvspur.attacks.square_ahead import Lead, ask
from pyadvspur.attacks.stage import Stage, settle, whole
from pyadvspur.errors import bad
from pyadvspur.native.square import settle_, square_
from pyadvspur.streams import SQUARE, stream


def margin(z: torch.Tensor, y: torch.Tensor, target: torch.Tensor | None = None) -> torch.Tensor:
    """max_{i != y} z_i - z_y; targeted: z_t - max_{i != t} z_i. Only compared within a sample: its scale is free."""
    return -signed_margin(z, y) if target is None else signed_margin(z, target)


def entropy(
    z: torch.Tensor, y: torch.Tensor, target: torch.Tensor | None, scale: torch.Tensor
) -> torch.Tensor:
    """logsumexp of the other logits minus the right one, a growing function of cross-entropy; logits times scale."""
    z = z * scale[:, None]
    right = y if target is None else target
    rest = torch.logsumexp(z.scatter(1, right[:, None], float("-inf")), 1)
    gap = rest - z.gather(1, right[:, None])[:, 0]
    return gap if target is None else -gap


# Queries, in 125ths of all, at which the margin is noted; at three of them prospects are judged, by the fall since ...
MARKS = (1, 5, 10, 25, 50)
_SINCE = {5: 1, 25: 5, 50: 10}


@dataclass
class SquareBatch(Batch):
    alive: torch.Tensor | None = None  # not broken yet; rows are only taken out where that saves a model call
    field: torch.Tensor | None = None  # box around the free pixels, int32 (B, 4)
    area: torch.Tensor | None = None  # how many are free
    side: torch.Tensor | None = None  # of the windows now, int32 (B, 2)
    tile_at: torch.Tensor | None = None
    window: torch.Tensor | None = None  # top left corners of the last query, int32 (B, 2)
    scale: torch.Tensor | None = None  # of the logits, for the loss "ce"
    best_margin: torch.Tensor | None = None
    asked: torch.Tensor | None = None  # model calls
    marks: torch.Tensor | None = None  # best margin at each of MARKS (B, 5), where prospects are looked at


class Square(Searcher):
    def __init__(
        self, forward: Forward, norm: str, seed: int, *, queries: int, p: float, loss: str, screen: int = 0
    ):
        super().__init__(forward, norm, margin, seed)
        self.queries, self.p, self.kind, self.screen = queries, p, loss, screen

    def run(self, batch: Batch, found: Found, restart: int) -> None:
        if batch.x0.dim() != 4:
            raise bad(
                "attacks.square", "x", f"shape {tuple(batch.x0.shape)}", "images (B, C, H, W)",
                "give rows of a table as images of height 1, (B, 1, 1, n), and a model that flattens them",
            )  # fmt: skip
        batch = self._begin(batch, restart)
        batch = self._judge(batch, found, first=True)
        tiles, size, query, lead, number = None, None, 0, Lead(), stream(SQUARE, restart)
        stops = self._stops()
        while query < self.queries:
            if not len(batch):
                return
            if (now := windows.share(query, self.queries, self.p)) != size:
                size = now
                tiles = self._resize(batch, size)
            left = next(stop for stop in stops if stop > query) - query
            together = lead.at(self.forward, int(batch.alive.sum()), batch.x, left)
            if together > 1:
                batch = batch.select(batch.alive.nonzero()[:, 0])
                ask(self, batch, found, range(query, query + together), tiles, number, lead)
            else:
                square_(
                    batch.x, batch.best, batch.x0, norm=self.norm, eps=batch.eps, ids=batch.ids, field=batch.field,
                    side=batch.side, window=batch.window, seed=self.seed, stream=number, query=query,
                    tiles=tiles, tile_at=batch.tile_at, mask=batch.mask,
                )  # fmt: skip
                batch = self._judge(batch, found)
            query += together
            for place, mark in enumerate(MARKS):
                if self.screen and query == self.queries * mark // 125:
                    batch.marks[:, place] = batch.best_margin
                    batch = self._without_prospect(batch, found, place)
        self._count(batch, found, batch.alive)
        batch = batch.select(batch.alive.nonzero()[:, 0])
        batch.best_loss = batch.best_margin
        found.held(batch)

    def _stops(self) -> list[int]:
        """Numbers of queries at which something else happens: other windows, prospects, the end."""
        marks = {self.queries * mark // 125 for mark in MARKS} if self.screen else set()
        return sorted(marks | windows.changes(self.queries, self.p) | {self.queries})

    def _begin(self, batch: Batch, restart: int) -> SquareBatch:
        """The first points: what a smaller radius found, brought to this one, or stripes and tiles."""
        field, area = windows.free_field(batch.mask, batch.x0)
        device, n = batch.x0.device, len(batch)
        new = batch.extended(
            SquareBatch, x0=batch.x0.contiguous(), field=field, area=area,
            alive=torch.ones(n, dtype=torch.bool, device=device),
            window=torch.zeros(n, 2, dtype=torch.int32, device=device),
            asked=torch.zeros(n, dtype=torch.int64, device=device),
        )  # fmt: skip
        x = windows.first_point(new.x0, new.ids, self.norm, new.eps, self.seed, restart, new.mask)
        if batch.x is not None:
            d = batch.x - new.x0
            known = (d != 0).flatten(1).any(1).view(-1, 1, 1, 1)
            if self.norm == "linf":  # stripes where the known point says nothing
                d = torch.where(d != 0, d, x - new.x0)
            x = torch.where(known, windows.to_radius(new.x0, d, self.norm, new.eps, new.mask), x)
        new.x, new.best = x, x.clone()
        new.marks = torch.full((n, len(MARKS)), float("-inf"), device=device)
        return new

    def _without_prospect(self, batch: SquareBatch, found: Found, number: int) -> SquareBatch:
        """Only samples go on that may break before the end, going by how the margin fell with the logarithm of the
        queries since a fifth of them. docs/attacks-fab-square.md has the rules and what they are drawn from.
        """
        if MARKS[number] not in _SINCE:
            return batch
        best, reached = (
            batch.best_margin,
            found.loss[batch.row],
        )  # here, and by earlier attacks with gradients
        fell = best - batch.marks[:, MARKS.index(_SINCE[MARKS[number]])]
        left = math.log(125 / MARKS[number], 5)  # 1: as far to go as from the earlier mark to this
        if MARKS[number] == 5:
            clean = margin(self.forward.logits(batch.x0), batch.y, batch.target)
            hopeless = (best + 2 * left * fell < 0) & (best - clean < 0.6 * (reached - clean))
        else:
            hopeless = (best + 2 * left * fell < 0) | ((best + left * fell < 0) & (best < reached))
        hopeless &= batch.alive
        self._count(batch, found, hopeless)
        batch.alive &= ~hopeless
        return self._compact(batch) if bool(hopeless.any()) else batch

    def _resize(self, batch: SquareBatch, size: float) -> torch.Tensor | None:
        """Windows that cover this share of the free pixels; returns their patterns."""
        batch.side = windows.sides(batch.area * size, *batch.x0.shape[2:], self.norm)
        if self.norm == "linf":
            return None
        tiles, batch.tile_at = windows.table(batch.side, self.norm)
        return tiles

    def _judge(self, batch: SquareBatch, found: Found, first: bool = False) -> SquareBatch:
        """Ask the model about batch.x: hand over what broke, keep what is worse for it. The samples that go on."""
        logits = self.forward.logits(batch.x)
        batch.asked += 1
        if first and self.kind == "ce":
            batch.scale = _scale(logits)
        loss, worse, hit, finite = self.value(logits, batch)
        found.nonfinite_logits[batch.row] += ~finite & batch.alive
        hits = (hit & batch.alive).nonzero()[:, 0]
        if len(hits):
            broke = batch.select(hits)
            found.note(broke, distance(broke.x, broke.x0, self.norm))
            self.bury(batch, found)
        if first:
            batch.best_loss, batch.best_margin = loss, worse
        else:
            better = loss > batch.best_loss
            batch.best_loss = torch.where(better, loss, batch.best_loss)
            batch.best_margin = torch.where(better, worse, batch.best_margin)
            self._keep(batch, better)
        return self._compact(batch) if len(hits) else batch

    def value(self, logits: torch.Tensor, batch: SquareBatch):
        """At these logits: the loss that a query has to raise, the margin, whether the sample broke, finiteness."""
        worse = margin(logits, batch.y, batch.target)
        predicted = logits.argmax(1)
        hit = (predicted != batch.y) if batch.target is None else (predicted == batch.target)
        finite = logits.isfinite().all(1)
        worse = torch.where(finite, worse, float("-inf"))
        loss = worse
        if self.kind == "ce":
            loss = entropy(logits, batch.y, batch.target, batch.scale)
            loss = torch.where(finite & loss.isfinite(), loss, float("-inf"))
        return loss, worse, hit & finite, finite

    def take(self, batch: SquareBatch, rows: torch.Tensor, part: SquareBatch, loss, worse) -> None:
        """part.x, one row for each of these rows of batch, is what they go on from where the loss rose."""
        better = loss > batch.best_loss[rows]
        rows = rows[better]
        batch.best[rows], batch.best_loss[rows], batch.best_margin[rows] = (
            part.x[better],
            loss[better],
            worse[better],
        )

    def bury(self, batch: SquareBatch, found: Found) -> None:
        """Samples that broke take no part any more."""
        self._count(batch, found, found.broken[batch.row] & batch.alive)
        batch.alive &= ~found.broken[batch.row]

    def _keep(self, batch: SquareBatch, better: torch.Tensor) -> None:
        if self.norm == "linf":
            settle_(batch.x, batch.best, batch.window, batch.side, better)
        else:
            rows = better.nonzero()[:, 0]
            batch.best[rows] = batch.x[rows]

    def _count(self, batch: SquareBatch, found: Found, which: torch.Tensor) -> None:
        rows = which.nonzero()[:, 0]
        found.steps[batch.row[rows]] += batch.asked[rows]

    def _compact(self, batch: SquareBatch) -> SquareBatch:
        """Take out broken samples where that saves a call of the model."""
        size = self.forward.chunk or (CHUNK_CUDA if batch.x.is_cuda else CHUNK_CPU)
        alive = int(batch.alive.sum())
        if -(-alive // size) == -(-len(batch) // size):
            return batch
        return batch.select(batch.alive.nonzero()[:, 0])


def _scale(logits: torch.Tensor) -> torch.Tensor:
    """What brings logits to a spread of 3: one number a sample, so that values of its queries can be compared."""
    spread = (logits - logits.mean(1, keepdim=True)).abs().mean(1)
    return torch.where((spread > 0) & spread.isfinite(), 3 / spread, 1.0)


def build(
    forward: Forward,
    norm: str,
    seed: int,
    *,
    queries: int,
    p: float = 0.8,
    loss: str = "margin",
    screen: int = 0,
) -> Square:
    if not 0 < p <= 1:
        raise bad("attacks.square", "p", p, "a share in (0, 1]")
    return Square(forward, norm, seed, queries=queries, p=p, loss=loss, screen=screen)


def square(
    model: Callable,
    x: torch.Tensor,
    y: torch.Tensor,
    norm: str = "linf",
    eps: float | torch.Tensor = 8 / 255,
    queries: int = 5000,
    p: float = 0.8,
    loss: str = "margin",
    restarts: int = 1,
    seed: int = 0,
    ids: torch.Tensor | None = None,
    mask: torch.Tensor | None = None,
    targets: torch.Tensor | None = None,
    chunk: int | None = None,
) -> AttackResult:
    """Square: random search that needs no gradient; any model that gives logits will do.

    model, x, y, norm, eps, seed, ids, mask, targets: as in `pgd`; x: images (B, C, H, W) of any size. queries: model
    calls a restart, after the one for the start. p: the share of the image, or of its free pixels, that the first
    windows cover; it falls to p/512 by a schedule stretched over the queries. loss: "margin" or "ce", what a query has
    to worsen. restarts: each begins at stripes or tiles of its own.

    A sample's windows and signs are its own and depend on (seed, id, restart, query) alone. With a mask, windows lie
    in the smallest box around the free pixels. In a sweep a larger radius begins at what the smaller one found,
    brought to the new radius. Raises AdvSpurError for what it cannot use. Source: Andriushchenko et al. 2020; l1: as in
    AutoAttack.
    """
    where = "attacks.square"
    options = settle(where, "square", {"queries": queries, "p": p, "loss": loss})
    stages = [Stage("square", options, whole(where, "restarts", restarts))]
    return attack_once(
        where, model, x, y, norm, eps, stages, seed=seed, ids=ids, mask=mask, targets=targets, chunk=chunk
    )
