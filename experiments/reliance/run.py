"""Adversarial training raises reliance on the background: five metrics against the training radius."""

from __future__ import annotations

import pandas as pd

from pyadvspur import metrics, models
from pyadvspur.claims import axes, families
from pyadvspur.claims.options import Options, run_claim
from pyadvspur.claims.series import described, lines_of, values_of
from pyadvspur.claims.verdict import Check, conclude
from pyadvspur.report.ink import NORM_COLOUR, NORM_LABEL, sheet

#: metrics in points, which move with accuracy: also shown against standard networks of the same accuracy
IN_POINTS = ("BG-gap", "drop")


def main(options: Options, config: dict) -> dict:
    """Does adversarial training raise reliance on the background? RFS, RCS, BG-gap, worst group, drop and effective
    robustness against the training radius, by norm and architecture."""
    standard = models.suite("embedded-images") if options.embedded else []
    names = options.chosen([*models.suite("embedded20"), *standard])
    run = options.evaluate("networks", names, options.data)
    networks = described(run, options)
    trend = _trend(run, networks) if "embedded" in run.measures() else None
    measures = families.family(run, trend)
    about = networks[~networks["model"].isin([n.removeprefix("embedded:") for n in standard])]
    count = sum(map(len, measures.values()))
    found = metrics.trends(run.outcomes(), about, measures, attacked=False, level=1 - 0.05 / max(count, 1))
    table = values_of(run, about, measures)
    matched = _matched(run, networks, measures) if standard else pd.DataFrame()
    table.to_csv(options.out / "table.csv", index=False, float_format="%.6g")
    found.series.to_csv(options.out / "trends.csv", index=False, float_format="%.6g")
    if len(matched):
        matched.to_csv(options.out / "matched.csv", index=False, float_format="%.6g")
    checks, notes = _checks(found, measures, config["expected"])
    _draw(options, table, measures, about, checks)
    return conclude(
        options.out,
        claim="adversarial training raises reliance on the background",
        rule="for every metric: Spearman's correlation with the training radius, mean over norms and "
        "architectures, has the sign of more reliance; its 95 % interval (images, simultaneous over "
        "the metrics) excludes 0, and its permutation p-value (training), Holm-corrected over the "
        "metrics, is at most 0.05",
        checks=checks,
        numbers={"by series": _by_series(found), "at equal accuracy": _equal(matched, about)},
        notes=notes,
    )


def _trend(run, networks) -> tuple[float, float] | None:
    """Through the standard networks in logits, accuracy under the shift against accuracy without; three at least."""
    measures = [metrics.Measure("accuracy", n, condition=n) for n in ("original", "shifted")]
    table = run.metrics(measures).pivot(index="model", columns="measure", values="value")
    table = table.loc[[m for m in networks.loc[networks["norm"] == "", "model"] if m in table.index]]
    if len(table) < 3:
        return None
    fitted = metrics.fit_trend(table["original"], table["shifted"])
    return fitted.slope, fitted.intercept


def _checks(found, measures, expected) -> tuple[list[Check], list[str]]:
    checks, notes = [], []
    for benchmark, mine in measures.items():
        side = families.sides(mine, expected)
        pooled = found.pooled[found.pooled["benchmark"] == benchmark]
        for measure in mine:
            rows = pooled[pooled["measure"] == measure.name]
            rows = rows[rows["norm"] == "all"] if (rows["norm"] == "all").any() else rows
            if not len(rows) or pd.isna(rows.iloc[0].rho):
                notes.append(f"{benchmark}, {measure.name}: no series of three radii or more, no trend")
                checks.append(Check(_title(benchmark, measure), *[float("nan")] * 3, side[measure.name]))
                continue
            row = rows.iloc[0]
            p = _holm(pooled, measure.name)
            checks.append(
                Check(_title(benchmark, measure), row.rho, row.rho_low, row.rho_high, side[measure.name], p=p)
            )
    return checks, notes


def _holm(pooled: pd.DataFrame, name: str) -> float:
    """The p-value of a measure's pooled trend, corrected over the measures (not over norms, which do not decide)."""
    last = pooled.groupby("measure", sort=False).last()
    return float(dict(zip(last.index, metrics.holm(last["p"].to_numpy())))[name])


