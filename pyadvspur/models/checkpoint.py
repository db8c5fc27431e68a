"""Reading weights from files without ever running code from them.

A checkpoint is untrusted input. Torch files are read with `weights_only=True` alone; what would have to be unpickled is
refused, and so is everything whose size in memory is not bounded by its size on disk.
"""

from __future__ import annotations

import hashlib
import json
import pickle
import re
import tarfile
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from pyadvspur.errors import AdvSpurError, bad

SUFFIXES = (".safetensors", ".pt", ".pth", ".ckpt")
LARGEST = 16 << 30  # bytes of a file
_LARGEST_INDEX = 64 << 20  # bytes of the pickled names inside a torch file
_MOST_TENSORS = 100_000
_INSIDE = ("model", "state_dict", "model_state_dict", "net")
# torch.save before 1.6: a pickle of this number comes first
_OLD_FORMAT = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
_STATISTICS = ("module.normalizer", "module.attacker.normalize", "normalizer", "attacker.normalize")


@dataclass(frozen=True)
class Checkpoint:
    """What a file holds. tensors: by name, on the CPU. metadata: text, from safetensors files only."""

    path: Path
    tensors: Mapping[str, torch.Tensor]
    metadata: Mapping[str, str]

    @property
    def info(self) -> dict[str, object]:
        """What this package wrote about the network into the metadata; empty for files of others."""
        try:
            found = json.loads(self.metadata.get("advspur", "{}"))
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise bad("models.load", "checkpoint", str(self.path), "JSON under 'advspur' in its metadata")
        return found

    @property
    def statistics(self) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
        """Mean and standard deviation of the pixels, where the file brings them (robustness library, or converted).

        Raises AdvSpurError where the file holds two sets that differ, or other than three numbers each."""
        found = {}
        for owner in _STATISTICS:
            mean, std = (self.tensors.get(f"{owner}.new_{what}") for what in ("mean", "std"))
            if mean is not None and std is not None:
                found[owner] = tuple(tuple(v.float().flatten().tolist()) for v in (mean, std))
        info = self.info
        if "mean" in info and "std" in info:
            found["metadata"] = tuple(_numbers(info[what]) for what in ("mean", "std"))
        for owner, pair in found.items():
            if pair != next(iter(found.values())) or any(len(values) != 3 for values in pair):
                raise bad(
                    "models.load", "checkpoint", str(self.path), "one mean and one standard deviation a channel",
                    f"`{owner}` says {pair}.",
                )  # fmt: skip
        return next(iter(found.values()), None)


