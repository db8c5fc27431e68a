"""Square on few samples: several queries of a sample in one call of the model.

Most queries change nothing. So the next ones are all asked from the point that is best now. Up to the first that
changes it the answers are those of asking one by one; the later ones are thrown away and asked again. What comes out is
the same to the last bit, and a call that would be mostly padding is full.
"""

from __future__ import annotations

import torch

from pyadvspur.attacks.balls import distance
from pyadvspur.attacks.copies import room
from pyadvspur.attacks.searcher import Found
from pyadvspur.native.square import square_

LONGEST = 16  # queries ahead
WORTHWHILE = 16  # with more samples than a sixteenth of what calls hold, one by one is as fast


class Lead:
    """How many queries to ask at once: more while few of the answers are thrown away."""

    def __init__(self):
        self.length = 4

    def at(self, forward, alive: int, x: torch.Tensor, left: int) -> int:
        """For this many samples, with `left` queries before windows change or prospects are judged."""
        return min(self.length, left) if alive and room(forward, x) // alive >= WORTHWHILE else 1

    def learn(self, asked: int, used: int) -> None:
        if used * 2 > asked:
            self.length = min(self.length * 2, LONGEST)
        elif used * 4 < asked:
            self.length = max(self.length // 2, 2)


def ask(square, batch, found: Found, queries: range, tiles, number: int, lead: Lead) -> None:
    """These queries of every living sample; afterwards batch is as if they had been asked one by one."""
    done = torch.zeros(len(batch), dtype=torch.int64, device=batch.row.device)  # queries behind each sample
    order = torch.arange(len(queries), device=done.device)
    asked = used = 0
    while True:
        at, of = ((order[:, None] >= done) & batch.alive).nonzero(as_tuple=True)  # by query, then by sample
        if not len(at):
            break
        part = batch.select(of)
        part.x = part.best.clone()
        start = 0
        for place, count in enumerate(torch.bincount(at, minlength=len(queries)).tolist()):
            if count:
                rows = slice(start, start + count)
                _propose(square, part, rows, tiles, number, queries[place])
                start += count
        loss, worse, hit, finite = square.value(square.forward.logits(part.x), part)
        change = (loss > part.best_loss) | hit

        table = torch.zeros(len(queries), len(batch), dtype=torch.bool, device=done.device)
        table[at, of] = change
        first = torch.where(table.any(0), table.int().argmax(0), len(queries) - 1)
        counts = at <= first[of]
        asked, used = asked + len(at), used + int(counts.sum())
        found.nonfinite_logits.index_add_(0, part.row[counts], (~finite[counts]).long())
        batch.asked.index_add_(0, of[counts], torch.ones_like(of[counts]))
        done[of] = first[of] + 1

        took = (change & (at == first[of])).nonzero()[:, 0]  # one of a sample at most
        square.take(batch, of[took], part.select(took), loss[took], worse[took])
        hits = took[hit[took]]
        if len(hits):
            broke = part.select(hits)
            found.note(broke, distance(broke.x, broke.x0, square.norm))
            square.bury(batch, found)
    batch.x = batch.best.clone()
    lead.learn(asked, used)


def _propose(square, part, rows: slice, tiles, number: int, query: int) -> None:
    def cut(tensor):
        return None if tensor is None else tensor[rows]

    square_(
        part.x[rows], part.best[rows], part.x0[rows], norm=square.norm, eps=part.eps[rows], ids=part.ids[rows],
        field=part.field[rows], side=part.side[rows], window=part.window[rows], seed=square.seed, stream=number,
        query=query, tiles=tiles, tile_at=cut(part.tile_at), mask=cut(part.mask),
    )  # fmt: skip
