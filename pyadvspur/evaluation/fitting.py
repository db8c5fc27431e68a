"""Fitting a linear head on features: standardise, logistic regression for every C, choose, fold back to raw features.

Pure functions of arrays, in float64 and on one BLAS thread a fit, so that the same rows give the same bits whatever the
machine's thread setting.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch

from pyadvspur import streams
from pyadvspur.benchmarks.readout import Readout
from pyadvspur.errors import AdvSpurError
from pyadvspur.native.random import draw

_TOLERANCE = {"l2": 1e-6, "l1": 1e-4}  # of the gradient (lbfgs), of liblinear's own criterion
_STEPS = 5000
_HALVES = 2**23  # stream index of the split; refits count from 0


@dataclass(frozen=True)
class Rows:
    """Features (n, D) with labels (n,), groups (n,) (-1 = none) and sample ids (n,)."""

    x: np.ndarray
    label: np.ndarray
    group: np.ndarray
    sample: np.ndarray

    def __len__(self) -> int:
        return len(self.label)

    def __getitem__(self, rows: np.ndarray) -> Rows:
        return Rows(self.x[rows], self.label[rows], self.group[rows], self.sample[rows])


@dataclass(frozen=True)
class Head:
    """weight: float32 (K, D), bias: float32 (K,), on raw features. record: how it was chosen, JSON-able."""

    weight: np.ndarray
    bias: np.ndarray
    record: dict[str, Any] = field(default_factory=dict)


class _Fit(NamedTuple):
    weight: np.ndarray  # float64 (K, D), on standardised features
    bias: np.ndarray
    converged: bool


def fit(
    readout: Readout,
    train: Rows,
    validation: Rows | None,
    threads: int = 1,
    note: Callable[[str], None] = lambda text: None,
) -> Head:
    """The head that a readout asks for. threads: fits at a time; changes no bit.

    Raises AdvSpurError if a class or, where groups are needed, every group is missing.
    """
    from threadpoolctl import threadpool_limits

    mean, std = _statistics(train.x)

    def scaled(rows: Rows) -> Rows:
        return Rows((rows.x.astype(np.float64) - mean) / std, rows.label, rows.group, rows.sample)

    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a fit did not converge is in the record
        if readout.name == "dfr":
            chosen, record = _dfr(readout, scaled(validation), threads, note)
        else:
            if validation is None:
                train, validation = held_out(train, readout)
            chosen, record = _best(readout, scaled(train), scaled(validation), threads, note)
    weight = chosen.weight / std
    return Head(
        weight.astype(np.float32),
        (chosen.bias - weight @ mean).astype(np.float32),
        {**record, "converged": chosen.converged},
    )


def score(rule: str, correct: np.ndarray, group: np.ndarray) -> float:
    """What a rule makes of validation outcomes: their mean, or the lowest mean of a group."""
    if rule == "average":
        return float(np.mean(correct))
    return float(min(np.mean(correct[group == g]) for g in np.unique(group[group >= 0])))


def held_out(train: Rows, readout: Readout) -> tuple[Rows, Rows]:
    """The part of train that is fitted on, and a share of every class that is not: chosen by sample id alone."""
    outside = np.zeros(len(train), bool)
    order = shuffled(train.sample, readout.seed, _HALVES)
    for label in np.unique(train.label):
        rows = order[train.label[order] == label]
        if len(rows) > 1:
            outside[rows[: min(len(rows) - 1, max(1, round(readout.held_out * len(rows))))]] = True
    return train[~outside], train[outside]


def halves(rows: Rows, readout: Readout) -> tuple[Rows, Rows]:
    """Two halves of every group, chosen by sample id; the first has the odd one."""
    second = np.zeros(len(rows), bool)
    order = shuffled(rows.sample, readout.seed, _HALVES)
    for group in np.unique(rows.group):
        mine = order[rows.group[order] == group]
        second[mine[(len(mine) + 1) // 2 :]] = True
    return rows[~second], rows[second]


def balanced(rows: Rows, seed: int, index: int) -> Rows:
    """As many of every group as the smallest has, drawn by sample id."""
    order = shuffled(rows.sample, seed, index)
    members = [order[rows.group[order] == g] for g in np.unique(rows.group[rows.group >= 0])]
    least = min(len(m) for m in members)
    return rows[np.sort(np.concatenate([m[:least] for m in members]))]


def shuffled(sample: np.ndarray, seed: int, index: int) -> np.ndarray:
    """Row numbers in an order that depends on (seed, sample id) alone."""
    bits = draw(torch.from_numpy(sample), 1, "bits", seed, streams.stream(streams.READOUT, index))
    return np.lexsort((sample, bits[:, 0].numpy()))


def _statistics(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of every feature; a constant feature gets 1."""
    x = x.astype(np.float64)
    mean, std = x.mean(axis=0), x.std(axis=0)
    return mean, np.where(std > 0, std, 1.0)


