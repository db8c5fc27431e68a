"""metadata.csv, read leniently and checked strictly: every row that cannot be used is named."""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pyadvspur.benchmarks.waterbirds.layout import NEEDED, SPLITS


@dataclass(frozen=True)
class Entry:
    """One image. sample: its id, from the file's name."""

    sample: int
    path: str
    label: int
    place: int
    split: str

    @property
    def group(self) -> int:
        return 2 * self.label + self.place


@dataclass(frozen=True)
class Metadata:
    """The usable rows in the csv's order, and what is wrong with the others or with the whole, one text each."""

    entries: tuple[Entry, ...]
    problems: tuple[str, ...]
    columns: tuple[str, ...]


def read(path: Path) -> Metadata:
    """Read a metadata.csv. Never raises for what is in the file.

    Taken as they come: a byte-order mark, any line ends, quoted names, columns in any order, columns more than needed,
    blank lines. Problems: a missing column, values other than 0/1 (y, place) and 0/1/2 (split), names that are empty or
    leave the folder, and names or img_ids that occur twice.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        return Metadata((), (f"{path.name} cannot be read ({error})",), ())
    lines = csv.reader(io.StringIO(text, newline=""))
    header: tuple[str, ...] = ()
    try:
        header = tuple(name.strip() for name in next(lines, []))
        if missing := [name for name in NEEDED if name not in header]:
            has = ", ".join(header) or "nothing"
            return Metadata((), (f"{path.name} has no column {', '.join(missing)}; it has {has}",), header)
        rows = [
            (lines.line_num, dict(zip(header, row))) for row in lines if any(cell.strip() for cell in row)
        ]
    except csv.Error as error:
        return Metadata((), (f"{path.name}, line {lines.line_num}: {error}",), header)
    entries, problems = [], []
    for number, row in rows:
        found = _entry(row)
        if isinstance(found, Entry):
            entries.append(found)
        else:
            problems.append(f"line {number}: {found}")
    for column, values in (
        ("img_filename", [e.path for e in entries]),
        ("img_id", [v for _, row in rows if (v := row.get("img_id", "").strip())]),
    ):
        twice = [value for value, count in Counter(values).items() if count > 1]
        problems += [f"{column} {value!r} occurs more than once" for value in twice]
    if not entries and not problems:
        problems.append(f"{path.name} has no rows")
    return Metadata(tuple(entries), tuple(problems), header)


def number(key: str) -> int:
    """A sample id from a stable text: 63 bits of SHA-256."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "little") >> 1


def _entry(row: dict[str, str]) -> Entry | str:
    """The image of a row, or why there is none."""
    value = {}
    for column, allowed in (("y", 2), ("place", 2), ("split", len(SPLITS))):
        text = row.get(column, "").strip()
        if text not in map(str, range(allowed)):
            return f"{column} is {text!r}, takes {', '.join(map(str, range(allowed)))}"
        value[column] = int(text)
    name = row.get("img_filename", "").strip()
    if not name:
        return "img_filename is empty"
    parts = PurePosixPath(name)
    if parts.is_absolute() or ".." in parts.parts:
        return f"img_filename {name!r} leaves the folder"
    return Entry(number(name), name, value["y"], value["place"], SPLITS[value["split"]])
