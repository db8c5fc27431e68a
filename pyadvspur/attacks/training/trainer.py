"""The training loop: adversarial examples in, a step of the weights, a checkpoint now and then."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from pyadvspur.attacks.guard import evaluating
from pyadvspur.attacks.sweep import sweep
from pyadvspur.attacks.training import inner, samples
from pyadvspur.attacks.training.recipe import Recipe
from pyadvspur.attacks.training.state import Folder, key_of
from pyadvspur.attacks.training.watch import Watch
from pyadvspur.errors import AdvSpurError, bad

if TYPE_CHECKING:
    import pandas

_VALIDATION_STEPS = 10


@dataclass(frozen=True)
class Trained:
    """network: the one handed in, trained, in eval mode. history: one row a pass over the data: step, lr, loss and
    accuracy on the training examples as attacked; with validation data also clean and robust accuracy on it (PGD of
    10 steps at the recipe's radius). best: the weights of the pass with the highest robust (standard training: clean)
    validation accuracy, the last ones without validation."""

    network: nn.Module
    history: pandas.DataFrame
    best: dict[str, torch.Tensor]


def train(
    network: nn.Module,
    data: Sequence[torch.Tensor],
    recipe: Recipe,
    *,
    validation: Sequence[torch.Tensor] | None = None,
    out: str | os.PathLike | None = None,
    save_every: float = 60.0,
    progress: bool = True,
) -> Trained:
    """Train a network in place, standard or adversarially.

    network: pixels in [0,1] (B, C, H, W) -> logits (B, K); normalisation inside. It trains on its parameters' device,
    in train mode also while examples are searched. data: (x, y) or (x, y, ids): x uint8 or float in [0,1]
    (N, C, H, W), y classes (N,), ids int64 (N,) that key random draws (0..N-1 by default).
    validation: the same, looked at after every pass. out: folder for a checkpoint every `save_every` seconds, the
    weights (last.safetensors, best.safetensors) and history.csv; the same call goes on where an earlier one was
    stopped and gives the same weights. On one CPU with the same number of threads and the same torch a seed gives the
    same weights bit for bit (torch.use_deterministic_algorithms(True) on CUDA).

    Returns `Trained`. Raises AdvSpurError for data that does not fit, a folder of another run, and a loss that is not
    finite. Source: Madry et al. 2018; Wong, Rice & Kolter 2020; Shafahi et al. 2019; choice of the best pass: Rice,
    Wong & Kolter 2020.
    """
    where = "attacks.train"
    if not isinstance(recipe, Recipe):
        raise bad(where, "recipe", type(recipe).__name__, "an attacks.Recipe")
    if not isinstance(network, nn.Module) or not any(p.requires_grad for p in network.parameters()):
        got = type(network).__name__
        raise bad(where, "network", got, "a torch.nn.Module with parameters that require gradients")
    held = samples.check(where, data)
    check = None if validation is None else samples.check(where, validation)
    folder = Folder(out, recipe, recipe.key(key_of(network), held.key(), check.key() if check else ""))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)  # dropout and the like
        return _Trainer(network, held, recipe, check, folder, save_every, progress).run()


class _Trainer:
    """The state of one run."""

    def __init__(self, network, data, recipe, validation, folder, save_every, progress) -> None:
        self.network, self.data, self.recipe = network, data, recipe
        self.validation, self.folder, self.save_every, self.progress = (
            validation,
            folder,
            save_every,
            progress,
        )
        self.device = next(network.parameters()).device
        self.per_pass = math.ceil(len(data) / recipe.batch_size)  # batches a pass
        self.total = self.per_pass * recipe.epochs
        self.optimizer = _optimizer(recipe, network)
        self.schedule = _schedule(recipe, self.optimizer, self.total)
        self.step = 0
        self.delta: torch.Tensor | None = None  # of method "free": goes on from batch to batch
        self.sums = [0.0, 0.0, 0.0]  # loss, correct, samples of the pass so far
        self.history: list[dict[str, float]] = []
        self.best: dict[str, torch.Tensor] = {}
        self.best_value = -1.0

    def run(self) -> Trained:
        import pandas as pd

        if state := self.folder.load():
            self._restore(state)
        self._check_output()
        title = f"train {self.recipe.norm or 'standard'} {self.recipe.eps:.4g}"
        saved = time.monotonic()
        repeats = self.recipe.repeats
        self.network.train()
        with Watch(self.total, self.step, title, self.progress) as watch:
            while self.step < self.total:
                number, within = divmod(self.step, self.per_pass * repeats)
                for batch in self.data.batches(self.recipe, number, within // repeats):
                    # a checkpoint lies between batches, never between the repeats of one
                    x, y, ids = (part.to(self.device) for part in batch)
                    self._batch(x, y, ids, number, watch)
                    if time.monotonic() - saved > self.save_every:
                        self.folder.save(self._state())
                        saved = time.monotonic()
                watch.passed(self._passed())
        self.folder.save(self._state())
        self.network.eval()
        best = self.best or {key: value.detach().clone() for key, value in self.network.state_dict().items()}
        return Trained(self.network, pd.DataFrame(self.history), best)

    def _check_output(self) -> None:
        """One image in eval mode, which changes nothing: is there an output for every label?"""
        x, _, _ = next(self.data.batches(replace(self.recipe, batch_size=1), 0, 0))
        with evaluating(self.network), torch.no_grad():
            logits = self.network(x.to(self.device))
        largest = int(self.data.y.max())
        if not isinstance(logits, torch.Tensor) or logits.dim() != 2 or logits.shape[1] <= largest:
            got = tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
            raise bad(
                "attacks.train",
                "network",
                f"output {got}",
                f"logits (B, K), K > {largest}, the largest label",
            )

    def _batch(self, x: torch.Tensor, y: torch.Tensor, ids: torch.Tensor, number: int, watch: Watch) -> None:
        recipe = self.recipe
        if recipe.norm is None:
            return self._descend(x, y, watch)
        if recipe.method == "free":
            return self._free(x, y, watch)
        grown = min(1.0, self.step / (recipe.ramp * self.total)) if recipe.ramp else 1.0
        steps, size = recipe.inner
        if grown < 1:
            steps, size = 1, min(1.0, size * steps)
        eps = recipe.eps * grown
        delta = inner.start(x, ids, recipe.norm, eps, recipe.seed, number)
        delta = inner.ascend(self.network, x, y, delta, recipe.norm, eps, steps, size)
        return self._descend(x + delta, y, watch)

    def _free(self, x: torch.Tensor, y: torch.Tensor, watch: Watch) -> None:
        """One backward pass serves the weights and the perturbation."""
        recipe = self.recipe
        if self.delta is None:
            self.delta = torch.zeros(recipe.batch_size, *x.shape[1:], device=x.device)
        for _ in range(recipe.steps):
            delta = self.delta[: len(x)].clone().requires_grad_(True)
            self._descend((x + delta).clamp(0, 1), y, watch)
            moved = delta.detach() + recipe.eps * inner.direction(delta.grad, recipe.norm)
            self.delta[: len(x)] = inner.into_ball(moved, recipe.norm, recipe.eps)

    def _descend(self, x: torch.Tensor, y: torch.Tensor, watch: Watch) -> None:
        logits = self.network(x)
        loss = cross_entropy(logits, y)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        value = float(loss.detach())
        if not math.isfinite(value):
            raise AdvSpurError(
                f"attacks.train: the loss is {value} at step {self.step}. Lower lr ({self.recipe.rate:g}); what was "
                "saved before stays."
            )
        self.optimizer.step()
        self.schedule.step()
        self.step += 1
        for k, more in enumerate((value * len(x), int((logits.argmax(1) == y).sum()), len(x))):
            self.sums[k] += more
        watch.step(value)

    def _passed(self) -> dict[str, float]:
        """A row of history at the end of a pass; keeps the best weights so far, saves."""
        loss, correct, n = self.sums
        self.sums = [0.0, 0.0, 0.0]
        row = {
            "step": self.step,
            "lr": self.optimizer.param_groups[0]["lr"],
            "loss": loss / n,
            "accuracy": correct / n,
        }
        if self.validation is not None:
            row.update(self._validate())
        self.history.append(row)
        value = row.get("robust_accuracy", row.get("clean_accuracy", 0.0))
        if value > self.best_value and self.validation is not None:
            self.best_value = value
            self.best = {key: part.detach().cpu().clone() for key, part in self.network.state_dict().items()}
            self.folder.save_weights("best", self.network, row)
        if self.step >= self.total:
            self.folder.save_weights("last", self.network, row)
        return row

    def _validate(self) -> dict[str, float]:
        recipe, broken = self.recipe, []
        radii = [0.0] if recipe.norm is None else [0.0, recipe.eps]
        for rows in torch.arange(len(self.validation)).split(512):
            x = self.validation.x[rows]
            x = (x.float().div(255) if x.dtype == torch.uint8 else x.float()).to(self.device)
            y, ids = self.validation.y[rows].to(self.device), self.validation.ids[rows].to(self.device)
            found = sweep(self.network, x, y, recipe.norm or "linf", radii, steps=_VALIDATION_STEPS, ids=ids)
            broken.append(found.broken.cpu())
        accuracy = 1 - torch.cat(broken, 1).double().mean(1)
        names = ("clean_accuracy", "robust_accuracy")
        return {name: float(value) for name, value in zip(names, accuracy)}

    def _state(self) -> dict[str, Any]:
        return {
            "step": self.step, "network": self.network.state_dict(), "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(), "delta": self.delta, "sums": self.sums, "history": self.history,
            "best": self.best, "best_value": self.best_value, "rng": torch.get_rng_state(),
        }  # fmt: skip

    def _restore(self, state: dict[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.delta = None if state["delta"] is None else state["delta"].to(self.device)
        self.step, self.sums, self.history = state["step"], state["sums"], state["history"]
        self.best, self.best_value = state["best"], state["best_value"]
        torch.set_rng_state(state["rng"])


def _optimizer(recipe: Recipe, network: nn.Module) -> torch.optim.Optimizer:
    parameters = [p for p in network.parameters() if p.requires_grad]
    if recipe.optimizer == "adamw":
        return torch.optim.AdamW(parameters, lr=recipe.rate, weight_decay=recipe.weight_decay)
    return torch.optim.SGD(
        parameters, recipe.rate, momentum=0.9, nesterov=True, weight_decay=recipe.weight_decay
    )


def _schedule(recipe: Recipe, optimizer, total: int):
    schedules = torch.optim.lr_scheduler
    if recipe.schedule == "one-cycle" and total >= 4:  # fewer steps are no cycle
        rise = max(recipe.warmup, 2 / total)
        return schedules.OneCycleLR(optimizer, recipe.rate, total_steps=total, pct_start=rise)
    if recipe.schedule == "cosine":
        return schedules.CosineAnnealingLR(optimizer, total)
    return schedules.ConstantLR(optimizer, 1.0)
