"""The smallest piece of work: one model, benchmark, condition and attack, over one range of samples."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, fields
from functools import cached_property

#: Part of every unit's identity; raised when the meaning of stored rows changes.
FORMAT = 1


@dataclass(frozen=True)
class Unit:
    """Everything that decides a unit's rows, and nothing else: no machine, date, batch size or worker count.

    model, benchmark: names, with the fingerprints of weights and images. condition, source, variant, trial: how the
    images are shown. attack: "none", or a name that `attacks.parse` reads. start, stop: samples of the source.
    """

    model: str
    model_fingerprint: str
    benchmark: str
    benchmark_fingerprint: str
    condition: str
    source: str
    variant: str
    trial: int
    attack: str
    seed: int
    precision: str
    start: int
    stop: int

    @cached_property
    def key(self) -> str:
        """SHA-256 of the spec; the name of the unit's file."""
        return digest({"format": FORMAT, **{name: getattr(self, name) for name in _NAMES}})

    @property
    def label(self) -> str:
        """What progress and errors call the unit."""
        attack = "" if self.attack == "none" else f", {self.attack}"
        return f"{self.model} on {self.benchmark}/{self.condition}{attack} [{self.start}:{self.stop}]"

    def __len__(self) -> int:
        return self.stop - self.start


_NAMES = tuple(field.name for field in fields(Unit))


def digest(data: object) -> str:
    """SHA-256 of plain data in its one JSON form."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
