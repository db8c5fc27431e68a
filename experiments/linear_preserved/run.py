"""Claim (iv): a spurious correlation that is still there at test time makes the robust model more robust."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pyadvspur.claims.linear import run_linear, side_by_side
from pyadvspur.claims.options import Options
from pyadvspur.report.ink import NORM_COLOUR, NORM_LABEL, SOFT, sheet
from pyadvspur.report.script import conclude, write_table
from pyadvspur.theory import LinearProblem, preserved_value

NORMS = ("l1", "l2", "linf")


def main(options: Options, config: dict) -> dict:
    """Best adversarial risk with access to the spurious feature over that without, against the correlation."""
    rho = np.linspace(0, config["largest"], config["correlations"])
    keys = [(scale, norm) for scale in config["scales_spurious"] for norm in NORMS]

    def value(key: tuple[float, str]):
        # correlation 1 in the problem, so that the factor is the correlation itself
        return preserved_value(_two_features(1.0, key[0], config), key[1], config["eps"], rho)

    values = dict(zip(keys, side_by_side(options, value, keys)))
    write_table(
        options.out,
        ("scale_spurious", "norm", "rho", "risk", "core_only_risk", "log_derivative", "spurious_weight"),
        (
            (scale, norm, *map(float, row))
            for (scale, norm), v in values.items()
            for row in list(
                zip(rho, v.risk, np.full_like(rho, v.core_risk), v.log_derivative, v.spurious_weight)
            )[::4]
        ),
    )
    facts = _random_problems(options, config["noise_std"], **config["random"])
    _draw(options.out, rho, values, config)
    boundary = {s: min(1.0, config["scale_core"] / s) for s in config["scales_spurious"]}
    linf_helps = {s: rho[values[s, "linf"].ratio < 1 - 1e-12] for s in config["scales_spurious"]}
    return conclude(
        options.out,
        claim="a spurious correlation preserved at test time can improve adversarial robustness",
        statement="R*(with access) <= R*(core only), with equality <=> the condition for no spurious weight holds; "
        "R* is even, concave and non-increasing in |rho|, with dR*/dlog rho = -2 G (1 + c eps N / s)",
        checks={
            "never above the core-only risk": facts["above"] == 0,
            "strictly below exactly where the condition says that spurious features are used": facts[
                "mismatch"
            ]
            == 0,
            "even and concave in the correlation": facts["bent"] == 0,
            "the derivative agrees with differences (relative 1e-5)": facts["slope_error"] < 1e-5,
            "linf helps only beyond rho = scale_C / scale_S": all(
                (linf_helps[s] > boundary[s]).all() and len(linf_helps[s]) == (rho > boundary[s]).sum()
                for s in boundary
            ),
        },
        numbers={
            "random_problems_x_norms": facts["cases"],
            "largest_slope_error": facts["slope_error"],
            "risk_over_core_only_at_largest_rho": {
                f"scale {s:g}, {norm}": float(v.ratio[-1]) for (s, norm), v in values.items()
            },
        },
        reading="holds: access to a preserved spurious correlation never hurts the best robust risk, and helps "
        "strictly exactly where spurious features are used",
    )


def _two_features(rho: float, scale: float, config: dict) -> LinearProblem:
    return LinearProblem.two_feature(rho, config["scale_core"], scale, noise_std=config["noise_std"])


def _random_problems(
    options: Options, noise_std: float, problems: int, features: int, cores: int, seed: int
) -> dict:
    """What is wrong with the statement on random problems, counted."""
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(problems):
        root = rng.normal(size=(features, 2 * features)) * 2.0 ** rng.uniform(-1, 1, size=(features, 1))
        theta = np.r_[rng.normal(size=cores), np.zeros(features - cores)]
        problem = LinearProblem(root @ root.T / (2 * features), theta, noise_std, np.arange(cores))
        drawn += [(problem, norm, rng.uniform(0.1, 0.9)) for norm in NORMS]
    found = side_by_side(options, lambda one: _one_problem(*one), drawn)
    facts = {name: sum(one[name] for one in found) for name in ("above", "mismatch", "bent")}
    return {"cases": len(drawn), **facts, "slope_error": max(one["slope_error"] for one in found)}


def _one_problem(problem: LinearProblem, norm: str, radius: float) -> dict:
    """The same for one problem and norm, with the radius as a share of the critical one."""
    factor, step = np.linspace(-1, 1, 21), 1e-4
    eps = radius * problem.path(norm).critical_eps
    value = preserved_value(problem, norm, eps, factor)
    used = np.array([problem.with_spurious_correlation(k).uses_spurious(norm, eps) for k in factor])
    near = preserved_value(problem, norm, eps, 0.8 * np.exp([-step, 0, step]))
    slope = (near.risk[2] - near.risk[0]) / (2 * step)
    error = abs(slope - near.log_derivative[1]) / (abs(slope) + 1e-3 * near.core_risk)
    return {
        "above": int((value.ratio > 1 + 1e-12).sum()),
        "mismatch": int(((value.log_derivative < 0) != used).sum()),
        "bent": int(
            (np.diff(value.risk, 2) > 1e-11).sum() + (np.abs(value.risk - value.risk[::-1]) > 1e-11).sum()
        ),
        "slope_error": error if (near.log_derivative < 0).all() else 0.0,
    }


def _draw(out: Path, rho: np.ndarray, values: dict, config: dict) -> None:
    scales = config["scales_spurious"]
    with sheet(out / "figure", 1, 3, (10.6, 3.6), sharey=True) as (_, axes):
        for panel, scale in zip(axes, scales):
            for norm in NORMS:
                panel.plot(
                    rho,
                    values[scale, norm].ratio,
                    color=NORM_COLOUR[norm],
                    label=f"{NORM_LABEL[norm]} attack",
                )
            panel.set_title(
                "Equal scales" if scale == config["scale_core"] else f"Spurious scale {scale:g} x core"
            )
            panel.set_xlabel(r"spurious correlation $\rho$, at training and test")
        share = np.linspace(0.005, 0.995, 100)
        for norm in NORMS:
            problem = _two_features(config["panel_correlation"], scales[-1], config)
            core = problem.core_only().path(norm)
            path = problem.path(norm)
            eps = share * path.critical_eps
            axes[2].plot(share, path.at(eps).risk / core.at(eps).risk, color=NORM_COLOUR[norm])
        axes[2].set_title(rf"Spurious scale {scales[-1]:g} x core, $\rho$ = {config['panel_correlation']:g}")
        axes[2].set_xlabel(r"$\varepsilon$ / critical radius")
        for panel in axes:
            panel.axhline(1, color=SOFT, linewidth=1.2, linestyle=(0, (5, 2)), zorder=1)
            panel.set_xlim(0, 1)
        axes[0].annotate("core features only", (0.02, 1), xytext=(0, 3), textcoords="offset points", fontsize=8,
                         color=SOFT)  # fmt: skip
        axes[0].set_ylabel("best adversarial risk / core-only")
        axes[0].set_ylim(0.4, 1.04)
        axes[0].legend(loc="lower left")


if __name__ == "__main__":
    run_linear(__file__, main)
