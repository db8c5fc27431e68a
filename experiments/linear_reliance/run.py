"""Claim (i): l1 and l2 adversarial training make a linear model rely on spurious features."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pyadvspur.claims.linear import run_linear, side_by_side
from pyadvspur.claims.options import Options
from pyadvspur.report.ink import NORM_COLOUR, NORM_LABEL, SOFT, sheet
from pyadvspur.report.script import conclude, write_table
from pyadvspur.theory import LinearProblem, solve_many

NORMS = ("l1", "l2", "linf")


def main(options: Options, config: dict) -> dict:
    """Spurious share against the radius, for two features with and without label noise and for random problems."""
    noise = {"label noise": config["noise_std"], "no label noise": 0.0}
    curves = side_by_side(options, lambda std: _two_features(config, std), noise.values())
    two = dict(zip(noise, curves))
    fraction, shares, used = _random_problems(options, **config["random"])
    rows = [
        (case, norm, float(x), float(y), float(y), float(y))
        for case, curves in two.items()
        for norm, (xs, ys, _) in curves.items()
        for x, y in zip(xs[::8], ys[::8])
    ]
    for norm in NORMS:
        rows += [("random", norm, float(f), *map(float, q)) for f, q in zip(fraction, _bands(shares[norm]).T)]
    write_table(
        options.out, ("case", "norm", "eps_over_critical", "share_median", "share_low", "share_high"), rows
    )
    _draw(options.out, two, fraction, shares)
    return conclude(
        options.out,
        claim="l1 and l2 adversarial training raise reliance on spurious features",
        statement="theta_S != 0 at every radius between the end of the noise-free plateau and the critical radius, "
        "unless cov_SC cov_CC^+ g_C = 0 (an alignment that no random problem has); without adversary theta_S = 0",
        checks={
            "every random problem uses spurious features at every radius, l1": used["l1"].all(),
            "every random problem uses spurious features at every radius, l2": used["l2"].all(),
            "and their computed weights say so too": min(shares["l1"].min(), shares["l2"].min()) > 0,
            "standard training (radius 0) uses none": all(
                curve[1][0] == 0 for c in two.values() for curve in c.values()
            ),
            "two equal scales: linf uses none at any radius": two["label noise"]["linf"][1].max() == 0,
        },
        numbers={
            "random_problems": len(used["l1"]),
            "radii": len(fraction),
            "share_using_spurious": {norm: float(used[norm].mean()) for norm in NORMS},
            "median_share_at_half_critical": {
                norm: float(np.median(shares[norm][:, np.abs(fraction - 0.5).argmin()])) for norm in NORMS
            },
            "two_features_largest_share": {norm: float(two["label noise"][norm][1].max()) for norm in NORMS},
        },
        reading="holds, for every radius up to the critical one, unless the exact condition is met",
    )


def _two_features(config: dict, noise_std: float) -> dict:
    """norm -> (eps / critical, spurious share, plateau / critical)."""
    problem = LinearProblem.two_feature(
        config["rho"], config["scale_core"], config["scale_spurious"], noise_std=noise_std
    )
    curves = {}
    for norm in NORMS:
        path = problem.path(norm)
        kinks = [path.plateau_eps / path.critical_eps, *(path.knots / path.critical_eps)]
        x = np.unique([*np.linspace(0, 0.999, config["radii"]), *(k for k in kinks if k < 0.999)])
        curves[norm] = x, path.at(x * path.critical_eps).spurious_share, path.plateau_eps / path.critical_eps
    return curves


def _random_problems(
    options: Options, problems: int, features: int, cores: int, noise_std: float, radii: int, seed: int
):
    """eps / critical (E,), and for each norm the spurious share and the verdict of the condition, (problems, E)."""
    rng = np.random.default_rng(seed)
    factor = rng.normal(size=(problems, features, 2 * features))
    scale = 2.0 ** rng.uniform(-1, 1, size=(problems, features))
    covs = factor @ factor.transpose(0, 2, 1) * scale[:, :, None] * scale[:, None, :] / (2 * features)
    thetas = np.zeros((problems, features))
    thetas[:, :cores] = rng.normal(size=(problems, cores))
    core = np.arange(cores)
    fraction = np.linspace(0.02, 0.98, radii)
    shares, used = {}, {}
    list_of = [LinearProblem(cov, theta, noise_std, core) for cov, theta in zip(covs, thetas)]
    for norm in NORMS:
        eps = np.array([problem.path(norm).critical_eps for problem in list_of])[:, None] * fraction
        shares[norm] = solve_many(
            covs, thetas, noise_std, norm, eps, core, with_theta=False, threads=options.workers
        ).spurious_share
        pairs = zip(list_of, eps)
        used[norm] = np.array(
            side_by_side(options, lambda pair, norm=norm: pair[0].uses_spurious(norm, pair[1]), pairs)
        )
    return fraction, shares, used


def _bands(shares: np.ndarray) -> np.ndarray:
    return np.quantile(shares, [0.5, 0.1, 0.9], axis=0)


def _draw(out: Path, two: dict, fraction: np.ndarray, shares: dict) -> None:
    with sheet(out / "figure", 1, 3, (10.6, 3.6), sharey=True) as (_, axes):
        for panel, (name, curves) in zip(axes, two.items()):
            for norm, (x, y, plateau) in curves.items():
                panel.plot(x, y, color=NORM_COLOUR[norm], label=NORM_LABEL[norm])
                if plateau:
                    panel.plot(
                        [plateau], [0], "o", color=NORM_COLOUR[norm], markersize=6, clip_on=False, zorder=5
                    )
            panel.set_title(f"Two features of equal scale, {name}")
        axes[1].annotate("dots: up to here training\nchanges nothing", (0.46, 0.03), fontsize=8, color=SOFT)
        for norm in NORMS:
            median, low, high = _bands(shares[norm])
            axes[2].fill_between(fraction, low, high, color=NORM_COLOUR[norm], alpha=0.13, linewidth=0)
            axes[2].plot(fraction, median, color=NORM_COLOUR[norm], label=NORM_LABEL[norm])
        axes[2].set_title(f"{len(shares['l2'])} random problems (median, 10-90 %)")
        axes[0].set_ylabel(r"spurious share  $\|\theta_S\|_1 / \|\theta\|_1$")
        axes[0].legend(title="attack", title_fontsize=8, loc="upper left")
        for panel in axes:
            panel.set_xlabel(r"$\varepsilon$ / critical radius")
            panel.set_xlim(0, 1)
        axes[0].set_ylim(-0.01, None)


if __name__ == "__main__":
    run_linear(__file__, main)
