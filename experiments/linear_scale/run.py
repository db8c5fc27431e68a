"""Claim (ii): with an linf attack, spurious reliance needs a spurious scale above the core scale. When exactly?"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pyadvspur.claims.linear import run_linear
from pyadvspur.claims.options import Options
from pyadvspur.report.ink import CORE, INK, SPURIOUS, mark, sheet
from pyadvspur.report.script import conclude, write_table
from pyadvspur.theory import examples, never_uses_spurious, solve_many


def main(options: Options, config: dict) -> dict:
    """Maps of the spurious share over correlation and scale with the exact boundary, and the counterexample."""
    cores = config["counterexample"]["cores"]
    maps = {m: _map(m, config, options.workers) for m in (1, cores)}
    problem = examples.several_cores(cores, config["counterexample"]["correlation"], config["noise_std"])
    path = problem.path("linf")
    radii = np.array(config["counterexample"]["radii"]) * path.critical_eps
    solution = path.at(radii)
    write_table(
        options.out,
        ("cores", "correlation", "scale_ratio", "pull", "spurious_share"),
        (
            (m, *map(float, row))
            for m, grid in maps.items()
            for row in zip(*(a[::6, ::6].ravel() for a in grid))
        ),
    )
    _draw(options.out, maps, cores, problem, path, config)
    mismatches = {m: _mismatches(*grid[2:]) for m, grid in maps.items()}
    below = {m: int(((share > 0) & (ratio <= 1)).sum()) for m, (_, ratio, _, share) in maps.items()}
    return conclude(
        options.out,
        claim="with an linf attack, spurious reliance happens only if the spurious scale exceeds the core scale",
        statement="no spurious weight <=> max |cov_SC cov_CC^-1 g_C| <= 1; one core: |rho| scale_S <= scale_C; "
        "never, whatever the label weights, noise and radius <=> the largest row l1 norm of cov_SC cov_CC^-1 <= 1",
        checks={
            "one core: the boundary separates the computed weights exactly": mismatches[1] == 0,
            f"{cores} cores: the boundary separates the computed weights exactly": mismatches[cores] == 0,
            f"{cores} cores: reliance at or below equal scale exists (the plain wording fails)": below[cores]
            > 0,
            "the counterexample uses its spurious feature at every radius asked": bool(
                problem.uses_spurious("linf", radii).all() and (solution.theta[:, -1] > 0).all()
            ),
        },
        worded={
            "one core: no reliance anywhere at or below equal scale": below[1] == 0,
            f"{cores} cores: no reliance anywhere at or below equal scale": below[cores] == 0,
        },
        numbers={
            "points_of_each_map": int(maps[1][0].size),
            "points_using_it_at_or_below_equal_scale": {f"{m} core(s)": n for m, n in below.items()},
            "counterexample_pull": never_uses_spurious(problem, "linf").left,
            "counterexample_radius_over_critical": config["counterexample"]["radii"],
            "counterexample_spurious_weight": solution.theta[:, -1],
            "counterexample_core_weight": solution.theta[:, 0],
        },
        reading="holds with one core, even with a stronger bound; false as worded with several cores; the exact "
        "condition decides every case",
    )


def _map(cores: int, config: dict, threads: int):
    """correlation, spurious / core scale, pull (the left side of the condition) and spurious share, (grid, grid)."""
    n, largest = config["grid"], config["largest_ratio"]
    ratio, rho = np.meshgrid(
        np.geomspace(1 / largest, largest, n),
        np.linspace(0, 1 / np.sqrt(cores), n + 1)[1:] - 0.003,
        indexing="ij",
    )
    d = cores + 1
    covs = np.broadcast_to(np.eye(d), (n * n, d, d)).copy()
    covs[:, -1, :-1] = covs[:, :-1, -1] = (rho * ratio).reshape(-1, 1)
    covs[:, -1, -1] = ratio.ravel() ** 2
    theta = np.r_[np.ones(cores), 0.0]
    b = covs @ theta
    variance = cores + config["noise_std"] ** 2
    critical = np.sqrt(np.pi / 2) * np.abs(b).max(axis=1) / np.sqrt(variance)
    answer = solve_many(
        covs, theta, config["noise_std"], "linf", config["radius"] * critical[:, None], np.arange(cores),
        with_theta=False, threads=threads,
    )  # fmt: skip
    return rho, ratio, cores * rho * ratio, answer.spurious_share.reshape(n, n)


def _mismatches(pull: np.ndarray, share: np.ndarray) -> int:
    clear = np.abs(pull - 1) > 1e-9
    return int(((pull > 1) != (share > 0))[clear].sum())


def _draw(out: Path, maps: dict, cores: int, problem, path, config: dict) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    heat = LinearSegmentedColormap.from_list("heat", ["#fde6d8", "#f3a477", "#d9581c", "#8a2f06"])
    with sheet(out / "figure", 1, 3, (11.2, 3.9), width_ratios=[1.0, 1.0, 0.95]) as (figure, axes):
        for panel, (m, (rho, ratio, _, share)) in zip(axes, maps.items()):
            image = panel.pcolormesh(
                rho,
                ratio,
                np.ma.masked_equal(share, 0),
                cmap=heat,
                vmin=0,
                vmax=1,
                shading="nearest",
                rasterized=True,
            )
            line = np.linspace(1 / (m * config["largest_ratio"]), rho.max(), 200)
            panel.plot(line, 1 / (m * line), color=INK, linewidth=1.6)
            panel.axhline(1, color=INK, linewidth=0.9, linestyle=(0, (4, 3)))
            panel.set_yscale("log", base=2)
            panel.set_yticks([0.25, 0.5, 1, 2, 4], ["1/4", "1/2", "1", "2", "4"])
            panel.set_ylim(1 / config["largest_ratio"], config["largest_ratio"])
            panel.set_xlim(0, rho.max())
            panel.grid(False)
            panel.set_xlabel(r"correlation $\rho$ with " + ("the core" if m == 1 else "each core"))
        axes[0].set_ylabel("spurious scale / core scale")
        axes[0].set_title("One core")
        axes[0].annotate(r"exact boundary  $\rho\, s_S = s_C$", (0.4, 2.5), xytext=(0.05, 0.62), fontsize=8,
                         textcoords=("axes fraction"), rotation=0)  # fmt: skip
        axes[1].set_title(f"{cores} independent cores")
        axes[1].annotate(rf"exact boundary  ${cores}\rho\, s_S = s_C$", (0.1, 1), xytext=(0.03, 0.16), fontsize=8,
                         textcoords="axes fraction")  # fmt: skip
        for panel in axes[:2]:
            panel.annotate("equal scales", (0.015, 1), xycoords=("axes fraction", "data"), xytext=(0, 3),
                           textcoords="offset points", fontsize=7.5)  # fmt: skip
        rho_c = config["counterexample"]["correlation"]
        axes[1].plot([rho_c], [1], "o", color="white", markeredgecolor=INK, markersize=8, zorder=5)
        axes[1].annotate("counterexample", (rho_c, 1), xytext=(0.985, 0.72), textcoords="axes fraction", ha="right",
                         fontsize=8, color="white",
                         arrowprops={"arrowstyle": "-", "color": "white", "shrinkB": 5})  # fmt: skip
        bar = figure.colorbar(image, ax=axes[1], pad=0.02, aspect=30)
        bar.set_label("spurious share (white: exactly 0)", fontsize=8)
        bar.outline.set_visible(False)
        _draw_counterexample(axes[2], problem, path)


def _draw_counterexample(panel, problem, path) -> None:
    x = np.unique([*np.linspace(0, 1, 300), *(path.knots / path.critical_eps)])
    theta = path.at(x * path.critical_eps).theta
    panel.plot(x, theta[:, 0], color=CORE, linewidth=3.2, label="each of the cores")
    panel.plot(x, theta[:, -1], color=SPURIOUS, label="the spurious feature")
    gone = x[np.flatnonzero(theta[:, 0] > 0)[-1] + 1]
    mark(panel, gone, "no core left", high=0.62)
    panel.set_title("The counterexample: all scales equal")
    panel.set_xlabel(r"$\varepsilon$ / critical radius")
    panel.set_ylabel("weight")
    panel.set_xlim(0, 1)
    panel.legend(loc="upper right")


if __name__ == "__main__":
    run_linear(__file__, main)
