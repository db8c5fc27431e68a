"""The smallest radius found to break each sample, and with it the whole robust-accuracy curve from one run.

FAB gives every sample a first adversarial point, which bounds its radius from above. Then an attack is tried at smaller
radii, only on samples whose bounds are not yet close: where it breaks the sample the new point is the bound, where it
does not that radius is one that the attack could not break. Every bound is a verified point.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from pyadvspur.attacks.balls import distance, inside
from pyadvspur.attacks.curve import curve_frame
from pyadvspur.attacks.guard import check_batch, check_eps, check_norm
from pyadvspur.attacks.run import Run, attacking
from pyadvspur.attacks.segment import shorten
from pyadvspur.attacks.stage import Stage, ensemble_stages, settle, stage
from pyadvspur.attacks.sweep import as_radii
from pyadvspur.errors import bad
from pyadvspur.native.project import project_

# Tried at every radius, after FAB has given the first bounds. Cheap enough to be run several times.
REFINE = ("apgd(steps=50)", "apgd(loss=dlr_targeted,n_targets=3,steps=50)")
MAX_ROUNDS = 40


@dataclass(frozen=True)
class MinimalRadius:
    """The smallest radii found; every tensor has one row a sample.

    radius: float64 (B,), the distance of the nearest point found that breaks the sample, 0 where the clean image is
    wrong, inf where none was found: an upper bound of the true one. unbroken: float64 (B,), the largest radius below
    it at which the attack was tried and failed (0: none); no proof of anything. x_adv: float32 (B, C, H, W), that
    point, verified as in AttackResult at this very radius; the clean image where none was found. prediction: int64
    (B,) at x_adv. clean_correct: bool (B,). norm. steps_used: int64 (B,). rounds: radii tried at most on one sample.
    n_forward, n_gradient: samples that went through the model without and with a gradient. members, notes: as in
    AttackResult.
    """

    radius: torch.Tensor
    unbroken: torch.Tensor
    x_adv: torch.Tensor
    prediction: torch.Tensor
    clean_correct: torch.Tensor
    norm: str
    steps_used: torch.Tensor
    rounds: int = 0
    zero_gradients: int = 0
    nonfinite_logits: int = 0
    n_forward: int = 0
    n_gradient: int = 0
    members: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def held_at(self, eps) -> torch.Tensor:
        """Which samples are right and stand at each radius: bool (E, B)."""
        radii = torch.tensor(as_radii(eps), dtype=torch.float64, device=self.radius.device)
        return self.clean_correct & ~inside(self.radius, radii[:, None])

    def accuracy_at(self, eps: float) -> float:
        """Share of the samples that are right and stand at eps; NaN for no samples."""
        return float(self.held_at(eps)[0].double().mean())

    def curve(self, eps: Sequence[float]):
        """The frame of `robust_accuracy`: one row a radius, in the order given: eps, accuracy, low, high, n."""
        radii = [float(e) for e in as_radii(eps)]
        return curve_frame(radii, self.held_at(radii).sum(1).tolist(), len(self.radius))


class _Bounds:
    """What is known of each sample: below `low` the attack failed, `point` at distance `high` breaks it."""

    def __init__(self, run: Run, eps_max: float | None, tolerance: float):
        x, found = run.batch.x, run.found
        self.run, self.tolerance, self.eps_max = run, tolerance, eps_max
        self.wrong = found.broken.clone()  # without an attack
        self.point, self.prediction = x.clone(), run.prediction.clone()
        self.high = torch.where(self.wrong, 0.0, float("inf")).double()
        self.low = torch.zeros_like(self.high)
        self.stride = torch.full_like(
            self.high, 0.5
        )  # how far below a bound the next try is, until one fails
        n = x[0:1].numel()
        self.whole = {"linf": 1.0, "l2": n**0.5, "l1": float(n)}[run.norm]  # a ball that holds the box

    def offer(self, rows: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """Points that may break these samples, nearer than what is known: verified here. Which did."""
        far = distance(x, self.run.batch.x[rows], self.run.norm)
        nearer = (far < self.high[rows]) & ((x >= 0) & (x <= 1)).flatten(1).all(1)
        rows, x, far = rows[nearer], x[nearer], far[nearer]
        accepted = torch.zeros(len(nearer), dtype=torch.bool, device=x.device)
        if len(rows):
            prediction, _, aim = self.run._judge(self.run.forward.logits(x), rows)
            self.point[rows[aim]], self.high[rows[aim]] = x[aim], far[aim]
            self.prediction[rows[aim]] = prediction[aim]
            accepted[nearer.nonzero()[:, 0][aim]] = True
        return accepted

    def shorten(self, rows: torch.Tensor) -> None:
        """Pull bounds towards the clean images, along the segment."""
        rows = rows[self.high[rows].isfinite()]
        if len(rows):
            batch = self.run._select(rows, torch.zeros_like(self.high).float(), False, 0)
            self.offer(rows, shorten(self.run.forward, batch, self.point[rows], nearest=0.8))

    def open(self) -> torch.Tensor:
        """Samples whose bounds are not close yet."""
        apart = self.high - self.low > self.tolerance * self.high.nan_to_num(posinf=1.0)
        within = self.low < (self.whole if self.eps_max is None else self.eps_max) * (1 - 1e-6)
        return (~self.wrong & apart & within & (self.high > 0)).nonzero()[:, 0]

    def next_radius(self, rows: torch.Tensor) -> torch.Tensor:
        high, low = self.high[rows], self.low[rows]
        below = torch.where(low > 0, (low + high) / 2, high * (1 - self.stride[rows]))
        limit = self.whole if self.eps_max is None else self.eps_max
        return torch.where(below < limit, below, limit)


def _refine(bounds: _Bounds, rows: torch.Tensor) -> None:
    """One round: an attack on these samples, each at a radius of its own."""
    run = bounds.run
    found, x0 = run.found, run.batch.x
    eps = torch.zeros(len(x0), device=x0.device)
    eps[rows] = bounds.next_radius(rows).float()
    found.broken[:] = True
    found.broken[rows] = False
    found.hint_distance[rows] = float("inf")
    found.loss[rows] = float("-inf")
    # the nearest point known, brought into the ball, is where the search begins
    mask = None if run.batch.mask is None else run.batch.mask[rows]
    delta = project_(bounds.point[rows] - x0[rows], norm=run.norm, eps=eps[rows], x0=x0[rows], mask=mask)
    found.x[rows] = (x0[rows] + delta).clamp_(0, 1)
    run.attack(eps, warm=True)
    broke = found.broken[rows]
    before = bounds.high[rows].clone()
    hit = rows[broke]
    bounds.offer(hit, found.x[hit])
    beyond = rows[found.hint_distance[rows] < bounds.high[rows]]
    bounds.offer(beyond, found.hint[beyond])
    bounds.low[rows[~broke]] = bounds.low[rows[~broke]].maximum(eps[rows[~broke]].double())
    bounds.shorten(rows[bounds.high[rows] < before])
    bounds.low[rows] = bounds.low[rows].minimum(bounds.high[rows])
    bounds.stride[hit] = (bounds.stride[hit] * 2).clamp(max=0.5)


def minimal_radius(
    model: Callable,
    x: torch.Tensor,
    y: torch.Tensor,
    norm: str = "linf",
    attack: str | Sequence[str | Stage] = "ensemble",
    eps_max: float | None = None,
    tolerance: float = 0.01,
    bounds: str = "fab",
    seed: int = 0,
    ids: torch.Tensor | None = None,
    mask: torch.Tensor | None = None,
    targets: torch.Tensor | None = None,
    precision: str = "float32",
    chunk: int | None = None,
    **options,
) -> MinimalRadius:
    """The smallest radius that is found to break each sample.

    model, x, y, norm, seed, ids, mask, targets, precision, chunk: as in `pgd`. attack: what is tried at each radius:
    "ensemble" (APGD with cross-entropy, then with targeted DLR towards 3 classes, 50 steps each), the name of a preset
    of `attacks.ensemble`, or of a member, with `options` (steps=, loss=, queries=, n_targets=) or as in
    "apgd(loss=dlr,steps=50)", or a sequence of such names. eps_max: radii above it are not searched; a point that turns
    up beyond it is kept. tolerance: the search ends where the attack fails within this share below the bound.
    bounds: "fab", with options as in "fab(steps=50,n_targets=3)", gives the first bounds; "" for none: then, and for
    models without a gradient, radii are halved from eps_max (or from a ball as large as the box).

    A radius is an upper bound; what it costs is 2 tries for a sample whose first bound cannot be improved. A sample's
    result does not depend on the batch. Raises AdvSpurError for what it cannot use.
    """
    where = "attacks.minimal_radius"
    check_norm(where, norm)
    batch = check_batch(where, x, y, ids, mask, targets)
    if not isinstance(tolerance, (int, float)) or not 0 < tolerance < 1:
        raise bad(where, "tolerance", tolerance, "a number in (0, 1)")
    if eps_max is not None:
        limit = check_eps(where, eps_max, batch.x[:1], "eps_max")
        if (isinstance(eps_max, torch.Tensor) and eps_max.dim()) or (limit <= 0).any():
            raise bad(where, "eps_max", eps_max, "one number > 0, or None")
        eps_max = float(eps_max)
    tried = _stages(where, attack, norm, options)
    first = stage(bounds, where) if bounds else None
    if first is not None and first.attack != "fab":
        raise bad(
            where, "bounds", repr(bounds), "'fab', with options or without, or ''", "others need a radius"
        )
    with attacking(model, batch, norm, tried, seed, precision, chunk) as run:
        state = _Bounds(run, eps_max, float(tolerance))
        if first is not None and len(batch.x):
            _first_bounds(state, first, seed)
        rounds = 0
        while rounds < MAX_ROUNDS and len(rows := state.open()):
            _refine(state, rows)
            rounds += 1
    found = run.found
    return MinimalRadius(
        state.high, state.low, state.point, state.prediction, run.clean_correct, norm, found.steps, rounds,
        run.zero_gradients, run.nonfinite_logits, *run.calls, (*((first.name,) if first else ()), *run.members),
        tuple(run.notes),
    )  # fmt: skip


def _stages(where: str, attack, norm: str, options: dict) -> tuple[Stage, ...]:
    if attack == "ensemble" and "preset" in options:
        attack = options.pop("preset")
    if attack == "ensemble":
        attack = REFINE
    if not isinstance(attack, str) or not options:
        if options:
            name, value = next(iter(options.items()))
            takes = "nothing where several members are tried"
            raise bad(where, name, value, takes, "give each its own, as in preset='apgd(steps=20)'")
        return ensemble_stages(attack, norm, where)
    return (Stage(attack, settle(where, attack, options)),)


def _first_bounds(state: _Bounds, first: Stage, seed: int) -> None:
    """A minimum-norm search of all samples: eps 0 asks for the nearest point, whatever its distance."""
    from pyadvspur.attacks.forward import NoGradientError

    run = state.run
    forward = run.searchers[0].forward
    searcher = first.member.build(forward, run.norm, seed, **dict(first.options))
    rows = (~state.wrong).nonzero()[:, 0]
    if not len(rows):
        return
    none = torch.zeros(len(run.batch.x), device=run.batch.x.device)
    try:
        for restart in range(first.restarts):
            searcher.run(run._select(rows, none, False, restart), run.found, restart)
    except NoGradientError:
        run._note(f"{first.name} left out: the model has no gradient in its input")
        return
    run.searchers.append(searcher)  # for its counts
    known = rows[run.found.hint_distance[rows].isfinite()]
    state.offer(known, run.found.hint[known])
    state.stride[known] = 2 * state.tolerance
