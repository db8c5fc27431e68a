"""Metrics from outcome rows: `metrics.summarise` against a plain pandas loop, values compared first.

    python bench/bench_metrics.py [--rows 5000000] [--quick] [--save]

The rows are those of 20 models on a RIVAL10-like benchmark (ten classes; clean, seven levels of noise on either region,
four groups) with a gap; every measure gets its interval from 2,000 resamplings. The loop computes the values alone, by
groupby, without any interval: the least that a table of metrics costs without this package.
"""

from __future__ import annotations

import common
import numpy as np
import pandas as pd

from pyadvspur.metrics import Measure, rfs, summarise

LEVELS = 7
MODELS = 20


def outcomes(rows: int, seed: int = 0) -> pd.DataFrame:
    """About `rows` rows, in the order in which a run's units give them, with categorical names as a run's frame has."""
    rng = np.random.default_rng(seed)
    fg, bg = ([f"original/noise({r}, {k})" for k in range(LEVELS)] for r in ("foreground", "background"))
    conditions = ["original", "mixed_same", "mixed_rand", *fg, *bg]
    n = max(40, rows // (MODELS * len(conditions)))
    sample = rng.integers(0, 2**62, n)
    label, hard = np.arange(n) % 10, rng.random(n)
    parts, names = [], []
    for m in range(MODELS):
        for k, condition in enumerate(conditions):
            skill = 0.95 - 0.02 * m - 0.03 * (k % LEVELS)
            right = hard < skill + 0.05 * rng.standard_normal(n)
            parts.append(right)
            names.append((f"model{m:02d}", condition))
    total = len(parts)
    frame = pd.DataFrame(
        {
            "sample": np.tile(sample, total), "label": np.tile(label.astype(np.int32), total),
            "group": np.tile((label % 4).astype(np.int32), total), "correct": np.concatenate(parts),
            "eps": 0.0, "trial": np.zeros(n * total, np.int32),
        }
    )  # fmt: skip
    for name, values in (("model", [m for m, _ in names]), ("condition", [c for _, c in names])):
        codes, distinct = pd.factorize(np.array(values, dtype=object))
        frame[name] = pd.Categorical.from_codes(np.repeat(codes, n), distinct)
    frame["benchmark"] = pd.Categorical.from_codes(np.zeros(len(frame), np.int8), ["rival10"])
    frame["attack"] = pd.Categorical.from_codes(np.zeros(len(frame), np.int8), ["none"])
    frame["error"] = pd.Categorical.from_codes(np.zeros(len(frame), np.int8), [""])
    return frame


def measures() -> list[Measure]:
    fg, bg = ([f"original/noise({r}, {k})" for k in range(LEVELS)] for r in ("foreground", "background"))
    return [
        Measure("accuracy", "accuracy", condition="original"),
        Measure("class_accuracy", "class accuracy", condition="original"),
        Measure("rfs", "RFS", fg=fg, bg=bg),
        *(Measure("rfs", f"RFS {k}", fg=fg[k], bg=bg[k]) for k in range(LEVELS)),
        Measure("bg_gap", "BG-gap", same="mixed_same", rand="mixed_rand"),
        Measure("relative_gap", "relative gap", same="mixed_same", rand="mixed_rand"),
        Measure("worst_group", "worst group", condition="original"),
        Measure("group_mean", "group mean", condition="original", weights=[4, 3, 2, 1]),
    ]


def by_pandas(frame: pd.DataFrame) -> dict[tuple[str, str], float]:
    """Values alone, by groupby."""
    found = {}
    accuracy = frame.groupby(["model", "condition"], observed=True)["correct"].mean()
    by_class = frame.groupby(["model", "condition", "label"], observed=True)["correct"].mean()
    by_class = by_class.groupby(level=[0, 1], observed=True).mean()
    groups = (
        frame[frame["condition"] == "original"].groupby(["model", "group"], observed=True)["correct"].mean()
    )
    for model in frame["model"].cat.categories:
        found[model, "accuracy"] = accuracy[model, "original"]
        found[model, "class accuracy"] = by_class[model, "original"]
        levels = [
            tuple(by_class[model, f"original/noise({r}, {k})"] for r in ("foreground", "background"))
            for k in range(LEVELS)
        ]
        found[model, "RFS"] = rfs(*np.mean(levels, axis=0))
        for k, level in enumerate(levels):
            found[model, f"RFS {k}"] = rfs(*level)
        gap = accuracy[model, "mixed_same"] - accuracy[model, "mixed_rand"]
        found[model, "BG-gap"] = gap
        found[model, "relative gap"] = gap / accuracy[model, "mixed_same"]
        found[model, "worst group"] = groups[model].min()
        found[model, "group mean"] = float(groups[model].to_numpy() @ [0.4, 0.3, 0.2, 0.1])
    return found


def main() -> None:
    run = common.start(
        __doc__, "metrics", lambda parser: parser.add_argument("--rows", type=int, default=5_000_000)
    )
    for rows in (100_000, 1_000_000 if run.quick else run.options.rows):
        frame = outcomes(rows)
        table, theirs = summarise(frame, measures()), by_pandas(frame)
        missing = len(theirs) - len(table)
        worst = max(abs(r.value - theirs[r.model, r.measure]) for r in table.itertuples())
        run.check(f"values of {len(table)} measures from {len(frame)} rows", missing or worst, 1e-12)
    shuffled = frame.sample(frac=1, random_state=0, ignore_index=True)
    cases = {
        "summarise, with intervals": lambda: summarise(frame, measures()),
        "pandas, values alone": lambda: by_pandas(frame),
        "summarise, rows shuffled": lambda: summarise(shuffled, measures()),
    }
    times = run.measure(cases, run.options.repeats or 5, warmup=1)
    for name, taken in times.items():
        spread = {"least_s": min(taken.seconds), "most_s": max(taken.seconds)}
        run.row(case=name, rows=len(frame), measures=len(table), median_s=taken.median, **spread)
    run.finish()


if __name__ == "__main__":
    main()
