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

Columns = dict[str, np.ndarray]


def usable(batch: Batch) -> tuple[Batch, torch.Tensor]:
    """The samples of a batch without an error, and their places in it."""
    places = torch.arange(len(batch))
    if batch.errors is None or not any(batch.errors):
        return batch, places
    places = torch.tensor([k for k, error in enumerate(batch.errors) if not error], dtype=torch.int64)
    parts = {
        name: value[places] for name, value in vars(batch).items() if isinstance(value, torch.Tensor)
    } | {"errors": tuple("" for _ in places)}  # fmt: skip
    return Batch(**{**dict.fromkeys(vars(batch)), **parts}), places


def refuse_errors(batch: Batch, source: str) -> None:
    """Raise for a batch that holds samples with errors: what `on_error="raise"` means."""
    errors = [error for error in batch.errors or () if error]
    if errors:
        more = f" and {len(errors) - 1} more of this batch" if len(errors) > 1 else ""
        raise AdvSpurError(
            f"evaluate: images of {source!r} cannot be used: {errors[0]}{more}. on_error='record' leaves such images "
            "out, with a row that says why, and goes on."
        )


def clean(batch: Batch, found: dict[str, torch.Tensor]) -> Columns:
    """Rows of a batch that was scored. found: prediction, probability, margin, correct."""
    n = len(batch)
    nothing = {"eps": np.zeros(n), "distance": np.zeros(n, np.float32), "steps": np.zeros(n, np.int64)}
    return {**_facts(batch), **{name: value.cpu().numpy() for name, value in found.items()}, **nothing}


def attacked(batch: Batch, found: attacks.SweepResult, n_classes: int) -> Columns:
    """Rows of a sweep: radius after radius, sample after sample. n_classes: the number that means "no class"."""
    n_radii, n = found.broken.shape
    classes = torch.where(found.prediction == n_classes, -1, found.prediction)
    by_row = {
        "prediction": classes,
        "margin": found.margin,
        "distance": found.distance,
        "correct": ~found.broken,
    }
    by_sample = {**_facts(batch), "steps": found.steps_used.cpu().numpy()}
    return {
        "eps": np.repeat(np.asarray(found.eps, np.float64), n),
        "probability": np.full(n_radii * n, np.nan, np.float32),
        **{name: value.flatten().cpu().numpy() for name, value in by_row.items()},
        **{name: np.tile(value, n_radii) for name, value in by_sample.items()},
    }


def unreadable(batch: Batch, radii: Sequence[float] = (0.0,)) -> Columns:
    """Rows of the samples of a batch that have an error, one a radius: prediction -3, not correct, and why."""
    bad = np.array([k for k, error in enumerate(batch.errors or ()) if error], np.int64)
    n = len(bad) * len(radii)
    by_sample = {name: value[bad] for name, value in _facts(batch).items()}
    return {
        "eps": np.repeat(np.asarray(radii, np.float64), len(bad)),
        "prediction": np.full(n, UNREADABLE),
        "correct": np.zeros(n, bool),
        "steps": np.zeros(n, np.int64),
        **{name: np.full(n, np.nan, np.float32) for name in ("probability", "margin", "distance")},
        **{name: np.tile(value, len(radii)) for name, value in by_sample.items()},
    }


def joined(parts: Sequence[Columns], places: Sequence[np.ndarray]) -> Columns:
    """All rows of a unit, by radius, then by the sample's place: whatever the batches were. places: of each row."""
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    order = np.lexsort((np.concatenate(places), columns["eps"]))
    return {name: column[order] for name, column in columns.items()}


def _facts(batch: Batch) -> Columns:
    errors = batch.errors or ("",) * len(batch)
    return {
        "sample": batch.ids.numpy(),
        "label": batch.labels.numpy(),
        "group": batch.groups.numpy(),
        "error": np.array(errors, dtype=object),
    }
