"""A spurious correlation that is kept at test time makes networks more robust, one that is not makes them less so."""

from __future__ import annotations

from fractions import Fraction

import pandas as pd

from pyadvspur import metrics, models
from pyadvspur.claims import axes
from pyadvspur.claims.options import Options, run_claim
from pyadvspur.claims.series import described, lines_of
from pyadvspur.claims.verdict import Check, conclude
from pyadvspur.report.ink import NORM_LABEL, sheet

CLAIM = (
    "a spurious correlation kept at test time improves adversarial robustness, and hurts where it is not kept"
)
KEPT, BROKEN = "mixed_same", "mixed_rand"
TESTS = {KEPT: "backgrounds agree", BROKEN: "backgrounds at random"}
GAP = metrics.Measure("bg_gap", "kept minus not kept", same=KEPT, rand=BROKEN)


def main(options: Options, config: dict) -> dict:
    """Does a kept spurious correlation improve adversarial robustness, and a broken one hurt it?"""
    return _agreements(options, config) if options.embedded else _kept(options, config["other"])


def _agreements(options: Options, config: dict) -> dict:
    """Networks trained at several agreements of background and label, attacked on both kinds of test set."""
    names = [_network(a, recipe) for a in config["agreements"] for recipe in config["recipes"]]
    run = options.evaluate("networks", names, ["embedded"], _attacks(options, config))
    networks = _about(described(run, options))
    outcomes = run.outcomes()
    measures = [metrics.Measure("robust_accuracy", c, condition=c) for c in TESTS]
    measures += [metrics.Measure("accuracy", f"clean {c}", condition=c) for c in TESTS]
    table = run.metrics({"embedded": measures}).merge(networks, on="model")
    columns = ["model", "training", "agreement", "attack", "eps_x", "measure", "value", "low", "high", "n"]
    table = table[columns].rename(columns={"eps_x": "eps"})
    table.to_csv(options.out / "table.csv", index=False, float_format="%.6g")
    # the trend over agreements, as `metrics.trends` finds it over radii: recipes are what it calls architectures
    found = metrics.trends(outcomes, networks, measures[:2], level=1 - 0.05 / 4).pooled
    checks = []
    for norm, eps in _decides(config).items():
        rows = found[(found["attack"] == f"pgd-{norm}") & ((found["eps"] - eps).abs() < 1e-9)]
        corrected = dict(zip(rows["measure"], metrics.holm(rows["p"].to_numpy())))
        for row in rows.itertuples():
            side = "above" if row.measure == KEPT else "below"
            name = f"trend of accuracy under attack {axes.recipe_text(norm, eps)} over agreement, {TESTS[row.measure]}"
            checks.append(
                Check(name, row.rho, row.rho_low, row.rho_high, side, p=float(corrected[row.measure]))
            )
    ends = _ends(outcomes, networks, measures[:2], _decides(config))
    _draw(options, table, config)
    return conclude(
        options.out, claim=CLAIM,
        rule="accuracy under attack against the training agreement, Spearman's correlation, mean over "
        "recipes: positive where backgrounds agree at test time, negative where they are at random, "
        "under the l2 and the linf attack; 95 % intervals simultaneous over the four, Holm-corrected "
        "permutation p at most 0.05",
        checks=checks, numbers={"highest minus lowest agreement": ends},
    )  # fmt: skip


def _network(agreement: float, recipe: str) -> str:
    return f"embedded:cnn_{recipe}" if agreement == 0.6 else f"embedded:agree{agreement:g}_cnn_{recipe}"


def _about(networks: pd.DataFrame) -> pd.DataFrame:
    """One row a network: training in words, agreement; and as `metrics.trends` takes a series over it."""
    training = [axes.recipe_text(norm, eps) for norm, eps in zip(networks["norm"], networks["eps"])]
    agreement = networks["agreement"].astype(float).fillna(0.6)
    return pd.DataFrame({
        "model": networks["model"], "training": training, "agreement": agreement, "norm": "agreement", "arch": training,
        "eps": agreement,
    })  # fmt: skip


def _attacks(options: Options, config: dict) -> list[str]:
    if not options.quick:
        return config["attacks"]
    return [f"{norm}:{eps!r}(steps=5)" for norm, eps in _decides(config).items()]


def _decides(config: dict) -> dict[str, float]:
    found = {}
    for norm, eps in config["decides"].items():
        top, _, bottom = str(eps).partition("/")
        found[norm] = (
            float(top) / float(bottom or 1)
            if "." in top or not bottom
            else float(Fraction(int(top), int(bottom)))
        )
    return found


def _ends(outcomes, networks, measures, decides) -> dict:
    """Paired differences between the highest and the lowest agreement, recipe by recipe."""
    found = {}
    for training, mine in networks.groupby("training", sort=False):
        mine = mine.sort_values("agreement")
        rows = metrics.compare(outcomes, mine["model"].iloc[-1], mine["model"].iloc[0], measures)
        for row in rows.itertuples():
            norm = row.attack.removeprefix("pgd-")
            if norm in decides and abs(row.eps - decides[norm]) < 1e-9:
                key = f"{training}, attack {axes.recipe_text(norm, row.eps)}, {TESTS[row.measure]}"
                found[key] = [row.difference, row.low, row.high]
    return found


