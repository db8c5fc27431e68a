"""Shared fixtures. Settings that must stand before torch or OpenMP start are made here, first."""

from __future__ import annotations

import os
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
