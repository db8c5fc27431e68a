"""How the experiments' figures are drawn: series over training radii, every point with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pyadvspur.report.ink import INK, NORM_COLOUR, NORM_LABEL, SOFT

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

#: marker and line of the second thing that a figure tells apart, beside colour
SHAPES = (("o", "-"), ("s", (0, (5, 2))), ("^", (0, (1.5, 1.5))), ("D", (0, (6, 2, 1, 2))))
#: colours that stay apart for colour-blind readers and in grey (Okabe & Ito), where norms are not what is told apart
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")


def radius_text(norm: str, eps: float) -> str:
    """A radius as its norm is usually written: linf in 1/255, the others in pixel units."""
    return f"{eps * 255:g}" if norm == "linf" else f"{eps:g}"


def recipe_text(norm: str, eps: float) -> str:
    """A training in words: "standard", "l2 0.25", "linf 4/255"."""
    if not norm or not eps:
        return "standard"
    return f"{norm} {radius_text(norm, eps)}{'/255' if norm == 'linf' else ''}"


def points(
    axes: Axes, x: Sequence[float], rows: pd.DataFrame, colour: str, shape=SHAPES[0], label: str = "", **style
) -> None:
    """value over x, joined, with low..high as a bar. Undefined points are left out."""
    x, value = np.asarray(x, float), rows["value"].to_numpy(float)
    low, high = rows["low"].to_numpy(float), rows["high"].to_numpy(float)
    there = np.isfinite(value)
    x, value, low, high = x[there], value[there], low[there], high[there]
    low, high = np.where(np.isfinite(low), low, value), np.where(np.isfinite(high), high, value)
    marker, line = shape
    style = {"linewidth": 1.5, "markersize": 4.5, **style}
    axes.errorbar(
        x, value, yerr=[np.maximum(value - low, 0), np.maximum(high - value, 0)], color=colour, marker=marker,
        linestyle=line, label=label, elinewidth=1.1, capsize=2.2, capthick=1.1, **style,
    )  # fmt: skip


def radius_axis(axes: Axes, radii: dict[str, Sequence[float]], title: str = "training radius") -> None:
    """Radii by their place in the order, 0 = standard training; one line of labels a norm, in that norm's unit.

    radii: norm -> radii without the 0, ascending.
    """
    longest = max((len(found) for found in radii.values()), default=0)
    rows = [[radius_text(norm, eps) for eps in found] for norm, found in radii.items()]
    labels = ["0\n" * (len(rows) - 1) + "0"]
    labels += ["\n".join(row[k] if k < len(row) else " " for row in rows) for k in range(longest)]
    axes.set_xticks(range(longest + 1), labels)
    axes.set_xlim(-0.35, longest + 0.35)
    units = " / ".join(f"{NORM_LABEL[norm]}{' in 1/255' if norm == 'linf' else ''}" for norm in radii)
    axes.set_xlabel(f"{title}: {units}")


def key(axes: Axes, entries: Sequence[tuple[str, str, tuple]], **where) -> None:
    """A legend of (label, colour, shape); colour "" is ink."""
    from matplotlib.lines import Line2D

    lines = [
        Line2D(
            [], [], color=colour or INK, marker=shape[0], linestyle=shape[1], linewidth=1.5, markersize=4.5
        )
        for _, colour, shape in entries
    ]
    axes.legend(lines, [label for label, _, _ in entries], **where)


def reference(axes: Axes, y: float, text: str = "", side: str = "right") -> None:
    """A thin horizontal line: no effect, chance. side: where its text stands."""
    axes.axhline(y, color=SOFT, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
    if text:
        x, inward = (1, -2) if side == "right" else (0, 2)
        axes.annotate(
            text, (x, y), xycoords=("axes fraction", "data"), xytext=(inward, 3), textcoords="offset points", ha=side,
            fontsize=7.5, color=SOFT,
        )  # fmt: skip


__all__ = ["COLOURS", "NORM_COLOUR", "NORM_LABEL", "SHAPES", "key", "points", "radius_axis", "radius_text",
           "recipe_text", "reference"]  # fmt: skip
