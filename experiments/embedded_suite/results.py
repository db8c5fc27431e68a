"""Evaluate the networks of a seed on the embedded benchmark and write seed<N>.csv and seed<N>.md."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from pyadvspur import evaluation
from pyadvspur.evaluation import Run

ATTACKS = ("l2:0.1,0.25,0.5,1(steps=20)", "linf:0.5/255,1/255,2/255,4/255(steps=20)")
_CLEAN = (
    "accuracy original",
    "accuracy mixed_same",
    "accuracy mixed_rand",
    "accuracy swapped",
    "accuracy shifted",
)
_RELIANCE = (
    "BG-gap",
    "RFS",
    "RFS l2=3",
    "RFS l2=6",
    "RFS l2=9",
    "RFS std",
    "worst group",
    "mean, training-weighted",
)


def write(folder: Path, seed: int, workers: int, target: Path) -> None:
    """folder: the networks, with their manifest.json. The run itself is kept in folder/evaluation."""
    entries = json.loads((folder / "manifest.json").read_text())["networks"]
    run = evaluation.evaluate(
        models={name: str(folder / entry["file"]) for name, entry in entries.items()},
        benchmarks=["embedded"],
        attacks=ATTACKS,
        out=folder / "evaluation",
        workers=workers,
        threads=1,
    )
    frame = run.metrics()
    target.mkdir(parents=True, exist_ok=True)
    frame.drop(columns="benchmark").round(4).to_csv(target / f"seed{seed}.csv", index=False)
    (target / f"seed{seed}.md").write_text(
        f"# Embedded suite, training seed {seed}\n"
        + _tables(frame, list(entries))
        + _trends(frame, entries)
        + _shapes(run)
    )
    print((target / f"seed{seed}.md").read_text())


def _cell(rows: pd.DataFrame) -> str:
    if rows.empty:
        return "-"
    row = rows.iloc[0]
    return f"{row.value:.3f} [{row.low:.3f}, {row.high:.3f}]"


def _table(title: str, columns: dict[str, pd.DataFrame], names: list[str]) -> str:
    lines = [f"\n### {title}\n", f"| network | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for name in names:
        cells = [_cell(rows[rows.model == name]) for rows in columns.values()]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _tables(frame: pd.DataFrame, names: list[str]) -> str:
    clean = frame[frame.attack == "none"]
    by_measure = dict(iter(clean.groupby("measure")))
    text = _table("Accuracy", {m.removeprefix("accuracy "): by_measure[m] for m in _CLEAN}, names)
    text += _table("Reliance on the background", {m: by_measure[m] for m in _RELIANCE}, names)
    attacked = frame[frame.kind == "robust_accuracy"]
    for attack, unit, sign in (("pgd-l2", 1, ""), ("pgd-linf", 255, "/255")):
        columns = {}
        for eps in sorted(attacked[attacked.attack == attack].eps.unique()):
            for kind in ("mixed_same", "mixed_rand"):
                chosen = (
                    (attacked.attack == attack) & (attacked.eps == eps) & attacked.measure.str.endswith(kind)
                )
                columns[f"{kind}, {eps * unit:g}{sign}"] = attacked[chosen]
        text += _table(f"Accuracy under {attack} attack", columns, names)
    return text


def _trends(frame: pd.DataFrame, entries: dict) -> str:
    """Kendall's rank correlation of each measure with the training radius (0 for the standard network)."""
    from scipy.stats import kendalltau

    lines = ["\n### Rank correlation (Kendall's tau) with the training radius, six networks each\n"]
    lines += [f"| architecture, norm | {' | '.join(_RELIANCE)} |", "|---" * (len(_RELIANCE) + 1) + "|"]
    clean = frame[frame.attack == "none"].set_index(["measure", "model"])["value"]
    for arch in dict.fromkeys(entry["arch"] for entry in entries.values()):
        for norm in ("l2", "linf"):
            chosen = [n for n, e in entries.items() if e["arch"] == arch and e["norm"] in ("", norm)]
            radii = [entries[name]["eps"] for name in chosen]
            taus = [kendalltau(radii, clean[measure].reindex(chosen)).statistic for measure in _RELIANCE]
            lines.append(f"| {arch}, {norm} | {' | '.join(f'{tau:+.2f}' for tau in taus)} |")
    return "\n".join(lines) + "\n"


def _shapes(run: Run) -> str:
    outcomes = run.outcomes()
    n_clean = outcomes[outcomes.attack == "none"].groupby(["model", "condition"]).size().max()
    n_attacked = (
        outcomes[outcomes.attack != "none"].groupby(["model", "condition", "attack", "eps"]).size().max()
    )
    return f"\n{n_clean} images a condition, the first {n_attacked} attacked; intervals at 95 %.\n"
