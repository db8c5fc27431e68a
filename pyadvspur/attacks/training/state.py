"""What a training run keeps on disk: a checkpoint to go on from, the weights, the history.

    recipe.json  history.csv  checkpoint.pt  last.safetensors  best.safetensors (with validation data)

Every file is written under another name first and renamed, so an interruption leaves the one before.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import pickle
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn

from pyadvspur.attacks.training.recipe import Recipe
from pyadvspur.errors import AdvSpurError, bad

_FORMAT = 1


class Folder:
    """The folder of a run; None keeps nothing. key: what decides the weights, from `Recipe.key`."""

    def __init__(self, path: str | os.PathLike | None, recipe: Recipe, key: str) -> None:
        self.path = None if path is None else Path(path).expanduser()
        self.recipe, self.key = recipe, key

    def load(self) -> dict[str, Any] | None:
        """The state to go on from; None where there is none. Refuses another run's folder."""
        if self.path is None or not (file := self.path / "checkpoint.pt").is_file():
            return None
        try:
            state = torch.load(file, map_location="cpu", weights_only=True)
            found = state["key"]
        except (OSError, RuntimeError, EOFError, KeyError, TypeError, pickle.UnpicklingError) as error:
            raise AdvSpurError(
                f"attacks.train: {str(file)!r} is no checkpoint of a training run ({type(error).__name__}). "
                "Remove it to start from the beginning."
            ) from error
        if found != self.key or state["format"] != _FORMAT:
            raise bad(
                "attacks.train", "out", repr(str(self.path)), "a folder of this very recipe, network and data",
                "It holds another run, or one from other first weights (seed torch before building the network). Take "
                "another folder.",
            )  # fmt: skip
        return state

    def save(self, state: dict[str, Any]) -> None:
        """Write the checkpoint and the history so far."""
        if self.path is None:
            return
        self.path.mkdir(parents=True, exist_ok=True)
        self._put("recipe.json", lambda p: p.write_text(json.dumps(asdict(self.recipe), indent=1) + "\n"))
        self._put("checkpoint.pt", lambda p: torch.save({**state, "key": self.key, "format": _FORMAT}, p))
        if state["history"]:
            self._put("history.csv", lambda p: _write_csv(p, state["history"]))

    def save_weights(self, name: str, network: nn.Module, facts: dict[str, Any]) -> None:
        """Write NAME.safetensors; `models.load("package.module:factory@FILE")` reads it."""
        if self.path is None:
            return
        from safetensors.torch import save_file

        tensors = {key: value.detach().cpu().contiguous() for key, value in network.state_dict().items()}
        recipe = {key: getattr(self.recipe, key) for key in ("norm", "eps", "method", "seed")}
        metadata = {"advspur": json.dumps({**recipe, **facts}, sort_keys=True)}
        self.path.mkdir(parents=True, exist_ok=True)
        self._put(f"{name}.safetensors", lambda p: save_file(tensors, p, metadata=metadata))

    def _put(self, name: str, write: Callable[[Path], Any]) -> None:
        part = self.path / f".{name}.{os.getpid()}.part"
        try:
            write(part)
            os.replace(part, self.path / name)
        finally:
            part.unlink(missing_ok=True)


def key_of(network: nn.Module) -> str:
    """SHA-256 of a network's structure and of its weights and buffers."""
    digest = hashlib.sha256(repr(network).encode())
    for name, value in sorted(network.state_dict().items()):
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _write_csv(path: Path, rows: list[dict[str, float]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
