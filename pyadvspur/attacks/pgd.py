"""Projected gradient descent at one radius (or one radius a sample)."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch

from pyadvspur.attacks import losses
from pyadvspur.attacks.balls import length
from pyadvspur.attacks.forward import Forward
from pyadvspur.attacks.guard import check_batch, check_count, check_eps, check_norm, evaluating
from pyadvspur.attacks.loop import Batch, Found, Loop
from pyadvspur.errors import bad


@dataclass(frozen=True)
class AttackResult:
    """What an attack found; every tensor has one row a sample.

    x_adv: float32 (B, C, H, W): the point that broke the sample, or else the worst point seen (highest loss).
    broken: bool (B,), verified: the float32 model in eval mode misclassifies x_adv (targeted: gives the
    target), and x_adv lies inside ball (1e-6 relative) and box. Not broken means "survived", never "robust".
    loss: float32 (B,) at x_adv. distance: float32 (B,), ||x_adv - x|| in the attack's norm. steps_used: int64
    (B,). prediction: int64 (B,) at x_adv (-2: logits not finite). margin: float32 (B,) at x_adv, z_y - max_{i
    != y} z_i. zero_gradients, nonfinite_logits: how often a random direction replaced a gradient, and how
    often logits were not finite (never counted as broken).
    """

    x_adv: torch.Tensor
    broken: torch.Tensor
    loss: torch.Tensor
    distance: torch.Tensor
    steps_used: torch.Tensor
    prediction: torch.Tensor
    margin: torch.Tensor
    zero_gradients: int = 0
    nonfinite_logits: int = 0


def pgd(
    model: Callable, x: torch.Tensor, y: torch.Tensor, norm: str = "linf", eps=8 / 255, steps: int = 40, step_size=None,
    restarts: int = 1, seed: int = 0, ids: torch.Tensor | None = None, mask: torch.Tensor | None = None,
    loss: str = "ce", targets: torch.Tensor | None = None, precision: str = "float32",
) -> AttackResult:  # fmt: skip
    """Attack a batch inside the ball of radius eps and the box [0,1].

    model: pixels in [0,1] -> logits (B, K); run in eval mode, left as it was. x: float (B, C, H, W) in [0,1].
    y: integer (B,). norm: "linf", "l2", "l1". eps: radius in [0,1] pixel units (8/255, not 8), or (B,).
    step_size: None for the attack's own schedule, or a constant, or (B,). restarts: the first starts at x,
    the others at random; a sample's draws depend on (seed, its id, restart) alone. ids: int64 (B,), 0..B-1 by
    default. mask: (B, H, W), where pixels may change. loss: "ce", "margin" or "dlr". targets: (B,) classes to
    reach. precision: of the search; verification is always float32. Samples that are wrong (targeted: at the
    target) from the start are broken at distance 0.

    Raises AdvSpurError for anything it cannot use. Source: Madry et al. 2018; l1: Croce & Hein 2021.
    """
    where = "attacks.pgd"
    check_norm(where, norm)
    x, y, ids, mask, targets = check_batch(where, x, y, ids, mask, targets)
    eps = check_eps(where, eps, x)
    check_count(where, "steps", steps)
    check_count(where, "restarts", restarts)
    losses.get(loss)
    if step_size is not None:
        step_size = check_eps(where, step_size, x)
    with evaluating(model), Forward(model) as exact, Forward(model, precision=precision) as fast:
        search = exact if precision == "float32" else fast
        run = Run(exact, Loop(search, norm, loss, steps, step_size, seed), x, y, ids, mask, targets)
        run.attack(eps, restarts)
        return run.result()


class Run:
    """One batch under attack: clean look first, then radius after radius on what survives."""

    def __init__(self, forward: Forward, loop: Loop, x, y, ids, mask, targets):
        self.forward, self.loop, self.norm = forward, loop, loop.norm
        self.x, self.y, self.ids, self.mask, self.targets = x, y, ids, mask, targets
        self.found = Found(x)
        self.clean = forward.logits(x)
        n_classes = self.clean.shape[1]
        for name, labels in (("y", y), ("targets", targets)):
            if labels is not None and len(labels) and int(labels.max()) >= n_classes:
                raise bad(
                    "attacks", name, int(labels.max()), f"classes below the model's {n_classes} outputs"
                )
        self.prediction, self.margin, hit = self.judge(self.clean, torch.arange(len(x), device=x.device))
        self.clean_correct = self.prediction == y
        self.found.broken |= hit
        self.found.loss = loop.loss(self.clean, y, targets) if len(x) else self.found.loss

    def judge(self, logits: torch.Tensor, rows: torch.Tensor):
        """Prediction (-2: not finite), margin and whether the attack's aim is met."""
        finite = logits.isfinite().all(1)
        prediction = torch.where(finite, logits.argmax(1), -2)
        margin = -losses.raw_margin(logits, self.y[rows])
        aim = prediction != self.y[rows] if self.targets is None else prediction == self.targets[rows]
        self.loop.counters["nonfinite_logits"] += int((~finite).sum())
        return prediction, torch.where(finite, margin, torch.full_like(margin, float("nan"))), aim & finite

    def attack(self, eps: torch.Tensor, restarts: int, warm: bool = False) -> None:
        """Attack the survivors at radii eps (B,); warm: the first restart starts from the worst point so
        far.
        """
        tried = (~self.found.broken & (eps > 0)).nonzero()[:, 0]
        for restart in range(restarts):
            rows = (~self.found.broken & (eps > 0)).nonzero()[:, 0]
            if not len(rows):
                break
            batch = Batch(rows, self.ids[rows], self.x[rows], self.y[rows], eps[rows])
            batch.mask = None if self.mask is None else self.mask[rows]
            batch.target = None if self.targets is None else self.targets[rows]
            if restart == 0:
                batch.x = self.found.x[rows] if warm else batch.x0.clone()
            self.loop.run(batch, self.found, restart)
        self.verify(tried, eps)

    def verify(self, rows: torch.Tensor, eps: torch.Tensor) -> None:
        """An independent float32 forward at the reported points, and the ball and the box: only then
        "broken".
        """
        if not len(rows):
            return
        x = self.found.x[rows]
        self.prediction[rows], self.margin[rows], hit = self.judge(self.forward.logits(x), rows)
        inside = length(x - self.x[rows], self.norm) <= eps[rows].double() * (1 + 1e-6)
        inside &= ((x >= 0) & (x <= 1)).flatten(1).all(1)
        self.found.broken[rows] = hit & inside

    def result(self) -> AttackResult:
        count = self.loop.counters
        if count["nonfinite_logits"]:
            warnings.warn(
                f"attacks: the model returned logits that are not finite {count['nonfinite_logits']} times; "
                "such a point never counts as broken", RuntimeWarning, stacklevel=3,
            )  # fmt: skip
        distance = length(self.found.x - self.x, self.norm).float()
        found = self.found
        return AttackResult(
            found.x, found.broken, found.loss, distance, found.steps, self.prediction, self.margin, **count
        )
