"""The shipped networks: all there, as recorded, and honest."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import pytest
import torch

from pyadvspur import AdvSpurError, benchmarks, models
from pyadvspur.models import registry


def test_the_suite_is_complete_and_small():
    entries = registry.manifest()["networks"]
    assert models.suite("embedded20") == [f"embedded:{name}" for name in entries]
    kinds = [(entry["arch"], entry["norm"]) for entry in entries.values()]
    for arch in ("cnn", "resnet"):
        assert kinds.count((arch, "")) == 1
        assert kinds.count((arch, "l2")) == kinds.count((arch, "linf")) == 5
    assert "embedded:cnn_l2_eps0.5" in models.names("*_l2_*")
    total = 0
    for entry in entries.values():
        content = (registry.WEIGHTS / entry["file"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == entry["sha256"]
        total += len(content)
    assert total < 6e6
    assert {path.name for path in registry.WEIGHTS.glob("*.safetensors")} == {
        e["file"] for e in entries.values()
    }


@pytest.mark.parametrize("arch", ["cnn", "resnet"])
def test_standard_networks_are_honest(arch):
    model = models.load(f"embedded:{arch}_standard")
    assert model.training_info["arch"] == arch
    assert model.training_info["eps"] == 0
    assert (model.n_outputs, model.input_size, model.training) == (10, 32, False)
    data = benchmarks.Embedded().read("swapped", 0, 700)
    with torch.no_grad():
        logits = model(data.images.permute(0, 3, 1, 2).float() / 255)
    assert (logits.argmax(1) == data.labels).float().mean() >= 0.8


def test_a_file_of_the_suite_loads_by_path_and_a_changed_one_is_refused(tmp_path, monkeypatch):
    entry = registry.manifest()["networks"]["cnn_standard"]
    content = (registry.WEIGHTS / entry["file"]).read_bytes()
    by_path = models.load(str(registry.WEIGHTS / entry["file"]))
    assert by_path.fingerprint == models.load("embedded:cnn_standard").fingerprint == entry["sha256"]
    (tmp_path / entry["file"]).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert models.verify(registry.WEIGHTS / entry["file"])["ok"].all()
    monkeypatch.setattr(registry, "WEIGHTS", tmp_path)
    with pytest.raises(AdvSpurError, match="SHA-256"):
        models.load("embedded:cnn_standard")


def test_listing_names_imports_no_torch():
    code = "import sys; from pyadvspur import models; models.names(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
