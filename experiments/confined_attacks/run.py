"""Attacks that may change the digit alone, or its background alone: where does each network break first?"""

from __future__ import annotations

import numpy as np
import pandas as pd

from pyadvspur import benchmarks, metrics, models
from pyadvspur.claims import axes
from pyadvspur.claims.breaking import as_outcomes, breaking_radii, median, sides
from pyadvspur.claims.options import Options, run_claim
from pyadvspur.claims.series import described, lines_of
from pyadvspur.claims.verdict import Check, conclude
from pyadvspur.report.ink import CORE, NORM_LABEL, SPURIOUS, sheet

REGIONS = ("foreground", "background")
UNITS = {"l2": 1.0, "linf": 255.0}
CAUGHT = {"mixed_same": "agrees", "mixed_rand": "at random"}


def main(options: Options, config: dict) -> dict:
    """With growing training radius, do networks break in the background first? Attacks confined to either region by the
    masks, at ascending radii."""
    loaded = [_benchmark(text, config) for text in options.data]
    radii = config["radii"]["embedded" if options.data == ("embedded",) else "other"]
    attacks = [
        f"{norm}:{','.join(repr(eps / UNITS[norm]) for eps in radii[norm][:: 3 if options.quick else 1])}"
        f"(steps={5 if options.quick else config['steps']},region={region})"
        for norm in UNITS
        for region in REGIONS
    ]
    own = [name for pattern in config["models"] for name in models.names(pattern)]
    run = options.evaluate("networks", options.chosen(own), loaded, attacks)
    networks = described(run, options)
    found = breaking_radii(run.outcomes())
    tables, checks, notes = [], [], []
    for norm in UNITS:
        pairs = sides(found, f"pgd-foreground-{norm}", f"pgd-background-{norm}")
        shares = _shares(pairs, networks)
        conditions = [(b.name, c) for b in loaded for c in b.attacked]
        mine, some = _checks(norm, pairs, networks, conditions, 2 * len(conditions))
        checks, notes = checks + mine, notes + some
        tables.append(shares.assign(attack=norm))
    table = pd.concat(tables, ignore_index=True)
    table.to_csv(options.out / "table.csv", index=False, float_format="%.6g")
    curves = run.metrics({b.name: _curves(b) for b in loaded})
    curves.to_csv(options.out / "curves.csv", index=False, float_format="%.6g")
    _draw(options, table, networks, loaded)
    return conclude(
        options.out,
        claim="the larger the training radius, the more images break in the background first",
        rule="the share of images that break in the background at a smaller radius than in the foreground,"
        " minus the share that do the other way round: Spearman's correlation with the training "
        "radius, mean over norms and architectures of training, is positive for l2 and linf attacks "
        "on every condition; 95 % interval simultaneous over the checks, permutation p-value "
        "corrected by Holm at most 0.05",
        checks=_corrected(checks),
        numbers={"medians": _medians(table)},
        notes=notes,
    )


def _benchmark(text: str, config: dict):
    found = benchmarks.parse(text)
    found.attack_size = config["images"]
    return found


def _measure(condition: str) -> metrics.Measure:
    """Share that breaks in the background first minus share that breaks in the foreground first."""
    return metrics.Measure(
        "bg_gap", condition, same=f"{condition}: background", rand=f"{condition}: foreground"
    )


def _shares(pairs: pd.DataFrame, networks: pd.DataFrame) -> pd.DataFrame:
    """One row a model and condition: the difference of shares, both medians and the median ratio, with intervals."""
    rows = []
    given = as_outcomes(pairs, *REGIONS)
    measured = metrics.summarise(given, [_measure(c) for c in pairs["condition"].astype(str).unique()])
    value = measured.set_index(["benchmark", "model", "measure"])[["value", "low", "high"]]
    about = networks.set_index("model")
    for (benchmark, model, condition), mine in pairs.groupby(
        ["benchmark", "model", "condition"], observed=True
    ):
        first, second = mine["first"].to_numpy(), mine["second"].to_numpy()
        both = np.isfinite(first) | np.isfinite(second)
        with np.errstate(divide="ignore"):
            ratio = median(second[both] / first[both])
        info = about.loc[model]
        rows.append((
            benchmark, condition, model, info.get("arch"), info["norm"], info["eps"], len(mine),
            *value.loc[(benchmark, model, str(condition))], *median(first), *median(second), *ratio, int((~both).sum()),
        ))  # fmt: skip
    three = [
        f"{what}{end}"
        for what in ("share", "foreground", "background", "ratio")
        for end in ("", "_low", "_high")
    ]
    columns = ["benchmark", "condition", "model", "arch", "norm", "radius", "n", *three, "never_broken"]
    return pd.DataFrame(rows, columns=columns)


def _checks(norm, pairs, networks, conditions, count) -> tuple[list[Check], list[str]]:
    given = as_outcomes(pairs, *REGIONS)
    checks, notes = [], []
    for benchmark, condition in conditions:
        name = (
            f"trend of the share that breaks in the background first, {norm} attack, {benchmark}/{condition}"
        )
        there = given[(given["benchmark"] == benchmark) & given["condition"].str.startswith(f"{condition}: ")]
        found = metrics.trends(there, networks, [_measure(condition)], level=1 - 0.05 / count).pooled
        if not len(found):
            notes.append(
                f"{norm}, {benchmark}/{condition}: no series of three radii or more, or no image that is right"
            )
            checks.append(Check(name, *[float("nan")] * 3))
            continue
        row = found.iloc[-1]
        checks.append(Check(name, row.rho, row.rho_low, row.rho_high, p=row.p))
    return checks, notes


