"""Several training seeds: does the trend of every metric survive them, and how much of a number's spread is theirs?"""

from __future__ import annotations

import pandas as pd

from pyadvspur import metrics, models
from pyadvspur.claims import axes, families
from pyadvspur.claims.options import Options, run_claim
from pyadvspur.claims.series import described, lines_of, values_of
from pyadvspur.claims.verdict import Check, conclude
from pyadvspur.report.ink import FAINT, NORM_COLOUR, NORM_LABEL, sheet


def main(options: Options, config: dict) -> dict:
    """Is the rise of reliance with the training radius more than an accident of one training seed?"""
    own = [f"embedded:{config['architecture']}_{recipe}" for recipe in config["recipes"]]
    names = options.chosen([*own, *models.suite("embedded-seed")])
    run = options.evaluate("networks", names, options.data)
    networks = described(run, options)
    measures = families.family(run)
    outcomes = run.outcomes()
    spread = metrics.seed_spread(outcomes, networks, measures, attacked=False)
    norms = sorted({norm for norm, _, _ in lines_of(networks)})
    count = max(1, len(norms) * sum(map(len, measures.values())))
    found = metrics.trends(outcomes, networks, measures, attacked=False, level=1 - 0.05 / count).pooled
    checks, notes = [], []
    for benchmark, mine in measures.items():
        side = families.sides(mine, config["expected"] | {"effective_robustness": "falls"})
        for measure in mine:
            for norm in norms or ("l2", "linf"):
                name = f"slope of {measure.name}, {norm} training, from standard to the largest radius"
                rows = found.query("benchmark == @benchmark and measure == @measure.name and norm == @norm")
                if len(rows) and rows.iloc[0].units > 1:
                    row = rows.iloc[0]
                    checks.append(Check(name, row.slope, row.mixed_low, row.mixed_high, side[measure.name]))
                else:
                    notes.append(f"{benchmark}, {measure.name}, {norm}: under two seeds or under three radii")
                    checks.append(Check(name, *[float("nan")] * 3, side[measure.name]))
    spread.to_csv(options.out / "table.csv", index=False, float_format="%.6g")
    values_of(run, networks, measures).to_csv(options.out / "networks.csv", index=False, float_format="%.6g")
    _draw(options, spread, run, networks, measures)
    return conclude(
        options.out,
        claim="the rise of reliance with the training radius is no accident of one training seed",
        rule="the slope of every metric over the radii (from the first to the last network of a series), "
        "mean over seeds, has the sign of more reliance for either norm; 95 % intervals over images "
        "and seeds (random intercept and slope), simultaneous over metrics and norms",
        checks=checks,
        numbers={"standard deviation": _deviations(spread)},
        notes=notes,
    )


def _deviations(spread: pd.DataFrame) -> dict:
    """Of one network's number: from seed to seed, and from images to images."""
    return {
        f"{r.measure}, {r.arch} {axes.recipe_text(r.norm, r.radius)}, {r.seeds} seeds": [
            r.seed_sd,
            r.image_sd,
        ]
        for r in spread.itertuples()
    }


def _draw(options: Options, spread, run, networks, measures) -> None:
    """A column a metric: every seed's line and their mean above; below, the two standard deviations."""
    panels = [(benchmark, measure) for benchmark, mine in measures.items() for measure in mine]
    values = values_of(run, networks, measures)
    seeds = (
        networks.groupby("seed", sort=True) if "seed" in networks and networks["seed"].notna().any() else ()
    )
    with sheet(options.out / "figure", 2, max(1, len(panels)), (3.3 * max(1, len(panels)), 6.0)) as (
        _,
        every,
    ):
        for k, (benchmark, measure) in enumerate(panels):
            upper, lower = every[k], every[k + len(panels)]
            here = values[(values["benchmark"] == benchmark) & (values["measure"] == measure.name)].set_index(
                "model"
            )
            radii = {}
            for _, one in seeds:
                for norm, _, mine in lines_of(one):
                    upper.plot(
                        range(len(mine)),
                        here.reindex(mine["model"])["value"],
                        color=NORM_COLOUR[norm],
                        linewidth=0.7,
                        alpha=0.45,
                    )
                    radii[norm] = list(mine["eps"])[1:]
            got = spread[(spread["benchmark"] == benchmark) & (spread["measure"] == measure.name)]
            for norm in radii:
                mine = got[(got["norm"] == norm) | (got["radius"] == 0)].sort_values("radius")
                x = range(len(mine))
                wide = mine[["value", "mixed_low", "mixed_high"]].set_axis(["value", "low", "high"], axis=1)
                axes.points(upper, x, wide, NORM_COLOUR[norm], label=NORM_LABEL[norm])
                upper.vlines(x, mine["low"], mine["high"], color=NORM_COLOUR[norm], linewidth=3.5, alpha=0.6)
                lower.plot(
                    x, mine["seed_sd"], color=NORM_COLOUR[norm], marker="o", markersize=4.5, linewidth=1.5
                )
                lower.plot(
                    x,
                    mine["image_sd"],
                    color=NORM_COLOUR[norm],
                    marker="s",
                    markersize=4,
                    linewidth=1.2,
                    linestyle=(0, (5, 2)),
                )
            for panel in (upper, lower):
                if radii:
                    axes.radius_axis(panel, radii)
            upper.set_title(f"{measure.name}", fontsize=10)
            upper.set_ylabel(f"{measure.name} (share)")
            lower.set_ylabel("standard deviation (share)")
            lower.set_ylim(0, None)
        if panels:
            entries = [(NORM_LABEL[n], NORM_COLOUR[n], ("o", "-")) for n in radii]
            axes.key(every[0], [*entries, ("one seed", FAINT, ("", "-"))], title="training", title_fontsize=8)
            axes.key(
                every[len(panels)],
                [("seed to seed", "", ("o", "-")), ("image to image", "", ("s", (0, (5, 2))))],
            )


if __name__ == "__main__":
    run_claim(__file__, main)
