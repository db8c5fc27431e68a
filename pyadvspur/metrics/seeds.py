"""Several training seeds of one kind of network: how far apart they come out, and how much of that is sampling."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyadvspur.errors import bad
from pyadvspur.metrics.draws import DRAWS
from pyadvspur.metrics.effects import random_mean
from pyadvspur.metrics.intervals import LEVEL
from pyadvspur.metrics.joint import together
from pyadvspur.metrics.rows import cells
from pyadvspur.metrics.series import is_positive, text_of
from pyadvspur.metrics.summary import Measures, applies, of_benchmark

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "benchmark", "measure", "kind", "attack", "eps", "arch", "norm", "radius", "seeds", "value", "low", "high",
    "mixed_low", "mixed_high", "seed_sd", "image_sd", "n", "note",
)  # fmt: skip


def seed_spread(
    outcomes: pd.DataFrame,
    models: pd.DataFrame,
    measures: Measures,
    *,
    level: float = LEVEL,
    attacked: bool = True,
    draws: int = DRAWS,
) -> pd.DataFrame:
    """The mean of every measure over networks that differ in their training seed alone, with its spread split in two.

    outcomes, measures: as for `metrics.summarise`. models: one row a model with arch, norm, eps, seed (`Run.models()`);
    networks of one arch, norm and eps, with two seeds or more, make one row. attacked=False: without attack alone.

    Returns columns benchmark, measure, kind, attack, eps (of the attack), arch, norm, radius (of training), seeds (how
    many), value (their mean), low, high (other images, these networks: paired bootstrap), mixed_low, mixed_high (other
    images and other seeds), seed_sd (from seed to seed, the images' share taken off), image_sd (of one network, from
    images to images), n (images), note. Formulas: `metrics.random_mean`. With two seeds seed_sd is known to
    little more than its order: mixed_low and mixed_high say so by their width.
    """
    import pandas as pd

    for name in ("model", "arch", "norm", "eps", "seed"):
        if name not in models.columns:
            raise bad("metrics.seed_spread", "models", f"columns without {name}", "`Run.models()`")
    kinds: dict[tuple[str, str, float], dict[str, str]] = {}
    for row in models.drop_duplicates("model").to_dict("records"):
        norm, seed = text_of(row["norm"]), text_of(row["seed"])
        trained = is_positive(row["eps"]) and norm not in ("", "none", "standard")
        key = (text_of(row["arch"]), norm if trained else "", float(row["eps"]) if trained else 0.0)
        if seed and (key[0] or norm):
            kinds.setdefault(key, {}).setdefault(seed, str(row["model"]))
    measures = measures if hasattr(measures, "get") else tuple(measures)
    held = cells(outcomes)
    spots = list(dict.fromkeys((benchmark, attack, eps) for benchmark, _, attack, eps in held))
    rows = []
    for benchmark, attack, eps in spots:
        for measure in of_benchmark(measures, benchmark):
            if not applies(measure, attack) or (attack != "none" and not attacked):
                continue
            for (arch, norm, radius), by_seed in kinds.items():
                mine = [held.get((benchmark, name, attack, eps)) for name in by_seed.values()]
                asked = [
                    (measure, cell.lines(measure)) for cell in mine if cell is not None and cell.has(measure)
                ]
                if len(asked) < 2:
                    continue
                joint = together(asked, draws=draws)
                mean = random_mean(joint.value, joint.drawn, level)
                notes = dict.fromkeys(note for note in (joint.note, *joint.notes) if note)
                rows.append((
                    benchmark, measure.name, measure.kind, attack, eps, arch, norm, radius, mean.units, mean.value,
                    mean.low, mean.high, mean.mixed_low, mean.mixed_high, mean.unit_sd, mean.image_sd, joint.n,
                    "; ".join(notes),
                ))  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS))
