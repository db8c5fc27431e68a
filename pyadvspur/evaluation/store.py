"""Outcomes on disk: one Parquet file per finished unit, named by the SHA-256 of the unit's spec.

A file is written under a temporary name and renamed when whole, so a reader never meets half of one, whatever was
interrupted. Files carry their unit's key, their row count and page checksums: a damaged one is found and redone.
A finished run also has all rows in one file, to be read faster: `joined`.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pyadvspur.errors import AdvSpurError, bad
from pyadvspur.evaluation.plan import Plan
from pyadvspur.evaluation.unit import Unit

_NAME = pa.dictionary(pa.int32(), pa.string())
SCHEMA = pa.schema(
    [
        ("model", _NAME),
        ("benchmark", _NAME),
        ("condition", _NAME),
        ("attack", _NAME),
        ("eps", pa.float64()),
        ("trial", pa.int32()),
        ("sample", pa.int64()),
        ("label", pa.int32()),
        ("group", pa.int32()),
        ("prediction", pa.int32()),
        ("probability", pa.float32()),
        ("margin", pa.float32()),
        ("correct", pa.bool_()),
        ("distance", pa.float32()),
        ("steps", pa.int32()),
        ("error", _NAME),
    ]
)
JOINED = "outcomes.parquet"  # all rows of a finished run once more (joined.py)
_STALE_SECONDS = 3600


class StoreFullError(AdvSpurError):
    """The folder cannot be written: no space, no permission. Finished units stay valid."""


class Store:
    """The folder of one run."""

    def __init__(self, root: str | os.PathLike):
        self.root = Path(root)
        self.units = self.root / "units"
        self.failed = self.root / "failures"

    # the run's own record

    def start(self, plan: Plan, record: Mapping[str, Any]) -> None:
        """Make the folder, or go on in it if it holds this very run. record: what else run.json says."""
        if self.root.exists() and not self.root.is_dir():
            raise bad("evaluate", "out", f"{str(self.root)!r}, a file", "a folder")
        if (self.root / "run.json").exists():
            held, _ = self.load()
            if held != plan:
                raise AdvSpurError(
                    f"evaluate: out {str(self.root)!r} holds another run: {held.difference(plan)}. "
                    "Give another folder, or delete this one."
                )
        try:
            self.units.mkdir(parents=True, exist_ok=True)
            self.failed.mkdir(exist_ok=True)
            for path in (*self.root.glob("*.tmp"), *self.units.glob("*.tmp")):
                if time.time() - path.stat().st_mtime > _STALE_SECONDS:
                    path.unlink(missing_ok=True)
            text = json.dumps({"key": plan.key, "spec": plan.to_dict(), **record}, indent=1, allow_nan=False)
            self.replace(self.root / "run.json", lambda path: path.write_text(text, encoding="utf-8"))
        except OSError as error:
            raise self._full(error) from error

    def load(self) -> tuple[Plan, dict[str, Any]]:
        """The plan in the folder and the rest of its record."""
        path = self.root / "run.json"
        if not path.is_file():
            raise bad("evaluation", "out", f"{str(self.root)!r}", "a folder that `evaluate` wrote (run.json)")
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            return Plan.from_dict(record["spec"]), record
        except (ValueError, KeyError, TypeError) as error:
            raise AdvSpurError(
                f"evaluation: {str(path)!r} is damaged ({error}). Delete that file and run the same command "
                "again: finished units are found by their names."
            ) from error

    # units

    def path(self, unit: Unit) -> Path:
        return self.units / f"{unit.key}.parquet"

    def keys(self) -> set[str]:
        """Keys of the units whose files are there, whole or not."""
        with contextlib.suppress(FileNotFoundError), os.scandir(self.units) as entries:
            return {entry.name[:-8] for entry in entries if entry.name.endswith(".parquet")}
        return set()

    def sizes(self) -> dict[str, int]:
        """Bytes of the units' files, by key."""
        with contextlib.suppress(FileNotFoundError), os.scandir(self.units) as entries:
            return {e.name[:-8]: e.stat().st_size for e in entries if e.name.endswith(".parquet")}
        return {}

    def write(
        self,
        unit: Unit,
        attack: str,
        columns: Mapping[str, np.ndarray],
        signs: Mapping[str, int] | None = None,
        precision: Mapping[str, object] | None = None,
    ) -> None:
        """Store a unit's rows. columns: what differs by row; the rest is the unit's. signs: counts of a gradient
        report, precision: what low precision saw first and float32 again, both kept beside the rows. Atomic.

        Raises StoreFullError if the disk is full or read-only; nothing is left behind then.
        """
        n = len(columns["sample"])
        same = {
            "model": unit.model, "benchmark": unit.benchmark, "condition": unit.condition, "attack": attack,
        }  # fmt: skip
        arrays = []
        for field in SCHEMA:
            if field.name in same:
                codes = pa.array(np.zeros(n, np.int32))
                arrays.append(pa.DictionaryArray.from_arrays(codes, pa.array([same[field.name]])))
            elif field.name == "error":
                arrays.append(pa.array(columns["error"], pa.string()).dictionary_encode())
            elif field.name == "trial":
                arrays.append(pa.array(np.full(n, unit.trial, np.int32)))
            else:
                # numpy NaN stays NaN: Parquet's null is not used
                arrays.append(pa.array(np.asarray(columns[field.name]), type=field.type, from_pandas=False))
        meta = {"advspur.key": unit.key, "advspur.unit": json.dumps(asdict(unit))}
        if signs is not None:
            meta["advspur.signs"] = json.dumps(dict(signs))
        if precision is not None:
            meta["advspur.precision"] = json.dumps(dict(precision))
        table = pa.Table.from_arrays(arrays, schema=SCHEMA.with_metadata(meta))
        try:
            (self.root / JOINED).unlink(missing_ok=True)  # it repeats a part that is about to change
            self.replace(
                self.path(unit),
                lambda path: pq.write_table(table, path, compression="zstd", write_page_checksum=True),
            )
            (self.failed / f"{unit.key}.json").unlink(missing_ok=True)
        except OSError as error:
            raise self._full(error) from error

    def signs(self, unit: Unit) -> dict[str, int]:
        """The counts of a finished unit's gradient report; empty where it has none."""
        with contextlib.suppress(OSError, pa.ArrowException, ValueError):
            meta = pq.read_schema(self.path(unit)).metadata or {}
            return {str(k): int(v) for k, v in json.loads(meta.get(b"advspur.signs", b"{}")).items()}
        return {}

    def finished(self, unit: Unit) -> bool:
        """Whether the unit's file is there and whole; a damaged one is removed."""
        path = self.path(unit)
        if not path.exists():
            return False
        try:
            self._table(unit)
            return True
        except (OSError, pa.ArrowException, AdvSpurError):
            path.unlink(missing_ok=True)
            return False

    def read(self, units: Sequence[Unit]) -> pa.Table:
        """Rows of these units, in their order. Every file is checked whole: see `finished`."""
        if not units:
            return SCHEMA.empty_table()
        # files are many and small, and decoded outside the interpreter's lock
        with ThreadPoolExecutor(min(4, len(units), os.cpu_count() or 1)) as pool:
            tables = list((pool.map if len(units) > 1 else map)(self._table, units))
        return pa.concat_tables(table.replace_schema_metadata() for table in tables).unify_dictionaries()

    def _table(self, unit: Unit) -> pa.Table:
        path = self.path(unit)
        # ParquetFile, not read_table: a tenth of the cost for one small file; and half of that again from memory, where
        # no column costs a read of its own
        try:
            with pq.ParquetFile(pa.BufferReader(path.read_bytes()), page_checksum_verification=True) as file:
                table = file.read(use_threads=False)
        except (OSError, pa.ArrowException) as error:
            raise self._damaged(path, str(error)) from error
        meta = table.schema.metadata or {}
        if "error" not in table.schema.names:  # as written before there were such rows
            nothing = pa.array([""] * table.num_rows, pa.string()).dictionary_encode()
            table = table.append_column(SCHEMA.field("error"), nothing)
        if (
            table.schema.names != SCHEMA.names
            or meta.get(b"advspur.key") != unit.key.encode()
            or table.num_rows % len(unit)
        ):
            raise self._damaged(path, "it does not hold the unit it is named after")
        return table

    # failures

    def record_failure(self, unit: Unit, error: str) -> None:
        """Note why a unit has no rows; the next run tries it again."""
        text = json.dumps({"unit": asdict(unit), "error": error}, indent=1)
        try:
            self.replace(
                self.failed / f"{unit.key}.json", lambda path: path.write_text(text, encoding="utf-8")
            )
        except OSError as full:
            raise self._full(full) from full

    def failure(self, unit: Unit) -> str:
        """The noted error, or an empty string."""
        path = self.failed / f"{unit.key}.json"
        if not path.exists():
            return ""
        with contextlib.suppress(ValueError, OSError):
            return str(json.loads(path.read_text(encoding="utf-8"))["error"])
        return "unknown"

    # sample images

    def has_sample(self, benchmark: str, condition: str) -> bool:
        return self._sample(benchmark, condition).exists()

    def sample(self, benchmark: str, condition: str) -> bytes | None:
        """PNG bytes of a condition's first images, if they were kept."""
        path = self._sample(benchmark, condition)
        return path.read_bytes() if path.exists() else None

    def write_sample(self, benchmark: str, condition: str, png: bytes) -> None:
        path = self._sample(benchmark, condition)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.replace(path, lambda temporary: temporary.write_bytes(png))
        except OSError as error:
            raise self._full(error) from error

    def _sample(self, benchmark: str, condition: str) -> Path:
        safe = "".join(c if c.isalnum() or c in "._-=" else "-" for c in condition)
        return self.root / "samples" / benchmark / f"{safe}.png"

    # files

    def discard_temporary(self, pid: int) -> None:
        """Remove what a process that was stopped left half-written."""
        for path in self.root.rglob(f"*.{pid}.tmp"):
            path.unlink(missing_ok=True)

    def replace(self, path: Path, write) -> None:
        """write(path) under another name first: nobody meets half a file."""
        temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
        try:
            write(temporary)
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise

    def _damaged(self, path: Path, why: str) -> AdvSpurError:
        return AdvSpurError(
            f"evaluation: {str(path)!r} is damaged ({why.rstrip('.')}). Run the same `advspur evaluate` again in this "
            "folder: it does that unit anew and keeps the others."
        )

    def _full(self, error: OSError) -> StoreFullError:
        return StoreFullError(
            f"evaluate: out {str(self.root)!r} cannot be written ({error.strerror or error}). "
            "Finished units are safe; make room and run the same command again."
        )
