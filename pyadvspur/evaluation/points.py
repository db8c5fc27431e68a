"""Adversarial points of a run: kept by `evaluate(save_points=True)`, rechecked by `advspur attack verify`."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from pyadvspur import attacks
from pyadvspur.attacks.points import Points, join, load_points, save_points
from pyadvspur.attacks.recheck import Rechecked, class_logits, recheck
from pyadvspur.benchmarks.base import Batch
from pyadvspur.errors import AdvSpurError, bad
from pyadvspur.evaluation.class_logits import ClassLogits
from pyadvspur.evaluation.store import Store, StoreFullError
from pyadvspur.evaluation.unit import Unit
from pyadvspur.models.head import Headed, with_head

if TYPE_CHECKING:
    import pandas

_FACTS = (
    "model",
    "model_fingerprint",
    "benchmark",
    "benchmark_fingerprint",
    "condition",
    "attack",
    "seed",
    "precision",
)


def path_of(store: Store, unit: Unit) -> Path:
    """Where a unit's points are, once it is done."""
    return store.root / "points" / f"{unit.key}.safetensors"


def claims(
    found: attacks.SweepResult, x: torch.Tensor, batch: Batch, unit: Unit, model: ClassLogits, norm: str
) -> Points:
    """What a sweep claims about a batch of a unit."""
    head = None
    if isinstance(model.model, Headed):
        head = (model.model.head.weight.detach().cpu(), model.model.head.bias.detach().cpu())
    facts = {name: getattr(unit, name) for name in _FACTS}
    return Points.of(found, x, batch.labels, norm, batch.ids, model.found, head, **facts)


def save(store: Store, unit: Unit, parts: list[Points]) -> None:
    """Keep a unit's claims, before its rows are: a finished unit of such a run always has both."""
    try:
        save_points(path_of(store, unit), join(parts))
    except OSError as error:
        raise StoreFullError(f"evaluate: points cannot be written ({error.strerror or error})") from error


def files(place: str | os.PathLike) -> list[Path]:
    """A file of points, or those of a run's folder."""
    place = Path(place)
    if not place.is_dir():
        return [place]
    found = sorted((place / "points").glob("*.safetensors"))
    if not found:
        takes = "a file of points, or the folder of a run that kept them"
        raise bad("attack verify", "file", repr(str(place)), takes, "`advspur evaluate --save-points` does.")
    return found


def recheck_files(
    place: str | os.PathLike,
    model: str | torch.nn.Module | None = None,
    *,
    benchmark: str | None = None,
    device: str = "cpu",
    note: Callable[[str], None] = lambda text: None,
) -> Iterator[tuple[Points, Rechecked]]:
    """Recheck every claim of a file or of a run's folder; one answer a model, condition and attack.

    model: what to load (a name for `models.load`, or a module); None: the name in the file. Weights other than those
    that were attacked are refused. benchmark: for example "waterbirds=DIR": the clean images and labels must then be
    its own, byte for byte, and its fingerprint that of the file.
    """
    groups: dict[str, list[Path]] = {}
    for path in files(place):
        points = load_points(path)
        key = json.dumps([points.facts.get(name) for name in _FACTS] + [points.norm, points.radii])
        groups.setdefault(key, []).append(path)
    loaded: tuple[str, torch.nn.Module] | None = None
    for paths in groups.values():
        points = join([load_points(path) for path in paths])
        name = str(points.facts.get("model"))
        note(f"{name}: {len(points.ids)} claims, {len(points.survivors)} survivors")
        if benchmark is not None:
            _compare(points, benchmark)
        if loaded is None or loaded[0] != name:
            loaded = (name, _load(points, name if model is None else model).to(device))
        answering = loaded[1]
        if points.head is not None:
            answering = with_head(answering, *points.head, input_size=points.x.shape[-1])
        yield points, recheck(class_logits(answering, points), points, device=device)


def _load(points: Points, model: str | torch.nn.Module) -> torch.nn.Module:
    from pyadvspur.evaluation.subject import subjects

    [subject] = subjects([model])
    expected = points.facts.get("model_fingerprint")
    if expected and subject.fingerprint != expected:
        raise bad(
            "attack verify", "model", f"{subject.name!r} with weights {subject.fingerprint[:12]}", expected[:12],
            "The points were found on other weights.",
        )  # fmt: skip
    return subject.load()


def _compare(points: Points, name: str) -> None:
    """The claims' clean images and labels against a benchmark's own."""
    from pyadvspur import benchmarks, masking

    found = benchmarks.parse(name)
    if found.name != points.facts.get("benchmark"):
        raise bad("attack verify", "benchmark", repr(found.name), repr(points.facts.get("benchmark")))
    if found.fingerprint() != points.facts.get("benchmark_fingerprint"):
        raise AdvSpurError(
            "attack verify: benchmark has other images or options than the points were made from"
        )
    condition = found.condition(str(points.facts["condition"]))
    rows = {sample: k for k, sample in enumerate(points.ids.tolist())}
    seen = set()
    for batch in found.batches(condition.source, 64):
        mine = [k for k, sample in enumerate(batch.ids.tolist()) if sample in rows]
        if not mine:
            continue
        x = masking.render(
            batch.images, batch.masks, masking.Variants([condition.variant]), ids=batch.ids,
            seed=int(points.facts["seed"]), trial=condition.trial, partners=batch.partners,
        )[0]  # fmt: skip
        for k in mine:
            row = rows[int(batch.ids[k])]
            if not torch.equal(x[k], points.x[row]) or int(batch.labels[k]) != int(points.y[row]):
                raise AdvSpurError(
                    f"attack verify: sample {int(batch.ids[k])} is not the benchmark's image or label"
                )
            seen.add(int(batch.ids[k]))
        if len(seen) == len(rows):
            return
    raise AdvSpurError(f"attack verify: {len(rows) - len(seen)} samples are not in the benchmark")


def table(answers: list[tuple[Points, Rechecked]]) -> pandas.DataFrame:
    """One row a model, condition, attack and radius: accuracy as claimed and as confirmed, n, refuted claims."""
    import pandas as pd

    parts = []
    for points, answer in answers:
        named = {name: points.facts.get(name, "") for name in ("model", "benchmark", "condition", "attack")}
        part = answer.curve.assign(**named, refuted=answer.refuted)
        parts.append(part[[*named, "eps", "accuracy_claimed", "accuracy_confirmed", "n", "refuted"]])
    return pd.concat(parts, ignore_index=True)
