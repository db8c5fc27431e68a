"""l1 and l2 against linf, and the scale of the spurious feature: networks trained at several contrasts of it."""

from __future__ import annotations

import pandas as pd

from pyadvspur import metrics, models
from pyadvspur.claims import axes, families
from pyadvspur.claims.options import Options, run_claim
from pyadvspur.claims.series import described, lines_of, values_of
from pyadvspur.claims.verdict import Check, conclude
from pyadvspur.report.ink import NORM_COLOUR, NORM_LABEL, sheet

CLAIM = "l1 and l2 adversarial training raise reliance on the background; linf does so only where its scale is large"
GAP = metrics.Measure("bg_gap", "BG-gap", same="mixed_same", rand="mixed_rand")


def main(options: Options, config: dict) -> dict:
    """l1 and l2 adversarial training against linf, at several scales of the spurious feature."""
    return _scales(options, config) if options.embedded else _norms(options)


def _scales(options: Options, config: dict) -> dict:
    """The embedded suite's backgrounds with their contrast scaled down and up."""
    contrasts = config["contrasts"]
    checks, tables, curves = [], [], []
    level = 1 - 0.05 / (3 * len(contrasts))
    for contrast in contrasts:
        run = options.evaluate(
            f"contrast{contrast:g}", _networks(contrast), [f"embedded?contrast={contrast:g}"]
        )
        networks = described(run, options)
        outcomes, measured = (
            run.outcomes(),
            {"embedded": [GAP, metrics.Measure("accuracy", "only_fg", condition="only_fg")]},
        )
        tables.append(values_of(run, networks, measured).assign(contrast=contrast))
        curves.append((contrast, networks, tables[-1]))
        for norm, _, mine in lines_of(networks):
            last, first = mine.iloc[-1], mine.iloc[0]
            row = metrics.compare(outcomes, last["model"], first["model"], [GAP], level=level).iloc[0]
            side, bound = _claimed(norm, contrast, contrasts, config["negligible"])
            trained = axes.recipe_text(norm, last["eps"])
            name = f"rise of the BG-gap at contrast {contrast:g}, {trained} against standard"
            checks.append(Check(name, row.difference, row.low, row.high, side, bound))
    table = pd.concat(tables, ignore_index=True)
    table.to_csv(options.out / "table.csv", index=False, float_format="%.6g")
    _draw_scales(options, curves, table, checks)
    lowest, highest = min(contrasts), max(contrasts)
    return conclude(
        options.out, claim=CLAIM,
        rule=f"the BG-gap of the network with the largest radius minus that of the standard one, paired "
        f"over images: above {config['negligible']} for l1 and l2 at every contrast and for linf at "
        f"contrast {highest:g}, below it for linf at contrast {lowest:g}; linf in between is shown and"
        f" decides nothing. 95 % intervals simultaneous over all",
        checks=[check for check in checks if not _between(check, contrasts)],
        numbers={check.name: [check.value, check.low, check.high] for check in checks},
    )  # fmt: skip


def _networks(contrast: float) -> list[str]:
    """Standard, l1, l2 and linf networks trained at a contrast; at 1 most are the suite's own."""
    names = [n for n in models.suite("embedded-contrast") if n.startswith(f"embedded:contrast{contrast:g}_")]
    own = [
        f"embedded:cnn_{kind}"
        for kind in ("standard", *_kinds("l2", (0.25, 0.5, 1)), *_kinds("linf", (2, 4, 8)))
    ]
    return [*own, *names] if contrast == 1 else names


def _kinds(norm: str, radii) -> list[str]:
    return [f"{norm}_eps{eps:g}" for eps in radii]


def _claimed(norm: str, contrast: float, contrasts, negligible: float) -> tuple[str, float]:
    return ("below" if norm == "linf" and contrast == min(contrasts) else "above"), negligible


def _between(check: Check, contrasts) -> bool:
    """linf at a scale that the claim says nothing about."""
    middle = [c for c in contrasts if min(contrasts) < c < max(contrasts)]
    return "linf" in check.name and any(f"contrast {c:g}," in check.name for c in middle)