def _title(benchmark: str, measure) -> str:
    style = f" ({families.STYLES[measure.kind]})" if benchmark == "embedded" else f" ({benchmark})"
    return f"trend of {measure.name}{style}"


def _by_series(found) -> dict:
    return {
        f"{r.benchmark}, {r.measure}, {r.norm} {r.arch}": [r.rho, r.rho_low, r.rho_high, r.p_holm]
        for r in found.series.itertuples()
    }


def _matched(run, networks, measures) -> pd.DataFrame:
    """Metrics in points minus what standard networks of the same accuracy have (`metrics.accuracy_matched`)."""
    accuracy = metrics.Measure("accuracy", "accuracy original", condition="original")
    table = run.metrics({"embedded": [accuracy, *measures["embedded"]]})
    standard = [m for m in networks.loc[networks["norm"] == "", "model"] if m in set(table["model"])]
    given = {"embedded": [accuracy, *measures["embedded"]]}
    parts = [
        metrics.accuracy_matched(
            table, standard, accuracy=accuracy.name, measure=name, outcomes=run.outcomes(), measures=given
        )
        for name in IN_POINTS
    ]
    return pd.concat(parts, ignore_index=True)


def _equal(matched: pd.DataFrame, about: pd.DataFrame) -> dict:
    """The excess of the network with the largest radius that has a standard counterpart, by series."""
    found = {}
    for _, _, rows in lines_of(about) if len(matched) else ():
        for name in IN_POINTS:
            mine = matched[(matched["measure"] == name) & matched["model"].isin(rows["model"])]
            mine = mine.set_index("model").reindex(rows["model"]).dropna(subset=["excess"])
            if len(mine):
                last = mine.iloc[-1]
                found[f"{name}, {mine.index[-1]}"] = [last.excess, last.low, last.high]
    return found


def _draw(options: Options, table, measures, about, checks) -> None:
    panels = [(benchmark, measure) for benchmark, mine in measures.items() for measure in mine]
    columns = min(3, max(1, len(panels)))
    rows = -(-len(panels) // columns) if panels else 1
    lines = list(lines_of(about))
    archs = list(dict.fromkeys(arch for _, arch, _ in lines))
    radii = {norm: sorted({*mine["eps"]} - {0.0}) for norm, _, mine in lines}
    with sheet(options.out / "figure", rows, columns, (3.6 * columns, 3.15 * rows)) as (_, all_axes):
        for panel, (benchmark, measure) in zip(all_axes, panels):
            for norm, arch, mine in lines:
                place = {0.0: 0} | {eps: k + 1 for k, eps in enumerate(radii[norm])}
                got = table[(table["benchmark"] == benchmark) & (table["measure"] == measure.name)]
                got = got.set_index("model").reindex(mine["model"])
                shift = 0.06 * (archs.index(arch) - (len(archs) - 1) / 2)
                axes.points(
                    panel, [place[eps] + shift for eps in mine["eps"]], got, NORM_COLOUR[norm],
                    axes.SHAPES[archs.index(arch) % 4],
                )  # fmt: skip
            check = next(c for c in checks if c.name == _title(benchmark, measure))
            where = families.STYLES[measure.kind] if benchmark == "embedded" else benchmark
            wanted = "falls" if check.side == "below" else "rises"
            panel.set_title(f"{measure.name} ({where})\nclaimed: {wanted}; {check.outcome}", fontsize=9)
            panel.set_ylabel(f"{measure.name} (share)")
            if radii:
                axes.radius_axis(panel, radii)
            if measure.kind not in ("worst_group", "bg_gap", "drop"):
                axes.reference(panel, 0)
        for panel in all_axes[len(panels) :]:
            panel.set_axis_off()
        entries = [
            (f"{NORM_LABEL[norm]}, {arch}", NORM_COLOUR[norm], axes.SHAPES[archs.index(arch) % 4])
            for norm, arch, _ in lines
        ]
        if entries:
            axes.key(all_axes[min(2, len(all_axes) - 1)], entries, title="training", title_fontsize=8)


if __name__ == "__main__":
    run_claim(__file__, main)
