"""The committed stub is the one that the module has."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from pyadvspur.native.core import has_cuda

ROOT = Path(__file__).resolve().parents[2]


def test_stub_is_up_to_date():
    pytest.importorskip("pybind11_stubgen")
    if not has_cuda:
        pytest.skip("the stub describes a build with CUDA")
    spec = importlib.util.spec_from_file_location("stub", Path(__file__).with_name("stub.py"))
    stub = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(stub)
    committed = (ROOT / "pyadvspur" / "_core.pyi").read_text()
    assert committed == stub.generate(), "the compiled module changed: run `make stub`"