def _draw_scales(options: Options, curves, table: pd.DataFrame, checks) -> None:
    with sheet(options.out / "figure", 1, len(curves) + 1, (3.5 * (len(curves) + 1), 3.5)) as (_, every):
        for panel, (contrast, networks, values) in zip(every, curves):
            gaps = values[values["measure"] == GAP.name].set_index("model")
            radii = {}
            for norm, _, mine in lines_of(networks):
                radii[norm] = list(mine["eps"])[1:]
                axes.points(
                    panel,
                    range(len(mine)),
                    gaps.reindex(mine["model"]),
                    NORM_COLOUR[norm],
                    label=NORM_LABEL[norm],
                )
            axes.radius_axis(panel, radii)
            panel.set_title(f"background's contrast x {contrast:g}")
            panel.set_ylim(-0.05, 1.05)
            panel.set_ylabel("BG-gap (share)")
            axes.reference(panel, 0)
        every[0].legend(title="training", title_fontsize=8, loc="upper left")
        last = every[-1]
        scales = sorted(table["contrast"].unique())
        for norm in NORM_COLOUR:
            mine = [c for c in checks if f", {norm} " in c.name]
            if mine:
                rows = pd.DataFrame(
                    [(c.value, c.low, c.high) for c in mine], columns=["value", "low", "high"]
                )
                axes.points(last, range(len(mine)), rows, NORM_COLOUR[norm], label=NORM_LABEL[norm])
        last.set_xticks(range(len(scales)), [f"{s:g}" for s in scales])
        last.set_xlabel("background's contrast")
        last.set_ylabel("rise of the BG-gap (share)")
        last.set_title("standard -> largest radius")
        axes.reference(last, 0)


def _norms(options: Options) -> dict:
    """Other data: the trends of every metric of reliance, norm by norm. Photographs have the scale they have."""
    run = options.evaluate("networks", options.chosen(models.suite("salman22")), options.data)
    networks = described(run, options)
    measures = families.family(run)
    expected = {kind: "rises" if kind in ("bg_gap", "drop") else "falls" for kind in families.KINDS}
    norms = sorted({norm for norm, _, _ in lines_of(networks)})
    count = max(1, sum(map(len, measures.values())) * len(norms))
    found = metrics.trends(run.outcomes(), networks, measures, attacked=False, level=1 - 0.05 / count)
    values_of(run, networks, measures).to_csv(options.out / "table.csv", index=False, float_format="%.6g")
    checks, numbers = [], {}
    for benchmark, mine in measures.items():
        side = families.sides(mine, expected)
        for measure in mine:
            for norm in norms:
                rows = found.pooled.query(
                    "benchmark == @benchmark and measure == @measure.name and norm == @norm"
                )
                name = f"trend of {measure.name} ({benchmark}), {norm} training"
                row = (
                    [float("nan")] * 4
                    if not len(rows)
                    else rows.iloc[0][["rho", "rho_low", "rho_high", "p_holm"]]
                )
                numbers[name] = list(map(float, row))
                if norm != "linf":
                    p = None if not len(rows) else float(row.iloc[3])
                    checks.append(Check(name, *map(float, list(row)[:3]), side[measure.name], p=p))
    _draw_norms(options, run, networks, measures)
    return conclude(
        options.out, claim=CLAIM,
        rule="Spearman's correlation of every metric with the training radius has the sign of more "
        "reliance for l1 and l2 training; 95 % intervals simultaneous, Holm-corrected p at most 0.05."
        " linf decides nothing here",
        checks=checks, numbers=numbers,
        notes=["photographs have the scale they have: the second half of the claim is not tested on them"],
    )  # fmt: skip


def _draw_norms(options: Options, run, networks, measures) -> None:
    panels = [(benchmark, measure) for benchmark, mine in measures.items() for measure in mine]
    table = values_of(run, networks, measures)
    lines = list(lines_of(networks))
    archs = list(dict.fromkeys(arch for _, arch, _ in lines))
    with sheet(options.out / "figure", 1, max(1, len(panels)), (3.6 * max(1, len(panels)), 3.4)) as (
        _,
        every,
    ):
        for panel, (benchmark, measure) in zip(every, panels):
            mine = table[(table["benchmark"] == benchmark) & (table["measure"] == measure.name)].set_index(
                "model"
            )
            for norm, arch, rows in lines:
                axes.points(
                    panel, range(len(rows)), mine.reindex(rows["model"]), NORM_COLOUR[norm],
                    axes.SHAPES[archs.index(arch) % 4], f"{NORM_LABEL[norm]}, {arch}",
                )  # fmt: skip
            if lines:
                axes.radius_axis(panel, {norm: list(rows["eps"])[1:] for norm, _, rows in lines})
            panel.set_title(f"{measure.name} ({benchmark})", fontsize=9)
            panel.set_ylabel(f"{measure.name} (share)")
        if lines and panels:
            every[0].legend()


if __name__ == "__main__":
    run_claim(__file__, main)
