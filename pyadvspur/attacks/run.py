"""One batch under attack: a clean look, then radius after radius on what survives, each find verified."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from pyadvspur.attacks import losses
from pyadvspur.attacks.balls import distance, inside
from pyadvspur.attacks.forward import Forward
from pyadvspur.attacks.guard import Checked, evaluating
from pyadvspur.attacks.loop import Batch, Found, Loop
from pyadvspur.attacks.phases import PhasedLoop
from pyadvspur.errors import bad


@contextmanager
def attacking(
    model: Callable, batch: Checked, norm: str, loss: str, steps: int, step_size, seed: int, precision: str,
    chunk: int | None = None,
) -> Iterator[Run]:  # fmt: skip
    """A run over a checked batch; the model is as it was afterwards, and logits that were not finite are
    warned of.
    """
    with evaluating(model), Forward(model, chunk) as exact, Forward(model, chunk, precision) as fast:
        kind = Loop if norm == "linf" else PhasedLoop
        loop = kind(exact if precision == "float32" else fast, norm, loss, steps, seed)
        yield Run(exact, loop, batch, step_size)
    if loop.nonfinite_logits:
        warnings.warn(
            f"attacks: the model gave logits that are not finite {loop.nonfinite_logits} times; such a point never "
            "counts as broken",
            RuntimeWarning,
            stacklevel=4,
        )


class Run:
    """The state of one batch: what was found, and what the float32 model says of it.

    prediction: int64 (B,), -2 where logits were not finite. margin: float32 (B,), z_y - max other, NaN there.
    Both at found.x. clean_correct: bool (B,).
    """

    def __init__(self, forward: Forward, loop: Loop, batch: Checked, step_size: torch.Tensor | None):
        self.forward, self.loop, self.batch, self.step_size = forward, loop, batch, step_size
        self.found = Found(batch.x)
        logits, loss = forward.values(batch.x, self._clean_loss, batch.y, batch.targets)
        self.prediction, self.margin, self.found.broken = self._judge(logits, slice(None))
        self.found.loss = loss
        self.clean_correct = self.prediction == batch.y

    def _clean_loss(self, logits, y, targets):
        for name, labels in (("y", y), ("targets", targets)):
            if labels is not None and len(labels) and int(labels.max()) >= logits.shape[1]:
                raise bad(
                    "attacks", name, int(labels.max()), f"classes below the model's {logits.shape[1]} outputs"
                )
        return self.loop.loss(logits, y, targets)

    def _judge(self, logits: torch.Tensor, rows):
        """Prediction, margin, and whether the attack's aim is met, at logits of these rows."""
        y, targets = self.batch.y[rows], self.batch.targets
        finite = logits.isfinite().all(1)
        self.loop.nonfinite_logits += int((~finite).sum())
        prediction = torch.where(finite, logits.argmax(1), -2)
        margin = torch.where(finite, losses.signed_margin(logits, y), float("nan"))
        aim = prediction != y if targets is None else prediction == targets[rows]
        return prediction, margin, aim & finite

    def attack(self, eps: torch.Tensor, restarts: int, warm: bool = False) -> None:
        """Attack the survivors at radii eps (B,). warm: the first restart starts from the worst point so
        far.
        """
        found = self.found
        known = ~found.broken & inside(found.hint_distance, eps)
        tried = (~found.broken & (eps > 0)).nonzero()[:, 0]
        rows = known.nonzero()[:, 0]
        found.x[rows], found.broken[rows] = found.hint[rows], True
        for restart in range(restarts):
            rows = (~found.broken & (eps > 0)).nonzero()[:, 0]
            if not len(rows):
                break
            self.loop.run(self._select(rows, eps, warm, restart), found, restart)
        self._verify(tried, eps)

    def _select(self, rows: torch.Tensor, eps: torch.Tensor, warm: bool, restart: int) -> Batch:
        whole, found = self.batch, self.found
        start = None
        if restart == 0:
            start = found.x[rows] if warm else whole.x[rows]
        return Batch(
            rows, whole.ids[rows], whole.x[rows], whole.y[rows], eps[rows], x=start,
            mask=None if whole.mask is None else whole.mask[rows],
            target=None if whole.targets is None else whole.targets[rows],
            size=None if self.step_size is None else self.step_size[rows],
        )  # fmt: skip

    def _verify(self, rows: torch.Tensor, eps: torch.Tensor) -> None:
        """A forward of its own at the reported points, the ball and the box: only then is a sample broken."""
        if not len(rows):
            return
        x, x0 = self.found.x[rows], self.batch.x[rows]
        self.prediction[rows], self.margin[rows], aim = self._judge(self.forward.logits(x), rows)
        fits = inside(distance(x, x0, self.loop.norm), eps[rows]) & ((x >= 0) & (x <= 1)).flatten(1).all(1)
        self.found.broken[rows] = aim & fits
