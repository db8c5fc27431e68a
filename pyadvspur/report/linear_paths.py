"""The picture of `advspur theory`: weights above, risks below, one column for each attack norm."""

from __future__ import annotations

from pathlib import Path as FilePath
from typing import TYPE_CHECKING

import numpy as np

from pyadvspur.report.ink import CORE, FAINT, INK, NORM_LABEL, SOFT, SPURIOUS, mark, sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from pyadvspur.theory import LinearProblem, Path, Solution


def draw_paths(problem: LinearProblem, paths: dict[str, Path], reach: float, out: FilePath) -> None:
    """Write `out`.png and `out`.svg. paths: attack norm -> path; drawn for radii from 0 to `reach` > 0."""
    decorrelated = problem.with_spurious_correlation(0)
    columns = len(paths)
    size = (max(6.4, 0.8 + 3.7 * columns), 6.0)
    with sheet(out, 2, columns, size, sharex="col", sharey="row") as (figure, axes):
        for column, (norm, path) in enumerate(paths.items()):
            kinks = [r for r in (*path.knots, path.critical_eps, path.plateau_eps) if r <= reach]
            solution = path.at(np.unique([*np.linspace(0, reach, 401), *kinks]))
            above, below = axes[column], axes[columns + column]
            above.set_title(f"{NORM_LABEL[norm]} attack")
            _draw_weights(above, problem, path, solution)
            _draw_risks(below, solution, decorrelated.standard_risk(solution.theta))
            below.set_xlabel(r"attack radius $\varepsilon$")
            below.set_xlim(0, reach)
        axes[columns].set_ylim(bottom=0)
        axes[0].set_ylabel("weights")
        axes[columns].set_ylabel("risk")
        _add_legends(figure, axes, columns)


def _draw_weights(axes: Axes, problem: LinearProblem, path: Path, solution: Solution) -> None:
    thin = problem.dim > 12
    for j in np.argsort(
        ~problem.core, kind="stable"
    ):  # the spurious ones on top, narrower, so that ties show both
        width = 1 if thin else (3.2 if problem.core[j] else 1.7)
        colour = CORE if problem.core[j] else SPURIOUS
        axes.plot(solution.eps, solution.theta[:, j], color=colour, linewidth=width, alpha=0.6 if thin else 1)
    shown = float(solution.eps[-1])
    if path.critical_eps < shown:
        mark(axes, path.critical_eps, "critical", side="left" if path.critical_eps > 0.8 * shown else "right")
    if 0 < path.plateau_eps < shown:
        mark(axes, path.plateau_eps, "plateau ends")
    if 0 < path.spurious_onset < shown and path.spurious_onset != path.plateau_eps:
        mark(axes, path.spurious_onset, "spurious onset", high=0.9, colour=SPURIOUS)


def _draw_risks(axes: Axes, solution: Solution, decorrelated: np.ndarray) -> None:
    axes.plot(solution.eps, solution.risk, color=INK)
    axes.plot(solution.eps, solution.standard_risk, color=SOFT, linestyle=(0, (5, 2)))
    axes.plot(solution.eps, decorrelated, color=SPURIOUS, linestyle=(0, (1.5, 1.5)))


def _add_legends(figure, axes: list[Axes], columns: int) -> None:
    from matplotlib.lines import Line2D

    def key(colour: str, label: str, style="-") -> Line2D:
        return Line2D([], [], color=colour, linestyle=style, label=label)

    axes[0].legend(handles=[key(CORE, "core"), key(SPURIOUS, "spurious")], loc="best")
    axes[0].axhline(0, color=FAINT, linewidth=0.8, zorder=0)
    figure.legend(
        handles=[
            key(INK, "adversarial risk"),
            key(SOFT, "natural risk", (0, (5, 2))),
            key(SPURIOUS, "natural risk, spurious correlation removed", (0, (1.5, 1.5))),
        ],
        loc="outside lower center", ncols=3,
    )  # fmt: skip
