"""Columns of outcomes: of samples that were shown, and of samples that could not be."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from pyadvspur import attacks
from pyadvspur.benchmarks.base import Batch
from pyadvspur.errors import AdvSpurError

#: The prediction of a sample that was never shown: its image could not be read.
UNREADABLE = -3
_COLUMNS = {
    "eps": np.float64, "sample": np.int64, "label": np.int64, "group": np.int64, "prediction": np.int64,
    "probability": np.float32, "margin": np.float32, "correct": np.bool_, "distance": np.float32, "steps": np.int64,
    "error": object,
}  # fmt: skip


class Rows:
    """A unit's rows, filled in as its batches come: by radius, then by sample, whatever the batches are.

    n: samples of the unit. radii: one row each; (0,) without attack. All memory is taken at once: small results that
    are kept one by one, between the large ones of a model, make the heap grow by a model's activations a batch.
    """

    def __init__(self, n: int, radii: Sequence[float] = (0.0,)) -> None:
        self.columns = {name: np.zeros((len(radii), n), kind) for name, kind in _COLUMNS.items()}
        self.columns["eps"][:] = np.asarray(radii, np.float64)[:, None]
        self.columns["error"][:] = ""
        self.done = 0
        self.seen = np.zeros(n, np.bool_)  # samples that a model was shown
        self.precision: dict[str, object] | None = None  # what low precision looked at first, if it did

    def shown(self, batch: Batch, places: torch.Tensor) -> None:
        """A batch whose samples at these places are shown to the model; their scores come at the end (`scored`)."""
        self.seen[self.done + places.numpy()] = True
        self._put(select(batch, places), places)
        self.end(batch)

    def scored(self, found: dict[str, np.ndarray]) -> None:
        """prediction, probability, margin and correct of all samples that were shown, in order."""
        for name, values in found.items():
            self.columns[name][:, self.seen] = values

    def attacked(
        self, batch: Batch, places: torch.Tensor, found: attacks.SweepResult, n_classes: int
    ) -> None:
        """Samples at these places of the batch were attacked. n_classes: the number that means "no class"."""
        classes = torch.where(found.prediction == n_classes, -1, found.prediction)
        self._put(
            batch, places, prediction=classes, margin=found.margin, distance=found.distance, correct=~found.broken,
            steps=found.steps_used, probability=torch.tensor(torch.nan),
        )  # fmt: skip

    def end(self, batch: Batch) -> None:
        """The batch is done; samples of it that have an error get rows that say so."""
        errors = batch.errors or ()
        if places := [k for k, error in enumerate(errors) if error]:
            at = torch.tensor(places)
            nothing = torch.tensor(torch.nan)
            self._put(
                select(batch, at), at, prediction=torch.tensor(UNREADABLE), probability=nothing, margin=nothing,
                distance=nothing,
            )  # fmt: skip
            self.columns["error"][:, self.done + at.numpy()] = [errors[k] for k in places]
        self.done += len(batch)

    def flat(self) -> dict[str, np.ndarray]:
        """All columns. Raises AdvSpurError where two samples of the unit have one id."""
        ids, counts = np.unique(self.columns["sample"][:1], return_counts=True)
        if (counts > 1).any():
            raise AdvSpurError(
                f"evaluate: the benchmark gives id {ids[counts > 1][0]} to {counts.max()} samples of one source. An id "
                "keys the noise of its sample and pairs it between runs: see Batch.ids."
            )
        return {name: column.reshape(-1) for name, column in self.columns.items()}

    def _put(self, batch: Batch, places: torch.Tensor, **values: torch.Tensor) -> None:
        at = self.done + places.numpy()
        facts = {"sample": batch.ids, "label": batch.labels, "group": batch.groups}
        for name, value in (facts | values).items():
            self.columns[name][:, at] = value.cpu().numpy()


def usable(batch: Batch) -> tuple[Batch, torch.Tensor]:
    """The samples of a batch without an error, and their places in it."""
    if batch.errors is None or not any(batch.errors):
        return batch, torch.arange(len(batch))
    places = torch.tensor([k for k, error in enumerate(batch.errors) if not error], dtype=torch.int64)
    return select(batch, places), places


def select(batch: Batch, places: torch.Tensor) -> Batch:
    """The samples at these places."""
    parts = {name: value[places] for name, value in vars(batch).items() if isinstance(value, torch.Tensor)}
    errors = None if batch.errors is None else tuple(batch.errors[k] for k in places.tolist())
    return Batch(**{**dict.fromkeys(vars(batch)), **parts, "errors": errors})


def refuse_errors(batch: Batch, source: str) -> None:
    """Raise for a batch that holds samples with errors: what `on_error="raise"` means."""
    errors = [error.rstrip(".") for error in batch.errors or () if error]
    if errors:
        more = f" and {len(errors) - 1} more of this batch" if len(errors) > 1 else ""
        raise AdvSpurError(
            f"evaluate: images of {source!r} cannot be used: {errors[0]}{more}. on_error='record' leaves such images "
            "out, with a row that says why, and goes on."
        )
