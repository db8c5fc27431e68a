"""What a training run does, as plain data: the same recipe, data and network give the same weights."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass

from pyadvspur.errors import bad, unknown

NORMS = ("linf", "l2", "l1")
METHODS = ("pgd", "fast", "free")
OPTIMIZERS = ("adamw", "sgd")
SCHEDULES = ("one-cycle", "cosine", "constant")
AUGMENTS = (None, "crop-flip")

#: the rate that each optimizer is usually started with
_RATES = {"adamw": 2e-3, "sgd": 0.1}


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    norm: "linf", "l2" or "l1" (method "pgd" only); None: standard training, eps 0. eps: radius in [0,1] pixel units
    (8/255, not 8).
    method: of the inner maximisation, always from a random start in the ball;
      "pgd"   `steps` steps of `step_size` (Madry et al. 2018); None: min(1, 1.5 / steps) eps;
      "fast"  one step of 1.25 eps (Wong, Rice & Kolter 2020); watch the validation's robust accuracy, which falls to 0
              at once where this method fails;
      "free"  every batch is used `steps` times, each time for a step of the weights and one of eps of the perturbation,
              which goes on from batch to batch; `epochs` counts these repeats (Shafahi et al. 2019).
    epochs: passes over the data. batch_size: images a step. shuffle: another order in every epoch, from the seed.
    optimizer: "adamw", or "sgd" with Nesterov's momentum 0.9. lr: highest rate (None: 2e-3 adamw, 0.1 sgd). schedule:
    "one-cycle" (up over the first `warmup` of the steps, then down), "cosine" or "constant".
    ramp: the radius grows from 0 over this share of the training, with one step each while it grows. Large radii from
    the start make small networks give up features that they can keep.
    augment: None, or "crop-flip": shift by up to 4 pixels and mirror, drawn by (seed, sample, epoch).
    seed: of order, starts and augmentation; the network's first weights are the caller's.
    """

    norm: str | None = "linf"
    eps: float = 8 / 255
    method: str = "pgd"
    steps: int = 2
    step_size: float | None = None
    epochs: int = 20
    batch_size: int = 128
    shuffle: bool = True
    optimizer: str = "adamw"
    lr: float | None = None
    weight_decay: float = 1e-2
    schedule: str = "one-cycle"
    warmup: float = 0.2
    ramp: float = 0.0
    augment: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        where = "attacks.Recipe"
        if self.norm is not None and self.norm not in NORMS:
            raise unknown(where, "norm", self.norm, NORMS, "Or None, for standard training.")
        for name, known in (("method", METHODS), ("optimizer", OPTIMIZERS), ("schedule", SCHEDULES)):
            if getattr(self, name) not in known:
                raise unknown(where, name, getattr(self, name), known)
        if self.augment not in AUGMENTS:
            raise unknown(where, "augment", str(self.augment), ["crop-flip"])
        for name in ("steps", "epochs", "batch_size"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise bad(where, name, repr(value), "an integer >= 1")
        for name, low, high in (
            ("eps", 0, math.inf),
            ("weight_decay", 0, math.inf),
            ("warmup", 0, 1),
            ("ramp", 0, 1),
        ):
            value = getattr(self, name)
            if not (isinstance(value, (int, float)) and math.isfinite(value) and low <= value <= high):
                raise bad(where, name, repr(value), f"a number in [{low}, {high}]")
        for name in ("lr", "step_size"):
            value = getattr(self, name)
            if value is not None and not (isinstance(value, (int, float)) and 0 < value < math.inf):
                raise bad(where, name, repr(value), "a number > 0, or None")
        if (self.norm is None) != (self.eps == 0):
            raise bad(where, "norm, eps", (self.norm, self.eps), "a norm with eps > 0, or None with eps 0")
        if self.norm == "l1" and self.method != "pgd":
            raise bad(where, "method", self.method, "'pgd' with norm 'l1'")
        if self.method == "free" and self.epochs % self.steps:
            raise bad(where, "epochs", self.epochs, f"a multiple of steps = {self.steps} with method 'free'")
        if self.method == "free" and self.ramp:
            raise bad(where, "ramp", self.ramp, "0 with method 'free'")

    @property
    def rate(self) -> float:
        """The highest learning rate."""
        return self.lr if self.lr is not None else _RATES[self.optimizer]

    @property
    def repeats(self) -> int:
        """How often every batch is used in a row: `steps` for "free", else 1."""
        return self.steps if self.method == "free" and self.norm is not None else 1

    @property
    def inner(self) -> tuple[int, float]:
        """Steps and step size (in eps) of the inner maximisation at the full radius."""
        if self.method == "fast":
            return 1, 1.25
        if self.method == "free":
            return 1, 1.0
        size = min(1, 1.5 / self.steps) if self.step_size is None else self.step_size / self.eps
        return self.steps, size

    def key(self, *more: str) -> str:
        """SHA-256 of the recipe and of what else decides the weights."""
        text = json.dumps([asdict(self), *more], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()
