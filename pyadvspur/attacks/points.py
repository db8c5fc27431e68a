"""Adversarial points on disk: every claimed break with its image, so that somebody else can check the claim.

One safetensors file: x (the clean images), x_adv, y, ids and eps of the samples that were broken, the ids of those that
were not, and in the metadata what was attacked and how. `attacks.recheck` judges it with code of its own.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from pyadvspur.errors import AdvSpurError, bad, unknown
from pyadvspur.labels import LabelMap

if TYPE_CHECKING:
    from pyadvspur.attacks.sweep import SweepResult

_NORMS = ("linf", "l2", "l1")
_TENSORS = ("x", "x_adv", "y", "ids", "eps", "survivors")


@dataclass(frozen=True)
class Points:
    """Claims about M broken samples and S that survived.

    norm: of the ball. radii: what was tried, ascending, [0,1] pixel units. x, x_adv: float32 (M, C, H, W) in [0,1].
    y, ids: int64 (M,). eps: float64 (M,), the smallest of the radii that broke the sample; 0 = wrong without an attack.
    survivors: int64 (S,), ids of samples that no radius broke. label_map: how outputs are read; None = output k is
    class k. head: weight (K, D) and bias (K,) that stood in for the model's last linear layer, or None. facts: plain
    data: model, model_fingerprint, attack, seed, and whatever else should be known.
    """

    norm: str
    radii: tuple[float, ...]
    x: torch.Tensor
    x_adv: torch.Tensor
    y: torch.Tensor
    ids: torch.Tensor
    eps: torch.Tensor
    survivors: torch.Tensor
    label_map: LabelMap | None = None
    head: tuple[torch.Tensor, torch.Tensor] | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        where, m = "attacks.Points", len(self.x)
        if self.norm not in _NORMS:
            raise unknown(where, "norm", self.norm, _NORMS)
        shapes = {"x_adv": tuple(self.x.shape), "y": (m,), "ids": (m,), "eps": (m,)}
        for name, shape in shapes.items():
            if tuple(getattr(self, name).shape) != shape:
                raise bad(where, name, f"shape {tuple(getattr(self, name).shape)}", f"shape {shape}")
        every = torch.cat([self.ids, self.survivors])
        if len(every.unique()) < len(every):
            raise bad(where, "ids, survivors", "a sample twice", "every sample once")

    @property
    def n(self) -> int:
        """Samples attacked."""
        return len(self.ids) + len(self.survivors)

    @classmethod
    def of(
        cls, result: SweepResult, x: torch.Tensor, y: torch.Tensor, norm: str, ids: torch.Tensor | None = None,
        label_map: LabelMap | None = None, head: tuple[torch.Tensor, torch.Tensor] | None = None, **facts: Any,
    ) -> Points:  # fmt: skip
        """The claims of a sweep over (x, y). ids as handed to the sweep (0..B-1 by default). facts: what else should be
        known, see the class."""
        broken = result.broken.cpu()
        ids = torch.arange(len(x)) if ids is None else ids.cpu()
        rows = broken.any(0).nonzero()[:, 0]
        eps = torch.tensor(result.eps, dtype=torch.float64)[broken[:, rows].int().argmax(0)]
        eps = torch.where(result.clean_correct.cpu()[rows], eps, 0.0)
        clean, found = x.cpu()[rows].float(), result.x_adv.cpu()[rows]
        survivors = ids[~broken.any(0)]
        return cls(
            norm,
            tuple(result.eps),
            clean,
            found,
            y.cpu()[rows],
            ids[rows],
            eps,
            survivors,
            label_map,
            head,
            facts,
        )


def join(parts: Sequence[Points]) -> Points:
    """Parts of one attack, one after another; label map, head and facts are the first one's."""
    first = parts[0]
    columns = {name: torch.cat([getattr(part, name) for part in parts]) for name in _TENSORS}
    return Points(
        first.norm, first.radii, **columns, label_map=first.label_map, head=first.head, facts=first.facts
    )


def save_points(path: str | os.PathLike, points: Points) -> None:
    """Write a file of claims; images that are 8-bit values are stored as such. Written whole or not at all."""
    from safetensors.torch import save_file

    path = Path(path)
    tensors = {name: getattr(points, name).contiguous() for name in _TENSORS}
    levels = (points.x * 255).round().to(torch.uint8)
    if torch.equal(levels.float().div(255), points.x):
        tensors["x"] = levels
    if points.label_map is not None:
        tensors["classes"] = points.label_map.classes
        if points.label_map.outputs is not None:
            tensors["outputs"] = points.label_map.outputs
    if points.head is not None:
        tensors["head_weight"], tensors["head_bias"] = (part.contiguous() for part in points.head)
    facts = {"format": 1, "norm": points.norm, "radii": list(points.radii), **points.facts}
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        save_file(tensors, part, metadata={"advspur_points": json.dumps(facts, sort_keys=True)})
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def load_points(path: str | os.PathLike) -> Points:
    """Read a file of claims. Raises AdvSpurError for anything else; nothing in the file is executed."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads((file.metadata() or {})["advspur_points"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        norm, radii = facts.pop("norm"), tuple(float(r) for r in facts.pop("radii"))
        if facts.pop("format") != 1 or any(name not in tensors for name in _TENSORS):
            raise KeyError("format")
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise AdvSpurError(
            f"attacks.load_points: {str(path)!r} is no file of adversarial points ({type(error).__name__}: {error}). "
            "`advspur evaluate --save-points` writes one."
        ) from error
    if tensors["x"].dtype == torch.uint8:
        tensors["x"] = tensors["x"].float().div(255)
    label_map = None
    if "outputs" in tensors:
        label_map = LabelMap.restricted(tensors["outputs"], tensors["classes"])
    elif "classes" in tensors:
        label_map = LabelMap.many_to_one(tensors["classes"])
    head = (tensors["head_weight"], tensors["head_bias"]) if "head_weight" in tensors else None
    columns = {name: tensors[name] for name in _TENSORS}
    return Points(norm, radii, **columns, label_map=label_map, head=head, facts=facts)