def _draw(options: Options, table: pd.DataFrame, config: dict) -> None:
    decides = _decides(config)
    panels = [("none", 0.0), *((f"pgd-{norm}", eps) for norm, eps in decides.items())]
    trainings = list(dict.fromkeys(table["training"]))
    with sheet(options.out / "figure", 2, len(panels), (3.6 * len(panels), 6.2), sharey=True) as (_, every):
        for k, condition in enumerate(TESTS):
            for panel, (attack, eps) in zip(every[len(panels) * k :], panels):
                name = f"clean {condition}" if attack == "none" else condition
                here = table[(table["attack"] == attack) & (table["measure"] == name)]
                here = here[(here["eps"] - eps).abs() < 1e-9]
                for place, training in enumerate(trainings):
                    mine = here[here["training"] == training].sort_values("agreement")
                    axes.points(
                        panel, mine["agreement"] + 0.008 * (place - 1), mine, axes.COLOURS[place], axes.SHAPES[place],
                        training,
                    )  # fmt: skip
                norm = attack.removeprefix("pgd-")
                how = (
                    "no attack"
                    if attack == "none"
                    else f"{NORM_LABEL[norm]} attack, {axes.recipe_text(norm, eps)[len(norm) + 1 :]}"
                )
                panel.set_title(f"{TESTS[condition]}, {how}", fontsize=9)
                panel.set_xlabel("agreement in training (probability)")
                panel.set_xticks(config["agreements"])
                panel.set_ylim(-0.02, 1.04)
                axes.reference(panel, 0.1, "chance", "left")
            every[len(panels) * k].set_ylabel("accuracy (share)")
        every[0].legend(title="training", title_fontsize=8, loc="lower left", bbox_to_anchor=(0.0, 0.12))


def _kept(options: Options, config: dict) -> dict:
    """Data with both kinds of test set (ImageNet-9): is a network more robust where backgrounds agree?"""
    run = options.evaluate(
        "networks", options.chosen(models.suite("salman22")), options.data, _attacks(options, config)
    )
    networks = described(run, options)
    found = run.metrics({name: [GAP] for name in run.measures() if _has_both(run, name)})
    values = run.metrics({
        name: [metrics.Measure("robust_accuracy", c, condition=c) for c in TESTS]
        for name in run.measures() if _has_both(run, name)
    })  # fmt: skip
    pd.concat([found, values]).to_csv(options.out / "table.csv", index=False, float_format="%.6g")
    notes = [f"{name} has no pair of test sets with kept and with random backgrounds" for name in run.measures()
             if not _has_both(run, name)]  # fmt: skip
    trends = [
        metrics.trends(run.outcomes(), networks, {name: [GAP]}, level=1 - 0.05 / 2).pooled for name in run.measures()
        if _has_both(run, name)
    ]  # fmt: skip
    rows = pd.concat(trends, ignore_index=True) if trends else pd.DataFrame()
    checks = []
    for norm, eps in _decides(config).items():
        attacked = f"accuracy under attack {axes.recipe_text(norm, eps)}"
        name = f"trend of {attacked}, kept minus not kept, over the training radius"
        here = (
            rows[(rows["attack"] == f"pgd-{norm}") & ((rows["eps"] - eps).abs() < 1e-9)]
            if len(rows)
            else rows
        )
        if len(here):
            last = here.iloc[-1]
            checks.append(Check(name, last.rho, last.rho_low, last.rho_high, p=float(last.p)))
        else:
            checks.append(Check(name, *[float("nan")] * 3))
    if not len(rows):
        notes.append("no series of three radii or more: no trend")
    _draw_kept(options, found, networks, _decides(config))
    return conclude(
        options.out, claim=CLAIM,
        rule="accuracy under attack where backgrounds agree minus where they are at random grows with the "
        "training radius, under the l2 and the linf attack: Spearman's correlation, 95 % interval "
        "simultaneous over both",
        checks=checks, notes=[*notes, "networks trained at several correlations exist for the embedded suite alone"],
    )  # fmt: skip


def _has_both(run, name: str) -> bool:
    there = next(b for b in run.plan.benchmarks if b.name == name)
    return {KEPT, BROKEN} <= {c.name for c in there.conditions if c.n_attacked}


def _draw_kept(options: Options, found: pd.DataFrame, networks, decides) -> None:
    with sheet(options.out / "figure", 1, len(decides), (4.2 * len(decides), 3.6)) as (_, every):
        for panel, (norm, eps) in zip(every, decides.items()):
            here = found[(found["attack"] == f"pgd-{norm}") & ((found["eps"] - eps).abs() < 1e-9)].set_index(
                "model"
            )
            lines = list(lines_of(networks))
            for k, (trained, arch, mine) in enumerate(lines):
                axes.points(
                    panel, range(len(mine)), here.reindex(mine["model"]), axes.NORM_COLOUR[trained], axes.SHAPES[k % 4],
                    f"{NORM_LABEL[trained]}, {arch}",
                )  # fmt: skip
            if lines:
                axes.radius_axis(panel, {n: list(m["eps"])[1:] for n, _, m in lines})
                panel.legend(title="training", title_fontsize=8)
            panel.set_title(
                f"{NORM_LABEL[norm]} attack, {axes.recipe_text(norm, eps)[len(norm) + 1 :]}", fontsize=9
            )
            panel.set_ylabel("accuracy under attack,\nbackgrounds agree minus at random")
            axes.reference(panel, 0)


if __name__ == "__main__":
    run_claim(__file__, main)