def _corrected(checks: list[Check]) -> list[Check]:
    """p-values corrected over all checks."""
    from dataclasses import replace

    given = [k for k, check in enumerate(checks) if check.p is not None]
    for k, p in zip(given, metrics.holm([checks[k].p for k in given]) if given else ()):
        checks[k] = replace(checks[k], p=float(p))
    return checks


def _curves(benchmark) -> list[metrics.Measure]:
    return [metrics.Measure("robust_accuracy", c, condition=c) for c in benchmark.attacked]


def _medians(table: pd.DataFrame) -> dict:
    return {
        f"{r.attack}, {r.condition}, {r.model}": {
            "foreground": [r.foreground, r.foreground_low, r.foreground_high],
            "background": [r.background, r.background_low, r.background_high],
            "ratio": [r.ratio, r.ratio_low, r.ratio_high],
        }
        for r in table.itertuples()
    }


def _draw(options: Options, table: pd.DataFrame, networks: pd.DataFrame, loaded) -> None:
    """A row a condition: the median breaking radius under either mask, by attack; then the share."""
    conditions = [(b.name, c) for b in loaded for c in b.attacked]
    lines = [(norm, arch, mine) for norm, arch, mine in lines_of(networks)]
    with sheet(options.out / "figure", len(conditions), 4, (15.2, 3.3 * len(conditions))) as (_, every):
        for k, (benchmark, condition) in enumerate(conditions):
            row = every[4 * k : 4 * k + 4]
            here = table[(table["benchmark"] == benchmark) & (table["condition"] == condition)]
            titled = CAUGHT.get(condition)
            title = f"background {titled}" if titled else f"{benchmark}/{condition}"
            for place, attack in enumerate(UNITS):
                _draw_medians(row[2 * place], here[here["attack"] == attack], lines, attack, title)
                _draw_shares(row[2 * place + 1], here[here["attack"] == attack], lines, attack, title)
        axes.key(every[0], [("foreground", CORE, ("o", "-")), ("background", SPURIOUS, ("o", "-"))],
                 title="attack confined to", title_fontsize=8)  # fmt: skip
        archs = list(dict.fromkeys(arch for _, arch, _ in lines))
        entries = [
            (f"trained {NORM_LABEL[n]}, {a}", axes.NORM_COLOUR[n], axes.SHAPES[archs.index(a) % 4])
            for n, a, _ in lines
        ]
        if entries:
            axes.key(every[1], entries)


def _draw_medians(panel, here, lines, attack, title) -> None:
    unit = UNITS[attack]
    top = (
        np.nanmax(
            np.where(np.isfinite(here[["foreground", "background"]]), here[["foreground", "background"]], 0)
        )
        * unit
    )
    ceiling = 2 * top if top > 0 else 1.0
    for norm, arch, mine in lines:
        if norm != attack:
            continue
        shape = axes.SHAPES[sorted({a for _, a, _ in lines}).index(arch) % 4]
        for region, colour in zip(REGIONS, (CORE, SPURIOUS)):
            got = here.set_index("model").reindex(mine["model"])
            got = got[[region, f"{region}_low", f"{region}_high"]] * unit
            got = got.set_axis(["value", "low", "high"], axis=1).replace(np.inf, ceiling)
            shift = 0.05 if region == "background" else -0.05
            axes.points(panel, [x + shift for x in range(len(mine))], got, colour, shape)
    panel.set_yscale("log")
    shown = sorted(v * unit for v in np.unique(here[["foreground", "background"]]) if np.isfinite(v))
    panel.set_yticks(shown, [f"{v:.3g}" for v in shown])
    panel.minorticks_off()
    unit_text = " in 1/255" if attack == "linf" else " in pixel units"
    panel.set_ylabel(f"median radius that breaks{unit_text}")
    panel.set_title(f"{title}: {NORM_LABEL[attack]} attack", fontsize=9)
    axes.reference(panel, ceiling, "not broken at the largest radius", "left")
    shown = {n: sorted({*m["eps"]} - {0.0}) for n, _, m in lines if n == attack}
    if shown:
        axes.radius_axis(panel, shown)


def _draw_shares(panel, here, lines, attack, title) -> None:
    archs = list(dict.fromkeys(arch for _, arch, _ in lines))
    for norm, arch, mine in lines:
        got = here.set_index("model").reindex(mine["model"])[["share", "share_low", "share_high"]]
        got = got.set_axis(["value", "low", "high"], axis=1)
        axes.points(panel, range(len(mine)), got, axes.NORM_COLOUR[norm], axes.SHAPES[archs.index(arch) % 4])
    axes.reference(panel, 0, "both alike", "left")
    panel.set_ylim(-1.05, 1.05)
    panel.set_ylabel("breaks in background first minus\nin foreground first (share)")
    panel.set_title(f"{title}: {NORM_LABEL[attack]} attack", fontsize=9)
    radii = {n: sorted({*m["eps"]} - {0.0}) for n, _, m in lines}
    if radii:
        axes.radius_axis(panel, radii)


if __name__ == "__main__":
    run_claim(__file__, main)
