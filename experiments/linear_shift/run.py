"""Claim (iii): where the spurious correlation changes at test time, adversarial training costs natural risk."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pyadvspur.claims.linear import run_linear, side_by_side
from pyadvspur.claims.options import Options
from pyadvspur.report.ink import INK, NORM_COLOUR, NORM_LABEL, SOFT, sheet
from pyadvspur.report.script import conclude, write_table
from pyadvspur.theory import LinearProblem, simulate, spurious_shift

NORMS = ("l1", "l2", "linf")
FACTORS = np.linspace(1, -1, 9)


def main(options: Options, config: dict) -> dict:
    """Natural risk against the test correlation, by formula and on simulated domains; what decorrelating costs."""
    problems = {
        scale: LinearProblem.two_feature(
            config["rho"], config["scale_core"], scale, noise_std=config["noise_std"]
        )
        for scale in config["scales_spurious"]
    }
    shifts = {
        (scale, norm): spurious_shift(
            problem, norm, config["radius"] * problem.path(norm).critical_eps, FACTORS
        )
        for scale, problem in problems.items()
        for norm in NORMS
    }
    points = side_by_side(options, lambda key: _simulate(problems[key[0]], shifts[key], config), shifts)
    measured = dict(zip(shifts, points))
    write_table(
        options.out,
        (
            "scale_spurious",
            "norm",
            "factor",
            "natural_risk",
            "simulated",
            "standard_error",
            "core_only",
            "crossover",
        ),
        (
            (
                scale,
                norm,
                float(k),
                float(risk),
                float(mean),
                float(error),
                shift.core_standard_risk,
                shift.crossover,
            )
            for (scale, norm), shift in shifts.items()
            for k, risk, (mean, error) in zip(FACTORS, shift.standard_risk, measured[scale, norm])
        ),
    )
    worst, wrong = _compare(options, **config["random"])
    _draw(options.out, problems, shifts, measured, config)
    off = max(
        float((np.abs(risks[:, 0] - shifts[key].standard_risk) / risks[:, 1]).max())
        for key, risks in measured.items()
    )
    return conclude(
        options.out,
        claim="distributional robustness drops when the spurious correlation changes at test time",
        statement="spurious covariance times k: natural risk grows by exactly 2 (1 - k) G, G >= 0, and G > 0 <=> "
        "the model uses spurious features; standard training loses nothing on any such domain",
        checks={
            "formula 7 equals the risk on the shifted domain (relative error below 1e-11)": worst < 1e-11,
            "G > 0 exactly where the condition says that spurious features are used": wrong == 0,
            "simulated test domains agree (within 5 standard errors, 54 means)": off < 5,
            "equal scales: linf training loses nothing": shifts[config["scales_spurious"][0], "linf"].gain
            == 0,
        },
        numbers={
            "random_problems": config["random"]["problems"],
            "largest_relative_error": worst,
            "largest_distance_in_standard_errors": off,
            "natural_risk_kept_removed_flipped": {
                f"scale {scale:g}, {norm}": shift.standard_risk[[0, 4, 8]]
                for (scale, norm), shift in shifts.items()
            },
            "core_only_wins_below_factor": {
                f"scale {scale:g}, {norm}": shift.crossover if np.isfinite(shift.crossover) else "never"
                for (scale, norm), shift in shifts.items()
            },
        },
        reading="holds: the loss is 2 (1 - k) G, strictly positive exactly where spurious features are used",
    )


def _simulate(problem: LinearProblem, shift, config: dict) -> np.ndarray:
    """Mean squared error and its standard error on simulated samples of each domain, (factors, 2)."""
    rows = []
    for index, k in enumerate(FACTORS):
        x, y = simulate(
            problem.with_spurious_correlation(k), config["simulated"], seed=config["seed"] + index
        )
        error = np.square(x @ shift.theta - y)
        rows.append((error.mean(), error.std() / np.sqrt(len(error))))
    return np.array(rows)


def _compare(options: Options, problems: int, features: int, cores: int, seed: int) -> tuple[float, int]:
    """Largest relative error of formula 7, and how often its sign disagrees with the condition."""
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(problems):
        factor = rng.normal(size=(features, 2 * features)) * 2.0 ** rng.uniform(-1, 1, size=(features, 1))
        theta = np.r_[rng.normal(size=cores), np.zeros(features - cores)]
        problem = LinearProblem(factor @ factor.T / (2 * features), theta, 0.5, np.arange(cores))
        drawn.append((problem, rng.uniform(-1, 1), rng.uniform(0.05, 0.95, len(NORMS))))
    found = side_by_side(options, lambda one: _compare_one(*one), drawn)
    return max(worst for worst, _ in found), sum(wrong for _, wrong in found)


def _compare_one(problem: LinearProblem, k: float, radii: np.ndarray) -> tuple[float, int]:
    """The same for one problem, with radii as shares of the critical ones."""
    worst, wrong = 0.0, 0
    domain = problem.with_spurious_correlation(k)
    for norm, radius in zip(NORMS, radii):
        eps = radius * problem.path(norm).critical_eps
        shift = spurious_shift(problem, norm, eps, k)
        worst = max(worst, abs(shift.standard_risk[0] / domain.standard_risk(shift.theta) - 1))
        wrong += (shift.gain > 0) != problem.uses_spurious(norm, eps)
    return worst, wrong


def _draw(out: Path, problems: dict, shifts: dict, measured: dict, config: dict) -> None:
    with sheet(out / "figure", 1, 3, (10.8, 3.8)) as (_, axes):
        for panel, (scale, problem) in zip(axes, problems.items()):
            for norm in NORMS:
                shift, points = shifts[scale, norm], measured[scale, norm]
                colour = NORM_COLOUR[norm]
                panel.plot(
                    FACTORS, shift.standard_risk, color=colour, label=f"{NORM_LABEL[norm]} adversarial"
                )
                panel.errorbar(FACTORS, points[:, 0], 2 * points[:, 1], fmt="o", color=colour, markersize=3.5,
                               markerfacecolor="white", elinewidth=1)  # fmt: skip
                if -1 <= shift.crossover <= 1:
                    panel.plot([shift.crossover], [shift.core_standard_risk], "D", color=colour, markersize=7,
                               markeredgecolor=INK, zorder=6)  # fmt: skip
            panel.axhline(
                problem.noise_std**2, color=SOFT, linestyle=(0, (5, 2)), linewidth=1.5, label="standard"
            )
            panel.set_title(
                "Equal scales" if scale == config["scale_core"] else f"Spurious scale {scale:g} x core"
            )
            panel.set_xlabel("test correlation / training correlation")
            panel.set_xlim(1, -1)
            panel.set_xticks([1, 0.5, 0, -0.5, -1])
            panel.set_ylim(0, None)
        axes[0].set_ylabel("natural risk on the test domain")
        axes[0].legend(title="training", title_fontsize=8, loc="upper left")
        axes[1].annotate("diamonds: beyond, the core-only\nadversarial model is better", (0.04, 0.03),
                         xycoords="axes fraction", fontsize=8, color=SOFT)  # fmt: skip
        axes[0].annotate(
            "points: simulated domains", (0.04, 0.03), xycoords="axes fraction", fontsize=8, color=SOFT
        )
        _draw_costs(axes[2], problems)


def _draw_costs(panel, problems: dict) -> None:
    share = np.linspace(0, 1, 101)
    for (scale, problem), style in zip(problems.items(), [(0, (4, 2)), "-"]):
        for norm in NORMS:
            critical = problem.path(norm).critical_eps
            gains = [spurious_shift(problem, norm, f * critical).gain for f in share]
            panel.plot(share, 2 * np.array(gains), color=NORM_COLOUR[norm], linestyle=style)
        panel.plot([], [], color=SOFT, linestyle=style, label=f"spurious scale {scale:g}")
    panel.set_title("What removing the correlation costs")
    panel.set_xlabel(r"$\varepsilon$ / critical radius")
    panel.set_ylabel(r"rise of the natural risk, $2G$")
    panel.set_xlim(0, 1)
    panel.set_ylim(0, 1.25 * panel.get_ylim()[1])  # room for the legend
    panel.legend(loc="upper right")


if __name__ == "__main__":
    run_linear(__file__, main)
