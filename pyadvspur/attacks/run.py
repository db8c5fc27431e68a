"""One batch under attack: a clean look, then radius after radius on what survives, each find verified."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

import torch

from pyadvspur.attacks import acceleration, losses
from pyadvspur.attacks.balls import distance, inside
from pyadvspur.attacks.copies import in_turn
from pyadvspur.attacks.forward import Forward, NoGradientError, settle_precision
from pyadvspur.attacks.gradient_report import GradientReport, saturated
from pyadvspur.attacks.guard import Checked, evaluating
from pyadvspur.attacks.layout import last_weights
from pyadvspur.attacks.searcher import Batch, Found, Searcher
from pyadvspur.attacks.stage import Stage
from pyadvspur.errors import bad


@contextmanager
def attacking(
    model: Callable, batch: Checked, norm: str, stages: Sequence[Stage], seed: int = 0,
    precision: str = "float32", chunk: int | None = None, step_size: torch.Tensor | None = None,
) -> Iterator[Run]:  # fmt: skip
    """A run of these stages over a checked batch; the model is as it was afterwards, and what a reader should know of
    (logits that were not finite, notes) is warned of in one line each.
    """
    for stage in stages:
        if norm not in stage.member.norms:
            raise bad("attacks", "norm", repr(norm), f"one of {stage.member.norms} for {stage.attack!r}")
    precision, mode = settle_precision(precision, batch.x.device), acceleration.current()
    with evaluating(model), ExitStack() as stack:
        exact = forward = stack.enter_context(Forward(model, chunk))
        plain = precision == "float32" and mode == "none"
        weights = last_weights(model, batch.x) if plain else None
        if weights or not plain:
            forward = stack.enter_context(Forward(model, chunk, precision, mode, weights))
        searchers = [stage.member.build(forward, norm, seed, **dict(stage.options)) for stage in stages]
        run = Run(exact, stages, searchers, batch, step_size)
        yield run
    if run.nonfinite_logits:
        warnings.warn(
            f"attacks: the model gave logits that are not finite {run.nonfinite_logits} times; such a point never "
            "counts as broken",
            RuntimeWarning,
            stacklevel=4,
        )
    if run.report.text:
        warnings.warn(f"attacks: {run.report.text}", RuntimeWarning, stacklevel=4)
    if run._notes:
        warnings.warn(f"attacks: {'; '.join(run._notes)}", RuntimeWarning, stacklevel=4)


class Run:
    """The state of one batch: what was found, and what the float32 model says of it.

    prediction: int64 (B,), -2 where logits were not finite. margin: float32 (B,), z_y - max other, NaN there.
    Both at found.x. clean_correct: bool (B,). members: names of the stages, in order; found.broken_by indexes them.
    notes: what ran otherwise than asked.
    """

    def __init__(
        self, forward: Forward, stages: Sequence[Stage], searchers: Sequence[Searcher], batch: Checked,
        step_size: torch.Tensor | None = None,
    ):  # fmt: skip
        self.forward, self.stages, self.searchers = forward, list(stages), list(searchers)
        self.batch, self.step_size = batch, step_size
        self.members = tuple(stage.name for stage in stages)
        self.norm = searchers[0].norm
        self._notes: list[str] = []
        self.refused: set[int] = set()  # stages that cannot attack this model
        self.nonfinite_verified = 0
        self.found = Found(batch.x)
        self.logits = forward.logits(batch.x)
        for name, labels in (("y", batch.y), ("targets", batch.targets)):
            self._check_labels(name, labels)
        self.prediction, self.margin, self.found.broken = self._judge(self.logits, slice(None))
        self.clean_correct = self.prediction == batch.y
        self.clean_margin, self.least_margin = self.margin.clone(), self.margin.clone()
        self.saturated = saturated(self.logits, batch.y) & self.clean_correct
        self._nonfinite_clean = int((self.prediction == -2).sum())
        self._rank(searchers[0], slice(None))
        for stage in stages:
            self._note(
                losses.shortage(self._loss_name(stage), self.logits.shape[1], batch.targets is not None)
            )

    @property
    def nonfinite_logits(self) -> int:
        return self.nonfinite_verified + int(self.found.nonfinite_logits.sum())

    @property
    def notes(self) -> list[str]:
        """What ran otherwise than asked."""
        said = (
            forward.note for forward in (self.forward, *(searcher.forward for searcher in self.searchers))
        )
        return list(dict.fromkeys([*self._notes, *filter(None, said)]))

    @property
    def report(self) -> GradientReport:
        """Signs so far that the gradients mislead."""
        found, right = self.found, self.clean_correct
        gradient_free = [
            number for number, stage in enumerate(self.stages) if not stage.member.needs_gradient
        ]
        alone = len(gradient_free) + len(self.refused) >= len(self.stages)
        by_black_box = torch.isin(found.broken_by, found.broken_by.new_tensor(gradient_free)) & right
        return GradientReport(
            int(right.sum()), int((found.no_gradient & right).sum()), self._nonfinite_clean, int(self.saturated.sum()),
            int((found.ended & right).sum()), int((found.ended & ~found.rose & right).sum()),
            0 if alone else int(by_black_box.sum()),
        )  # fmt: skip

    @property
    def zero_gradients(self) -> int:
        return int(self.found.zero_gradients.sum())

    @property
    def calls(self) -> tuple[int, int]:
        """Samples that went through the model without and with a gradient."""
        forwards = {self.forward, *(searcher.forward for searcher in self.searchers)}
        return sum(f.n_forward for f in forwards), sum(f.n_gradient for f in forwards)

    @staticmethod
    def _loss_name(stage: Stage) -> str:
        return str({**stage.member.options, **dict(stage.options)}.get("loss", ""))

    def _note(self, text: str) -> None:
        if text and text not in self._notes:
            self._notes.append(text)

    def _check_labels(self, name: str, labels: torch.Tensor | None) -> None:
        classes = self.logits.shape[1]
        if labels is not None and len(labels) and int(labels.max()) >= classes:
            raise bad("attacks", name, int(labels.max()), f"classes below the model's {classes} outputs")

    def _judge(self, logits: torch.Tensor, rows):
        """Prediction, margin, and whether the attack's aim is met, at logits of these rows."""
        y, targets = self.batch.y[rows], self.batch.targets
        finite = logits.isfinite().all(1)
        self.nonfinite_verified += int((~finite).sum())
        prediction = torch.where(finite, logits.argmax(1), -2)
        margin = torch.where(finite, losses.signed_margin(logits, y), float("nan"))
        aim = prediction != y if targets is None else prediction == targets[rows]
        return prediction, margin, aim & finite

    def _rank(self, searcher: Searcher, rows) -> None:
        """found.loss in the units of the attack that comes next."""
        targets = self.batch.targets
        loss = searcher.loss(
            self.logits[rows], self.batch.y[rows], None if targets is None else targets[rows]
        )
        self.found.loss[rows] = loss

    def attack(self, eps: torch.Tensor, warm: bool = False) -> None:
        """Attack the survivors at radii eps (B,), stage by stage, each on what is left. warm: a stage's first restart
        starts from the worst point so far.
        """
        self.least_margin = self.clean_margin.clone()  # what another radius reached says little of this one
        self._reuse_hints(eps)
        for number, (stage, searcher) in enumerate(zip(self.stages, self.searchers)):
            tried = self._standing(eps)
            if stage.reach:
                tried = tried[~(self.reached()[tried] < stage.reach)]
            if not len(tried) or number in self.refused:
                continue
            if len(self.stages) > 1:
                self._rank(searcher, tried)
            self.found.by = number
            try:
                self._run_stage(number, tried, eps, warm)
            except NoGradientError:
                self._refuse(number)
            self._verify(tried, eps)

    def _standing(self, eps: torch.Tensor) -> torch.Tensor:
        return (~self.found.broken & (eps > 0)).nonzero()[:, 0]

    def reached(self) -> torch.Tensor:
        """By which share of the clean margin any point found at these radii brought it down: (B,); 1: the boundary."""
        if self.batch.targets is not None:  # the margin of the right class says nothing of another's
            return torch.ones_like(self.clean_margin)
        return 1 - self.least_margin / self.clean_margin

    def _reuse_hints(self, eps: torch.Tensor) -> None:
        """Points found beyond a smaller radius that lie within this one."""
        found = self.found
        rows = (~found.broken & (eps > 0) & inside(found.hint_distance, eps)).nonzero()[:, 0]
        found.x[rows], found.broken[rows], found.broken_by[rows] = found.hint[rows], True, found.hint_by[rows]
        self._verify(rows, eps)
        again = rows[~found.broken[rows]]
        found.hint_distance[again] = float("inf")  # the float32 model does not confirm it

    def _run_stage(self, number: int, rows, eps: torch.Tensor, warm: bool) -> None:
        stage, searcher = self.stages[number], self.searchers[number]
        begun = 0 if warm else self._restarts_before(number)
        if stage.restarts - begun > 1 and searcher.start is not None and searcher.forward is self.forward:
            self._restart_together(begun, stage.restarts, searcher, self._select(rows, eps, warm, 0))
            return
        for restart in range(begun, stage.restarts):
            rows = rows[~self.found.broken[rows]]
            if not len(rows):
                return
            searcher.run(self._select(rows, eps, warm, restart), self.found, restart)
            if searcher.forward is not self.forward and restart + 1 < stage.restarts:
                self._verify(
                    rows, eps
                )  # a false find of a low-precision search goes on with the next restart

    def _restarts_before(self, number: int) -> int:
        """Restarts of a stage that earlier ones, the same but for their number of restarts, have made in vain on all
        that it takes: their outcome is known."""
        stage = self.stages[number]
        same = (
            earlier
            for place, earlier in enumerate(self.stages[:number])
            if (earlier.attack, earlier.options, earlier.reach) == (stage.attack, stage.options, 0)
            and place not in self.refused
        )
        return max((earlier.restarts for earlier in same), default=0)

    def _restart_together(self, begun: int, restarts: int, searcher: Searcher, batch: Batch) -> None:
        def search(part: Batch, which: torch.Tensor, found: Found) -> None:
            part.x = part.x.clone()
            for restart in range(max(begun, 1), restarts):
                mine = (which + begun == restart).nonzero()[:, 0]
                if len(mine):
                    part.x[mine] = searcher.start(part.select(mine), restart)
            searcher.run(part, found, 0)

        in_turn(searcher.forward, batch, restarts - begun, self.found, search)

    def _refuse(self, number: int) -> None:
        """The model has no gradient: alone that is an error, among others it is said, and they go on."""
        self.refused.add(number)
        if not any(not stage.member.needs_gradient for stage in self.stages):
            raise
        self._note(f"{self.members[number]} left out: the model has no gradient in its input")

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
        found = self.found
        x, x0 = found.x[rows], self.batch.x[rows]
        self.logits[rows] = self.forward.logits(x)
        self.prediction[rows], self.margin[rows], aim = self._judge(self.logits[rows], rows)
        self.least_margin[rows] = self.least_margin[rows].fmin(self.margin[rows])
        fits = inside(distance(x, x0, self.norm), eps[rows]) & ((x >= 0) & (x <= 1)).flatten(1).all(1)
        found.broken[rows] = aim & fits
        found.broken_by[rows[~found.broken[rows]]] = -1