def read(path: str | Path) -> Checkpoint:
    """Read a checkpoint: safetensors, or torch's own format strictly with `weights_only=True`. A file that would
    have to be unpickled is refused, because unpickling runs whatever code the file names."""
    path = Path(path)
    check_file(path)
    if path.suffix.lower() == ".safetensors":
        return _read_safetensors(path)
    _check_container(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # about pickle protocols that will be refused anyway
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise _refused(path, str(error)) from error
    except Exception as error:  # damaged files raise almost anything
        raise _damaged(path, "a file written by torch.save", error) from error
    return Checkpoint(path, _tensors_of(content, path), {})


def sha256(path: str | Path) -> str:
    """Of a file's bytes."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_file(path: Path) -> None:
    """Refuse what is no checkpoint by its name, size or first bytes."""

    def refuse(takes: str, hint: str = "") -> AdvSpurError:
        return bad("models.load", "checkpoint", str(path), takes, hint)

    if path.suffix.lower() not in SUFFIXES:
        raise refuse(f"a file ending in {', '.join(SUFFIXES)}")
    if not path.is_file():
        raise refuse("an existing file", f"Looked in {path.parent.resolve()}.")
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(512).lstrip().lower()
    except OSError as error:
        raise refuse("a readable file", first_line(error)) from error
    if not start:
        raise refuse("weights", "The file is empty.")
    if size > LARGEST:
        raise refuse(f"at most {LARGEST >> 30} GiB", f"The file has {size} bytes.")
    if start.startswith((b"<!doctype", b"<html")):
        raise refuse("weights", "The file is a web page: download it again.")
    if start.startswith(b"version https://git-lfs"):
        raise refuse("weights", "The file is a Git LFS pointer: fetch the file it stands for.")


def first_line(error: Exception) -> str:
    return f"({type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''})"


def _damaged(path: Path, takes: str, error: Exception) -> AdvSpurError:
    hint = f"The file may be cut short or damaged. {first_line(error)}"
    return bad("models.load", "checkpoint", str(path), takes, hint)


def _refused(path: Path, message: str) -> AdvSpurError:
    found = re.search(r"GLOBAL ([\w.]+)", message)
    objects = f"`{found[1]}`, " if found else ""
    return AdvSpurError(
        f"models.load: {path.name}: refused. The file holds Python objects ({objects}not only tensors), and unpickling "
        "them would run code from the file. Save only the weights (torch.save(model.state_dict(), ...)) or convert to "
        "safetensors where you trust the file."
    )


def _check_container(path: Path) -> None:
    """torch.save's two containers and nothing else: no tar (older torch unpickles what is inside), nothing compressed
    (a small file that unpacks to a large one). As in torch, the first bytes decide which of the two it is."""
    takes = "a file written by torch.save"
    with path.open("rb") as file:
        start = file.read(len(_OLD_FORMAT))
    if not start.startswith(b"PK\x03\x04"):
        if start.startswith(b"\x80") and start != _OLD_FORMAT:
            raise _refused(path, "")
        if start != _OLD_FORMAT or _is_tar(path):
            raise bad("models.load", "checkpoint", str(path), takes)
        return
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except Exception as error:  # damaged archives raise almost anything
        raise _damaged(path, takes, error) from error
    names = [entry for entry in entries if entry.filename.endswith(".pkl")]
    if (
        any(entry.compress_type != zipfile.ZIP_STORED for entry in entries)
        or sum(entry.file_size for entry in entries) > path.stat().st_size
        or sum(entry.file_size for entry in names) > _LARGEST_INDEX
    ):
        hint = "It is compressed, or its parts claim more bytes than the file has."
        raise bad("models.load", "checkpoint", str(path), takes, hint)


def _is_tar(path: Path) -> bool:
    try:
        return tarfile.is_tarfile(path)
    except Exception:  # of some compression: if it can be one, it is one
        return True


def _read_safetensors(path: Path) -> Checkpoint:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            return Checkpoint(path, _checked(tensors, path), file.metadata() or {})
    except SafetensorError as error:
        raise _damaged(path, "a safetensors file", error) from error


def _tensors_of(content: object, path: Path) -> dict[str, torch.Tensor]:
    """The state dict in a loaded file: the file itself, or what it keeps under one of the usual names."""
    if isinstance(content, Mapping):
        for state in (content, *(content[key] for key in _INSIDE if isinstance(content.get(key), Mapping))):
            tensors = {str(key): value for key, value in state.items() if isinstance(value, torch.Tensor)}
            if tensors and len(tensors) == len(state):
                return _checked(tensors, path)
    kind = f"keys {list(content)[:6]}" if isinstance(content, Mapping) else type(content).__name__
    takes = f"tensors by name, at the top or under {', '.join(map(repr, _INSIDE))}"
    raise bad(f"models.load: {path.name}", "content", kind, takes)


def _checked(tensors: dict[str, torch.Tensor], path: Path) -> dict[str, torch.Tensor]:
    """Plain tensors whose numbers are really in the file: a few bytes can claim to be a terabyte of zeros."""
    takes = "plain tensors whose numbers are in the file"
    if len(tensors) > _MOST_TENSORS:
        raise bad("models.load", "checkpoint", str(path), f"at most {_MOST_TENSORS} tensors")
    stored = {}
    for key, value in tensors.items():
        plain = value.layout is torch.strided and value.device.type == "cpu" and not value.is_quantized
        if not plain:
            raise bad("models.load", "checkpoint", str(path), takes, f"`{key}` is not a plain tensor.")
        storage = value.untyped_storage()
        stored[storage.data_ptr()] = storage.nbytes()
        if value.numel() * value.element_size() > storage.nbytes():
            raise bad("models.load", "checkpoint", str(path), takes, f"`{key}` repeats its numbers.")
    if sum(stored.values()) > path.stat().st_size:
        raise bad("models.load", "checkpoint", str(path), takes, "They claim more bytes than the file has.")
    return tensors


def _numbers(value: object) -> tuple[float, ...]:
    fine = isinstance(value, list) and all(isinstance(v, (int, float)) for v in value)
    return tuple(torch.tensor(value, dtype=torch.float32).tolist()) if fine else ()
