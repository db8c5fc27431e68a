"""What a report computes beyond metrics, from the rows it shows: trends over radii, the spread between seeds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pyadvspur.metrics import Trends, seed_spread, trends
from pyadvspur.metrics.series import find_series
from pyadvspur.metrics.trends import corrected
from pyadvspur.report import selection

if TYPE_CHECKING:
    import pandas as pd

    from pyadvspur.metrics import Measure

    Measures = Mapping[str, list[Measure]]  # by benchmark


def trends_of(
    models: pd.DataFrame, outcomes: pd.DataFrame, measures: Measures, metrics: pd.DataFrame
) -> Trends | None:
    """Clean, the first accuracy and the first metric of each kind of reliance; under attack, robust accuracies at the
    radius that tells most networks apart. None without a series of radii."""
    import pandas as pd

    if not find_series(models):
        return None
    clean: dict[str, list[Measure]] = {}
    robust: dict[tuple[str, str, float], list[Measure]] = {}
    for name, listed in measures.items():
        chosen = selection.main(listed)[:1]
        clean[name] = [*chosen, *(m for m in selection.reliance(listed) if m not in chosen)]
        by_name = {m.name: m for m in listed}
        for choices in selection.attacked(metrics[metrics["benchmark"] == name], listed).values():
            for choice in choices:
                robust.setdefault((name, choice.attack, choice.eps), []).append(by_name[choice.measure])
    plain = outcomes["attack"].to_numpy() == "none"
    parts = [trends(outcomes[plain], models, clean)]
    attacked = outcomes[~plain]
    for (name, attack, eps), listed in robust.items():
        there = (attacked["benchmark"] == name) & (attacked["attack"] == attack) & (attacked["eps"] == eps)
        parts.append(trends(attacked[there], models, listed))
    both = [
        corrected(
            pd.concat([getattr(part, name) for part in parts if len(getattr(part, name))], ignore_index=True)
        )
        for name in ("series", "pooled")
        if any(len(getattr(part, name)) for part in parts)
    ]
    return Trends(*both) if len(both) == 2 else None


def seeds_of(models: pd.DataFrame, outcomes: pd.DataFrame, measures: Measures) -> pd.DataFrame:
    """`metrics.seed_spread`; empty where no kind of network has two seeds."""
    wanted = {
        name: [*selection.main(listed)[:1], *selection.reliance(listed)] for name, listed in measures.items()
    }
    chosen = {name: list(dict.fromkeys(listed)) for name, listed in wanted.items()}
    return seed_spread(outcomes[outcomes["attack"].to_numpy() == "none"], models, chosen)
