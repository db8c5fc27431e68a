"""The file of a challenge: which foregrounds are finished, of which model on which images."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pyadvspur.errors import AdvSpurError, bad

_FORMAT = 1
_WHERE = "imagenet9.challenge"


class Finished(NamedTuple):
    """A foreground: its sample id and class, the id of the background that broke it (-1 = none did), and how many
    backgrounds were tried up to that one."""

    sample: int
    label: int
    background: int
    tried: int

    @property
    def vulnerable(self) -> bool:
        return self.background >= 0


class Record:
    """A JSON file, or nothing where no path is given. spec: what the rows belong to; another one is refused."""

    def __init__(self, path: str | os.PathLike | None, spec: dict[str, Any]) -> None:
        self.path = None if path is None else Path(path)
        self.spec = {"format": _FORMAT, **spec}

    def load(self) -> tuple[list[Finished], int]:
        """The finished foregrounds, and the forwards they took."""
        if self.path is None or not self.path.exists():
            return [], 0
        try:
            held = json.loads(self.path.read_text())
            spec = {key: held.get(key) for key in self.spec}
            rows = [Finished(*(int(value) for value in row)) for row in held["rows"]]
            forwards = int(held["forwards"])
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            takes = "a file that an earlier challenge wrote, or a new name"
            raise bad(
                _WHERE, "out", repr(str(self.path)), takes, f"({type(error).__name__}: {error})"
            ) from error
        if differing := [key for key in spec if spec[key] != self.spec[key]]:
            raise AdvSpurError(
                f"{_WHERE}: out {str(self.path)!r} holds a challenge of another {', '.join(differing)}. "
                "Give another file, or delete this one."
            )
        return rows, forwards

    def save(self, model: str, rows: Sequence[Finished], forwards: int) -> None:
        """Write all rows anew and rename: a reader never meets half a file."""
        if self.path is None:
            return
        columns = list(Finished._fields)
        held = {**self.spec, "model": model, "forwards": forwards, "columns": columns, "rows": list(rows)}
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            half = self.path.with_name(self.path.name + ".tmp")
            half.write_text(json.dumps(held))
            half.replace(self.path)
        except OSError as error:
            raise bad(
                _WHERE, "out", repr(str(self.path)), "a file that can be written", f"({error})"
            ) from error