def _best(readout: Readout, train: Rows, validation: Rows, threads: int, note) -> tuple[_Fit, dict[str, Any]]:
    """Of one fit for each C, the one with the best validation score; the first of equals."""
    _check(readout, train, validation)
    fits: list[_Fit] = []
    for found in _each(lambda c: _logistic(readout, train, c), readout.grid, threads):
        fits.append(found)
        note(f"fitting head, {len(fits)} of {len(readout.grid)} penalties")
    scores = []
    for found in fits:
        predicted = (validation.x @ found.weight.T + found.bias).argmax(1)
        scores.append(score(readout.rule, predicted == validation.label, validation.group))
    best = int(np.argmax(scores))
    record = {
        "C": readout.grid[best], "validation": dict(zip(map(str, readout.grid), scores)),
        "n_train": len(train), "n_validation": len(validation),
    }  # fmt: skip
    return fits[best], record


def _dfr(readout: Readout, rows: Rows, threads: int, note) -> tuple[_Fit, dict[str, Any]]:
    """C from two halves of the validation data, then the mean of heads fitted on balanced draws of all of it."""
    if not (rows.group >= 0).any():
        raise AdvSpurError("readout: 'dfr' needs validation data with groups")
    first, second = halves(rows, readout)
    _, record = _best(readout, balanced(first, readout.seed, _HALVES + 1), second, threads, note)
    draws = (balanced(rows, readout.seed, k) for k in range(readout.refits))
    fits = []
    for found in _each(lambda part: _logistic(readout, part, record["C"]), draws, threads):
        fits.append(found)
        note(f"fitting head, {len(fits)} of {readout.refits} balanced refits")
    mean = _Fit(
        np.mean([f.weight for f in fits], axis=0),
        np.mean([f.bias for f in fits], axis=0),
        all(f.converged for f in fits),
    )
    return mean, record


def _check(readout: Readout, train: Rows, validation: Rows) -> None:
    missing = sorted(set(range(readout.n_classes)) - set(train.label.tolist()))
    if missing:
        raise AdvSpurError(f"readout: no sample of classes {missing[:5]} to fit on, of {len(train)} samples")
    if not len(validation):
        raise AdvSpurError("readout: no validation sample to choose C by")
    if readout.rule == "worst-group" and not (validation.group >= 0).any():
        raise AdvSpurError(
            "readout: rule 'worst-group' needs validation data with groups; 'average' does not"
        )


def _each(work: Callable, given: Iterable, threads: int) -> Iterable:
    """work of each, in order, so many at a time."""
    if threads == 1:
        yield from map(work, given)
        return
    with ThreadPoolExecutor(threads, thread_name_prefix="advspur-readout") as pool:
        yield from pool.map(work, given)


def _logistic(readout: Readout, rows: Rows, c: float) -> _Fit:
    """Logistic regression on standardised rows; with two classes the two logits are plus and minus half the score."""
    from sklearn.linear_model import LogisticRegression

    options: dict[str, Any] = {"C": c, "tol": _TOLERANCE[readout.penalty], "max_iter": _STEPS}
    if readout.penalty == "l1":
        options |= {"solver": "liblinear", "random_state": 0, **_l1()}
    fitted = LogisticRegression(**options).fit(rows.x, rows.label)
    weight, bias = fitted.coef_, fitted.intercept_
    if len(weight) == 1:
        weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
    return _Fit(weight, bias, bool(fitted.n_iter_.max() < _STEPS))


def _l1() -> dict[str, Any]:
    """How this scikit-learn spells an l1 penalty: `penalty` until 1.7, `l1_ratio` since."""
    import sklearn

    version = tuple(int(part) for part in sklearn.__version__.split(".")[:2])
    return {"l1_ratio": 1.0} if version >= (1, 8) else {"penalty": "l1"}
