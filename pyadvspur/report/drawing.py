"""Figures of runs: the trade-off, reliance against the training radius, robust accuracy over the attack's radius."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING

from pyadvspur.errors import AdvSpurError
from pyadvspur.report import selection

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from pyadvspur.evaluation import Run
    from pyadvspur.metrics import Measure
    from pyadvspur.report.several import Runs

_COLOURS = {"l2": "#2166ac", "linf": "#c8501e", "l1": "#3a8f5c", "other": "#6b4c9a", "standard": "#333333"}
_MARKERS = ("o", "s", "^", "D", "v")
_NORMS = {"l2": "$\\ell_2$", "linf": "$\\ell_\\infty$", "l1": "$\\ell_1$"}
# labels of different norms lie on different sides of their points
_PLACES = {"l2": {"xytext": (4, -8)}, "linf": {"xytext": (-4, 4), "ha": "right"}, "l1": {"xytext": (4, 4)}}
_STYLE = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#888888",
    "axes.linewidth": 0.8,
    "axes.grid": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.7,
    "axes.axisbelow": True,
    "svg.hashsalt": "pyadvspur",
    "figure.facecolor": "white",
}


def figures(run: Run | Runs, metrics: pd.DataFrame | None = None) -> dict[str, Figure]:
    """All figures of a run by name. Needs no display."""
    metrics = run.metrics() if metrics is None else metrics
    known = run.models()
    found = {}
    for name, measures in run.measures().items():
        mine = metrics[metrics["benchmark"] == name]
        panels = selection.reliance(measures)
        if not len(mine):
            continue
        models = known[known["model"].isin(set(mine["model"].astype(str)))]
        for measure, choices in selection.attacked(mine, measures).items() if panels else ():
            short = "".join(c if c.isalnum() else "-" for c in measure)
            found[f"{name}-trade-off-{short}"] = trade_off(mine, models, panels, choices)
        if panels and any(norm not in ("other", "standard") for norm, _, _ in selection.lines(models)):
            found[f"{name}-by-training-radius"] = by_radius(mine, models, panels)
        for measure, curves in selection.curves(mine, measures).items():
            short = "".join(c if c.isalnum() else "-" for c in measure)
            found[f"{name}-curves-{short}"] = over_radius(curves, models, measure)
    for figure in found.values():
        figure.draw_without_rendering()
        figure.set_layout_engine("none")  # laid out once, not again for every file it is saved to
    return found


def trade_off(
    metrics: pd.DataFrame, models: pd.DataFrame, panels: list[Measure], choices: list[selection.Attacked]
) -> Figure:
    """Robust accuracy against each reliance metric; one line a training norm, points labelled by training radius."""
    figure, axes = _grid(len(choices), len(panels))
    clean = metrics[metrics["attack"] == "none"]
    for row, choice in enumerate(choices):
        at = (metrics["attack"] == choice.attack) & (metrics["eps"] == choice.eps)
        robust = _by_model(metrics[at & (metrics["measure"] == choice.measure)])
        for column, measure in enumerate(panels):
            ax = axes[row][column]
            _points(ax, models, robust, _by_model(clean[clean["measure"] == measure.name]), _scale(measure))
            title = choice.title(choices)
            title = title.replace(choice.norm, _NORMS[choice.norm], 1) if choice.norm in _NORMS else title
            ax.set_xlabel(f"{choice.measure}, {title} (%)")
            ax.set_ylabel(_axis(measure))
    _legend(figure, axes[0][0])
    return figure


def by_radius(metrics: pd.DataFrame, models: pd.DataFrame, panels: list[Measure]) -> Figure:
    """Each reliance metric against the training radius, one row of panels a norm; the standard model at the left."""
    found = [line for line in selection.lines(models) if line[0] not in ("other", "standard")]
    norms = list(dict.fromkeys(norm for norm, _, _ in found))
    figure, axes = _grid(len(norms), len(panels))
    clean = metrics[metrics["attack"] == "none"]
    for row, norm in enumerate(norms):
        for column, measure in enumerate(panels):
            ax = axes[row][column]
            values = _by_model(clean[clean["measure"] == measure.name])
            scale = _scale(measure)
            for index, (_, arch, line) in enumerate(x for x in found if x[0] == norm):
                there = line[line["model"].isin(values.index)]
                labels = [selection.training_label(row) for _, row in there.iterrows()]
                chosen = values.loc[there["model"]] * scale
                ax.errorbar(
                    range(len(labels)), chosen["value"], yerr=_bars(chosen), color=_COLOURS.get(norm, "#555555"),
                    marker=_MARKERS[index % len(_MARKERS)], markersize=5, linewidth=1.3, elinewidth=0.8, capsize=2,
                    linestyle="-" if index == 0 else "--", label=arch or norm,
                    markerfacecolor="white" if index else None,
                )  # fmt: skip
                ax.set_xticks(range(len(labels)), ["0" if label == "standard" else label for label in labels])
            ax.set_xlabel(f"{_NORMS.get(norm, norm)} training radius (0 = standard training)")
            ax.set_ylabel(_axis(measure))
            if column == 0:
                ax.legend(
                    frameon=False, fontsize=8, title=f"{_NORMS.get(norm, norm)} training", title_fontsize=8
                )
    return figure


def over_radius(curves: dict[str, pd.DataFrame], models: pd.DataFrame, name: str) -> Figure:
    """Robust accuracy over the radius of each attack, one line a model with its interval as a band."""
    figure, axes = _grid(1, len(curves))
    lines = selection.lines(models)
    arches = list(dict.fromkeys(arch for _, arch, _ in lines))
    for ax, (attack, rows) in zip(axes[0], curves.items()):
        drawn = set()
        for norm, arch, line in lines:
            for _, row in line.iterrows():
                mine = rows[rows["model"] == row["model"]].dropna(subset=["value"]).sort_values("eps")
                if row["model"] in drawn or not len(mine):
                    continue
                drawn.add(row["model"])
                alone = norm in ("other", "standard") or selection.training_label(row) == "standard"
                colour = _COLOURS[
                    "standard" if alone and norm != "other" else norm if norm in _COLOURS else "other"
                ]
                style = {"linestyle": "-" if arches.index(arch) == 0 else "--", "linewidth": 1.1}
                ax.plot(mine["eps"], 100 * mine["value"], color=colour, marker=".", markersize=3, **style)
                ax.fill_between(
                    mine["eps"], 100 * mine["low"], 100 * mine["high"], color=colour, alpha=0.08, linewidth=0
                )
        radii = sorted(set(rows["eps"]))
        ax.set_xticks(
            radii,
            [selection.radius(eps, selection.norm_of(attack)) for eps in radii],
            fontsize=7,
            rotation=30,
        )
        ax.set_ylim(0, 100)
        ax.set_xlabel(f"radius, {attack}")
        ax.set_ylabel(f"{name} (%)")
    _legend_of_lines(figure, lines, arches)
    return figure


def svg(figure: Figure) -> str:
    """A figure as SVG markup to be put into a page, the same bytes for the same run."""
    import matplotlib as mpl

    held = io.StringIO()
    with mpl.rc_context(_STYLE):
        figure.savefig(held, format="svg", metadata={"Date": None})
    text = held.getvalue()
    return text[text.index("<svg") :]


def save(drawn: dict[str, Figure], folder: str | os.PathLike) -> list[Path]:
    """Write figures as PNG, SVG and PDF, the same bytes for the same run; returns the paths."""
    import matplotlib as mpl

    folder = Path(folder)
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, figure in drawn.items():
            figure.savefig(folder / f"{name}.png", dpi=150, metadata={"Software": None})
            (folder / f"{name}.svg").write_text(svg(figure), encoding="utf-8")
            with mpl.rc_context({**_STYLE, "pdf.fonttype": 42}):
                figure.savefig(folder / f"{name}.pdf", metadata={"CreationDate": None})
            written += [folder / f"{name}.{suffix}" for suffix in ("png", "svg", "pdf")]
    except OSError as error:
        raise AdvSpurError(
            f"report: {str(folder)!r} cannot be written ({error.strerror or error})"
        ) from error
    return written


def _grid(rows: int, columns: int):
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with mpl.rc_context(_STYLE):
        # not pyplot: no global state, no window, no figure left open
        figure = Figure(figsize=(1.2 + 4.0 * columns, 0.7 + 3.3 * rows), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(rows, columns, squeeze=False)
    return figure, axes


def _points(
    ax: Axes, models: pd.DataFrame, robust: pd.DataFrame, leaning: pd.DataFrame, scale: float
) -> None:
    from matplotlib.patheffects import withStroke

    halo = withStroke(linewidth=1.6, foreground="white")
    arches = list(dict.fromkeys(arch for _, arch, _ in selection.lines(models)))
    for norm, arch, line in selection.lines(models):
        there = line[line["model"].isin(robust.index) & line["model"].isin(leaning.index)]
        if not len(there):
            continue
        x, y = robust.loc[there["model"]] * 100, leaning.loc[there["model"]] * scale
        colour, index = _COLOURS.get(norm, "#555555"), arches.index(arch)
        alone = norm in ("other", "standard")
        ax.errorbar(
            x["value"], y["value"], xerr=_bars(x), yerr=_bars(y), color=colour, ecolor=colour + "66",
            marker=_MARKERS[index % len(_MARKERS)], markersize=5, elinewidth=0.9, linewidth=1.2,
            linestyle="none" if alone else ("-" if index == 0 else "--"), markerfacecolor="white" if index else colour,
            label=" ".join(part for part in (_NORMS.get(norm, norm), arch) if part), zorder=3,
        )  # fmt: skip
        for (_, row), px, py in zip(there.iterrows(), x["value"], y["value"]):
            label = selection.training_label(row)
            if label == "standard":
                ax.plot(
                    px, py, marker="*", markersize=10, color=_COLOURS["standard"], zorder=4, linestyle="none"
                )
            else:
                ax.annotate(
                    label.removesuffix("/255"), (px, py), textcoords="offset points", fontsize=6.5, color=colour,
                    zorder=5, path_effects=[halo], **_PLACES.get(norm, _PLACES["l2"]),
                )  # fmt: skip


def _legend(figure: Figure, ax: Axes) -> None:
    from matplotlib.lines import Line2D

    handles, labels = ax.get_legend_handles_labels()
    title = "models"
    if any(line.get_marker() == "*" for line in ax.lines):
        handles.append(Line2D([], [], marker="*", markersize=9, color=_COLOURS["standard"], linestyle="none"))
        labels.append("standard training")
    if any(label.startswith("$") for label in labels):
        title = "training norm and architecture; at points: training radius (1/255 for $\\ell_\\infty$)"
    figure.legend(
        handles, labels, loc="outside upper center", ncols=min(6, len(handles)), frameon=False, fontsize=8.5,
        title=title, title_fontsize=8.5,
    )  # fmt: skip


def _legend_of_lines(figure: Figure, lines: list, arches: list[str]) -> None:
    from matplotlib.lines import Line2D

    def key(colour: str, arch: str, label: str) -> Line2D:
        return Line2D([], [], color=colour, linestyle="-" if arches.index(arch) == 0 else "--", label=label)

    named = [(n, a) for n, a, _ in lines if n not in ("other", "standard")]
    handles = [
        key(_COLOURS.get(n, _COLOURS["other"]), a, f"{_NORMS.get(n, n)} {a}".strip()) for n, a in named
    ]
    standard = {
        a: None
        for _, a, line in lines
        for _, r in line.iterrows()
        if selection.training_label(r) == "standard"
    }
    handles += [key(_COLOURS["standard"], a, f"standard {a}".strip()) for a in standard]
    handles += [key(_COLOURS["other"], a, "other") for n, a, _ in lines if n == "other"]
    title = "training; bands are 95 % intervals"
    figure.legend(
        handles=handles, loc="outside upper center", ncols=min(6, max(1, len(handles))), frameon=False, fontsize=8,
        title=title, title_fontsize=8,
    )  # fmt: skip


def _by_model(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.set_index(rows["model"].astype(str))[["value", "low", "high"]].dropna()


def _bars(frame: pd.DataFrame):
    import numpy as np

    return np.stack([frame["value"] - frame["low"], frame["high"] - frame["value"]]).clip(0)


def _scale(measure: Measure) -> float:
    return 100.0 if measure.about.percent else 1.0


def _axis(measure: Measure) -> str:
    unit = " (%)" if measure.about.percent else ""
    leaning = {"up": "\u2191 more reliance", "down": "\u2193 more reliance"}.get(measure.about.leans, "")
    return f"{measure.name}{unit}    {leaning}".rstrip()
