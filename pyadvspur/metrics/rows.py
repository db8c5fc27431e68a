"""Outcome rows sorted into cells: one model on one benchmark at one attack and radius each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pyadvspur.errors import bad
from pyadvspur.metrics.lines import Cell

if TYPE_CHECKING:
    import pandas as pd

NEEDED = ("model", "benchmark", "condition", "attack", "eps", "sample", "label", "group", "correct")


def cells(outcomes: pd.DataFrame) -> dict[tuple[str, str, str, float], Cell]:
    """Outcome rows by (benchmark, model, attack, eps), in the order of their first rows."""
    import pandas as pd

    if missing := [name for name in NEEDED if name not in outcomes.columns]:
        raise bad("metrics", "outcomes", f"columns without {', '.join(missing)}", "outcome rows")
    if not len(outcomes):
        return {}
    columns = {key: outcomes[key].to_numpy() for key in ("sample", "label", "group", "correct")}
    if "probability" in outcomes.columns:
        columns["probability"] = outcomes["probability"].to_numpy()
    columns["failed"] = failed(outcomes)
    keys = [outcomes[name] for name in ("benchmark", "model", "attack", "eps", "condition")]
    start = _starts([_plain(key) for key in keys])
    if len(start) > 64 + len(outcomes) // 16:  # rows in no order
        code = np.zeros(len(outcomes), np.int64)
        for key in keys:
            codes, distinct = pd.factorize(key)
            code = code * len(distinct) + codes
        small = np.int16 if code.max() < 2**15 else np.int64  # short integers are sorted by counting
        order = np.argsort(code.astype(small), kind="stable")
        columns = {name: values[order] for name, values in columns.items()}
        code = code[order]
        start = _starts([code])
        first = order[start]
    else:
        first = start
    named = zip(*(key.iloc[first].to_numpy() for key in keys))
    parts: dict[tuple, dict[str, list[slice]]] = {}
    for begin, end, (benchmark, model, attack, eps, condition) in zip(
        start, np.r_[start[1:], len(outcomes)], named
    ):
        cell = parts.setdefault((str(benchmark), str(model), str(attack), float(eps)), {})
        cell.setdefault(str(condition), []).append(slice(int(begin), int(end)))
    orders: list = []
    return {key: Cell(columns, cell, orders) for key, cell in parts.items()}


def _plain(column: pd.Series) -> np.ndarray:
    """A column as an array that compares fast."""
    return column.cat.codes.to_numpy() if hasattr(column, "cat") else column.to_numpy()


def _starts(keys: list[np.ndarray]) -> np.ndarray:
    """Where runs of rows begin that agree in every key."""
    changed = np.zeros(len(keys[0]), bool)
    changed[0] = True
    for key in keys:
        changed[1:] |= key[1:] != key[:-1]
    return np.flatnonzero(changed)


def failed(outcomes: pd.DataFrame) -> np.ndarray:
    """Rows whose reading failed: `error` says why; the column may be absent."""
    import pandas as pd

    if "error" not in outcomes.columns:
        return np.zeros(len(outcomes), bool)
    error = outcomes["error"]
    codes, distinct = (
        (error.cat.codes.to_numpy(), error.cat.categories) if hasattr(error, "cat") else pd.factorize(error)
    )
    wrong = np.array(
        [bool(str(text)) for text in distinct] + [False]
    )  # the last is for missing ones, code -1
    return wrong[codes] if wrong.any() else np.zeros(len(error), bool)
