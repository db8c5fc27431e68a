"""All rows of a finished run in one file: a thousand small parts cost a report more to open than to use.

`outcomes.parquet` repeats the parts and is never needed: it may be deleted, and a reader believes it only while the
parts are those it was made of, by name and size. Parts are what a run is made of, resumed from and checked by.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from pyadvspur.errors import AdvSpurError
from pyadvspur.evaluation.store import JOINED, Store
from pyadvspur.evaluation.unit import Unit, digest

_PARTS = 512  # parts a row group: what is held in memory at a time
_OF, _SIGNS = b"advspur.parts", b"advspur.signs"


def join(store: Store, units: Sequence[Unit]) -> bool:
    """Write the file anew if all units are there and it is not; says whether it is there now. Never raises for a disk
    that is full or a part that is damaged: the parts are what counts."""
    of = _parts(store, units)
    if of is None:
        return False
    if _metadata(store).get(_OF) == of:
        return True
    try:
        store.replace(store.root / JOINED, lambda path: _write(store, units, of, path))
    except (OSError, pa.ArrowException, AdvSpurError):
        return False
    return True


def read(store: Store, units: Sequence[Unit]) -> pa.Table | None:
    """The rows of exactly these units, in their order; None if the file is not there, damaged or of other parts."""
    if not (store.root / JOINED).exists() or (of := _parts(store, units)) is None:
        return None
    try:
        with pq.ParquetFile(store.root / JOINED, page_checksum_verification=True) as file:
            if (file.schema_arrow.metadata or {}).get(_OF) != of:
                return None
            return file.read().replace_schema_metadata().unify_dictionaries()
    except (OSError, pa.ArrowException):
        return None


def signs(store: Store, units: Sequence[Unit]) -> dict[str, dict[str, int]]:
    """The counts of the units' gradient reports by unit key, of those that have them; from the parts if need be."""
    held = _metadata(store)
    if held and held.get(_OF) == _parts(store, units):
        with contextlib.suppress(ValueError):
            return dict(json.loads(held[_SIGNS]))
    return {unit.key: found for unit in units if (found := store.signs(unit))}


def _write(store: Store, units: Sequence[Unit], of: bytes, path: os.PathLike) -> None:
    found = {unit.key: counts for unit in units if (counts := store.signs(unit))}
    table = store.read(units[:_PARTS])
    schema = table.schema.with_metadata({_OF: of, _SIGNS: json.dumps(found)})
    with pq.ParquetWriter(path, schema, compression="zstd", write_page_checksum=True) as file:
        for start in range(0, len(units), _PARTS):
            more = store.read(units[start : start + _PARTS]) if start else table
            file.write_table(more.replace_schema_metadata(schema.metadata))


def _metadata(store: Store) -> dict[bytes, bytes]:
    with contextlib.suppress(OSError, pa.ArrowException):
        return pq.read_schema(store.root / JOINED).metadata or {}
    return {}


def _parts(store: Store, units: Sequence[Unit]) -> bytes | None:
    """What the units' files are called and how long they are; None where one is missing."""
    sizes = store.sizes()
    held = [(unit.key, sizes.get(unit.key, -1)) for unit in units]
    return None if not held or any(size < 0 for _, size in held) else digest(held).encode()
