"""How figures of the linear theory look: colours that stand for the same thing everywhere, axes, files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NORM_COLOUR = {"l2": "#2a78d6", "linf": "#eb6834", "l1": "#1baf7a"}
NORM_LABEL = {"l2": r"$\ell_2$", "linf": r"$\ell_\infty$", "l1": r"$\ell_1$"}
CORE, SPURIOUS = "#2a78d6", "#eb6834"
INK, SOFT, FAINT, GRID = "#1c1b19", "#5d5b56", "#9b9992", "#e8e6e1"

_STYLE = {
    "figure.facecolor": "white", "savefig.facecolor": "white", "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"], "mathtext.fontset": "dejavusans", "font.size": 9, "text.color": INK,
    "axes.edgecolor": FAINT, "axes.linewidth": 0.8, "axes.labelcolor": SOFT, "axes.titlesize": 10,
    "axes.titlelocation": "left", "axes.titlecolor": INK, "axes.titlepad": 8, "axes.grid": True, "grid.color": GRID,
    "grid.linewidth": 0.8, "axes.axisbelow": True, "axes.spines.top": False, "axes.spines.right": False,
    "xtick.color": FAINT, "ytick.color": FAINT, "xtick.labelcolor": SOFT, "ytick.labelcolor": SOFT,
    "xtick.labelsize": 8, "ytick.labelsize": 8, "legend.frameon": False, "legend.fontsize": 8, "lines.linewidth": 2,
    "lines.solid_capstyle": "round", "svg.hashsalt": "pyadvspur", "svg.fonttype": "path",
}  # fmt: skip


@contextmanager
def sheet(
    path: Path, rows: int, columns: int, size: tuple[float, float], **grid
) -> Iterator[tuple[Figure, list]]:
    """A figure with rows x columns axes, saved on leaving as `path`.png and `path`.svg (same bytes every time).

    size: inches. Yields the figure and its axes, row by row. No global state of matplotlib is touched.
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasAgg(figure)
        figure.get_layout_engine().set(w_pad=0.08, h_pad=0.06, wspace=0.04, hspace=0.05)
        axes = figure.subplots(rows, columns, squeeze=False, **grid)
        yield figure, list(axes.flat)
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path.with_suffix(".png"), dpi=140, metadata={"Software": None})
        figure.savefig(path.with_suffix(".svg"), metadata={"Date": None, "Creator": None})


def mark(
    axes: Axes, x: float, text: str, *, high: float = 0.98, side: str = "right", colour: str = SOFT
) -> None:
    """A thin vertical line at x with its name beside it."""
    axes.axvline(x, color=colour, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
    axes.annotate(
        text, (x, high), xycoords=("data", "axes fraction"), xytext=(4 if side == "right" else -4, 0),
        textcoords="offset points", ha="left" if side == "right" else "right", va="top", fontsize=7.5, color=colour,
    )  # fmt: skip
