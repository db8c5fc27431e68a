"""The radii of a sweep as rungs of a ladder: which one each sample is tried at, and what is known at the others.

Downwards: every sample is tried at the largest radius first. A sample that stands there is not tried at smaller ones:
their balls lie inside the one that was searched. One that breaks goes on below, from its point brought into the smaller
ball. So a sample pays for one search that fails, not for one at every radius, and large balls, where a search sees more
of the network, give the starts for small ones. A sample that stands narrowly is searched once more, from another start.
Upwards: for attacks whose one search serves every radius.
"""

from __future__ import annotations

import torch

from pyadvspur.attacks.balls import distance, inside
from pyadvspur.attacks.run import Run
from pyadvspur.native.step import step_

# Of the clean margin left: such a sample is searched once more. In l2, where falling and the larger balls leave less to
# find, one such search in 24 broke anything, and they were a quarter of all gradients.
NEAR = {"linf": 0.25, "l2": 0.1, "l1": 0.25}


class Rungs:
    """The state of a sweep over E radii and B samples.

    high: int64 (B,), the lowest rung that is known to break the sample; E: none, 0: also wrong without an attack.
    point: the point that does, or else the clean image. worst: of a search that failed. prediction: int64 (E, B),
    margin: float32 (E, B), distance: float32 (E, B), at that point, below it at the worst one seen inside the radius.
    """

    def __init__(self, run: Run, radii: tuple[float, ...]):
        self.run, device = run, run.batch.x.device
        self.radii = torch.tensor(radii, dtype=torch.float64, device=device)
        self.least = int((self.radii <= 0).sum())  # a ball of radius 0 is the clean image: nothing to try
        self.wrong = run.found.broken.clone()
        self.high = torch.where(self.wrong, 0, len(radii))
        self.tried = torch.full_like(self.high, -1)  # the rung at which the sample stood
        self.point, self.worst = run.batch.x.clone(), run.batch.x.clone()
        self.by = run.found.broken_by.clone()  # which member found the point
        shape = (len(radii), len(self.high))
        self.prediction, self.margin = run.prediction.expand(shape).clone(), run.margin.expand(shape).clone()
        self.distance = torch.zeros(shape, device=device)

    @property
    def broken(self) -> torch.Tensor:
        """bool (E, B)."""
        return self.high <= torch.arange(len(self.radii), device=self.high.device)[:, None]

    # the two orders

    def down(self) -> None:
        run, found = self.run, self.run.found
        rows = (self.high > self.least).nonzero()[:, 0]
        again = torch.zeros_like(self.wrong)  # searched a second time at its rung
        while len(rows):
            rung = self.high[rows] - 1
            eps = torch.zeros_like(run.margin)
            eps[rows] = self.radii[rung].float()
            found.x[rows] = self._starts(rows, eps[rows], again[rows])
            found.loss[rows] = float("-inf")
            run.least_margin[rows] = run.clean_margin[rows]  # prospects are those inside this ball
            found.broken.fill_(True)
            found.broken[rows] = False
            run.attack(eps, warm=True)
            stood = ~found.broken[rows]
            self._stand(rows[stood], rung[stood])
            hit = rows[~stood]
            self._break(hit, rung[~stood], found.x[hit])
            self._fall(hit)
            near = rows[stood & ~again[rows] & self._near(rows, rung)]
            again[hit], again[near] = False, True
            rows = torch.cat([hit[self.high[hit] > self.least], near]).sort().values
        self._look_below()
        self._share()
        found.broken_by.copy_(self.by)  # the last search of a sample failed

    def _starts(self, rows: torch.Tensor, eps: torch.Tensor, again: torch.Tensor) -> torch.Tensor:
        """The point that broke the sample above, brought in; the clean image at the top. The second time the other way
        round: the clean image, at the top the worst point of the first search.
        """
        clean, shape = self.run.batch.x[rows], (-1, *[1] * (self.point.dim() - 1))
        top = self.high[rows] == len(self.radii)
        warm = torch.where(top.view(shape), self.worst[rows], self._brought_in(rows, self.point[rows], eps))
        return torch.where((top ^ again).view(shape), clean, warm)

    def _near(self, rows: torch.Tensor, rung: torch.Tensor) -> torch.Tensor:
        """Which samples nearly broke. Of an ensemble none: its members are second looks already."""
        if len(self.run.stages) > 1:
            return torch.zeros_like(self.wrong[rows])
        return self.margin[rung, rows] < NEAR[self.run.norm] * self.run.clean_margin[rows]

    def up(self) -> None:
        run, found = self.run, self.run.found
        for rung in range(self.least, len(self.radii)):
            before = found.broken.clone()
            run.attack(self.radii[rung].float().expand(len(before)).contiguous(), warm=rung > self.least)
            hit = (found.broken & ~before).nonzero()[:, 0]
            self._break(hit, torch.full_like(hit, rung), found.x[hit])
            rows = (~found.broken).nonzero()[:, 0]
            self._stand(rows, torch.full_like(rows, rung))
        self._share()

    # what is known

    def _break(self, rows: torch.Tensor, rung: torch.Tensor, x: torch.Tensor) -> None:
        """x breaks these samples, verified just now, at these rungs."""
        self.high[rows], self.point[rows] = rung, x
        self.by[rows] = self.run.found.broken_by[rows]
        self._write(rows, rung, x, self.run.prediction[rows], self.run.margin[rows])

    def _stand(self, rows: torch.Tensor, rung: torch.Tensor) -> None:
        """These samples stood a search at these rungs; found.x is its worst point."""
        worse = ~(self.run.margin[rows] >= self.margin[rung, rows]) | (self.tried[rows] != rung)
        rows, rung = rows[worse], rung[worse]
        self.tried[rows], self.worst[rows] = rung, self.run.found.x[rows]
        self._write(rows, rung, self.run.found.x[rows], self.run.prediction[rows], self.run.margin[rows])

    def _write(self, rows, rung, x, prediction, margin) -> None:
        self.prediction[rung, rows], self.margin[rung, rows] = prediction, margin
        self.distance[rung, rows] = distance(x, self.run.batch.x[rows], self.run.norm).float()

    def _brought_in(self, rows: torch.Tensor, x: torch.Tensor, eps: torch.Tensor) -> torch.Tensor:
        """Points x of these samples, brought into their balls of radii eps and the box."""
        whole = self.run.batch
        mask = None if whole.mask is None else whole.mask[rows]
        x = (
            x.clone()
        )  # moved by a step of length 0: it projects, with the same care for rounding as every later step
        return step_(
            x, whole.x[rows], torch.ones_like(x), norm=self.run.norm, eps=eps, step_size=0.0, mask=mask
        )

    def _look(self, rows: torch.Tensor, x: torch.Tensor, rung: torch.Tensor):
        """x brought into the balls of these rungs: the points, prediction, margin, and whether they break a sample."""
        run, eps = self.run, self.radii[rung].float()
        x = self._brought_in(rows, x, eps)
        prediction, margin, aim = run._judge(run.forward.logits(x), rows)
        return x, prediction, margin, aim & inside(distance(x, run.batch.x[rows], run.norm), eps)

    def _fall(self, rows: torch.Tensor) -> None:
        """How far down do the points reach as they are? The lowest rung, by bisection."""
        low, high = torch.full_like(self.high[rows], self.least - 1), self.high[rows]
        start = self.point[rows]
        while len(rows := rows[(go := low + 1 < high)]):
            low, high, start = low[go], high[go], start[go]
            rung = (low + high) // 2
            x, prediction, margin, breaks = self._look(rows, start, rung)
            lower = breaks.nonzero()[:, 0]
            self.high[rows[lower]], self.point[rows[lower]] = rung[lower], x[lower]
            self._write(rows[lower], rung[lower], x[lower], prediction[lower], margin[lower])
            low, high = torch.where(breaks, low, rung), torch.where(breaks, rung, high)

    def _look_below(self) -> None:
        """Samples that stood: their worst points, brought into the smaller balls that were not searched."""
        for rung in range(len(self.radii) - 2, self.least - 1, -1):
            rows = (self.tried > rung).nonzero()[:, 0]
            if not len(rows):
                continue
            at = torch.full_like(rows, rung)
            x, prediction, margin, breaks = self._look(rows, self.worst[rows], at)
            self._write(rows, at, x, prediction, margin)
            hit = rows[breaks]  # rare: inside out, a point of a smaller ball can be worse
            self.high[hit], self.point[hit] = rung, x[breaks]
            self.by[hit] = self.by[hit].clamp(min=0)

    def _share(self) -> None:
        """A point counts for every larger radius: the one that broke the sample, or the worst one."""
        for rung in range(1, len(self.radii)):
            below = self.high <= rung - 1
            better = below | ((self.high > rung) & ~(self.margin[rung] <= self.margin[rung - 1]))
            for table in (self.prediction, self.margin, self.distance):
                table[rung] = torch.where(better, table[rung - 1], table[rung])
