"""Heads on disk, and the feature blocks they are fitted on; both appear whole or not at all.

OUT/heads/<key>.safetensors   weight (K, D), bias (K,), and in its metadata how the head was chosen
OUT/heads/<key>.json          the same record for people
OUT/heads/<key>.parts/        features, until the head is there
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch

from pyadvspur.errors import AdvSpurError
from pyadvspur.evaluation.fitting import Head

_BLOCK = ("x", "label", "group", "sample", "unreadable")


class Heads:
    """Where one head is kept. key: SHA-256 of everything that decides it."""

    def __init__(self, folder: Path, key: str) -> None:
        self.folder, self.key = folder, key
        self.path = folder / f"{key}.safetensors"
        self.parts = folder / f"{key}.parts"

    def read(self) -> Head | None:
        """The head, or None where there is none yet; a damaged one is removed."""
        from safetensors import SafetensorError, safe_open

        if not self.path.exists():
            return None
        try:
            with safe_open(self.path, framework="np") as file:
                about = json.loads(file.metadata()["advspur"])
                head = Head(file.get_tensor("weight"), file.get_tensor("bias"), about["record"])
            if about["sha256"] == _checksum(head):
                return head
        except (SafetensorError, OSError, KeyError, TypeError, ValueError):
            pass
        self.path.unlink(missing_ok=True)
        return None

    def write(self, head: Head, more: Mapping[str, Any]) -> None:
        """Keep a head. more: what else its record says."""
        from safetensors.numpy import save_file

        record = {**more, **head.record}
        text = json.dumps(record, indent=1, sort_keys=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        _replace(self.folder / f"{self.key}.json", lambda path: path.write_text(text, encoding="utf-8"))
        tensors = {"weight": np.ascontiguousarray(head.weight), "bias": np.ascontiguousarray(head.bias)}
        # one entry: the file format does not keep the order of several
        about = json.dumps({"record": record, "sha256": _checksum(head)}, sort_keys=True)
        _replace(self.path, lambda path: save_file(tensors, path, metadata={"advspur": about}))

    def block(self, source: str, start: int) -> Path:
        return self.parts / f"{source}-{start:08d}.safetensors"

    def write_block(self, source: str, start: int, tensors: Mapping[str, torch.Tensor]) -> None:
        from safetensors.torch import save_file

        self.parts.mkdir(parents=True, exist_ok=True)
        _replace(self.block(source, start), lambda path: save_file(dict(tensors), path))

    def read_block(self, source: str, start: int) -> dict[str, torch.Tensor]:
        """A block's tensors. A damaged one is removed and named: the next run extracts it again."""
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        path = self.block(source, start)
        try:
            found = load_file(path)
            return {name: found[name] for name in _BLOCK}
        except (SafetensorError, OSError, KeyError) as error:
            path.unlink(missing_ok=True)
            raise AdvSpurError(
                f"readout: features in {path.name!r} are damaged ({error}); run again"
            ) from error


@contextlib.contextmanager
def lock(path: Path, wait: bool = True) -> Iterator[bool]:
    """Hold a file's lock; it ends with the process, however that ends. Yields whether it is held: without `wait`, not
    if another has it. Where there are no such locks everyone gets it: work is then done twice, never wrong."""
    try:
        import fcntl
    except ImportError:
        yield True
        return
    with _opened(path) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
            return
        except OSError:  # a file system without locks
            pass
        yield True


def _opened(path: Path) -> IO:
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            return path.open("a")
        except FileNotFoundError:  # another worker has just removed the folder: it has finished the head
            continue


def _checksum(head: Head) -> str:
    return hashlib.sha256(head.weight.tobytes() + head.bias.tobytes()).hexdigest()


def _replace(path: Path, write: Callable[[Path], Any]) -> None:
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        write(temporary)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
