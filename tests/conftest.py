"""Shared fixtures. Settings that must stand before torch or OpenMP start are made here, first."""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # waiting pools must not spin on busy cores

import pytest


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The developers' data folder (real images, weights and tables); tests that need it skip elsewhere."""
    folder = Path(os.environ.get("ADVSPUR_DEV_DATA", Path(__file__).resolve().parents[2] / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip(f"the developers' data folder is not at {folder}; set ADVSPUR_DEV_DATA")
    return folder


@pytest.fixture(scope="session")
def advspur():
    """Run the command in this process: advspur(...) -> exit code."""
    from pyadvspur.cli import main

    def run(*arguments: object) -> int:
        held, sys.argv = sys.argv, ["advspur", *map(str, arguments)]
        try:
            with pytest.raises(SystemExit) as left:
                main()
        finally:
            sys.argv = held
        return left.value.code or 0

    return run


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty current folder whose modules can be imported; here(name, code) writes one."""
    written = []

    def write(name: str, code: str) -> None:
        (tmp_path / f"{name}.py").write_text(code)
        written.append(name)

    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield write
    for name in written:
        sys.modules.pop(name, None)


def pytest_collection_modifyitems(items) -> None:
    """Tests marked `gpu` are skipped, by name, where there is no CUDA device."""
    if not any(item.get_closest_marker("gpu") for item in items):
        return
    import torch

    if not torch.cuda.is_available():
        skip = pytest.mark.skip(reason="needs a CUDA device")
        for item in items:
            if item.get_closest_marker("gpu"):
                item.add_marker(skip)
