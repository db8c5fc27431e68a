"""The Hugging Face hub: only when asked, and a clear way out without it."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import pytest

from pyadvspur import AdvSpurError, models
from pyadvspur.models import files, hub, salman

ADDRESS = "hub:somebody/networks/folder/net.safetensors"


def test_addresses():
    assert hub.parse(ADDRESS) == hub.Address("somebody/networks", "folder/net.safetensors")
    assert hub.parse("hub:a/b@v1.0/w.pt") == hub.Address("a/b", "w.pt", "v1.0")
    for text in (
        "hub:",
        "hub:a/b",
        "hub:a//w.pt",
        "hub:a/b/../w.pt",
        "hub:a/b@/w.pt",
        "hub:a/b/c\\d",
        "hub:/b/w.pt",
    ):
        with pytest.raises(AdvSpurError, match="OWNER/NAME"):
            hub.parse(text)
        with pytest.raises(AdvSpurError, match="OWNER/NAME"):
            models.load(text)


def _fake(monkeypatch, answer):
    asked = []

    def download(repository, file, revision=None, local_files_only=False):
        asked.append((repository, file, revision, local_files_only))
        if isinstance(answer, Exception):
            raise answer
        return str(answer)

    fake = SimpleNamespace(hf_hub_download=download, try_to_load_from_cache=lambda *a, **k: None)
    monkeypatch.setitem(sys.modules, "huggingface_hub", fake)
    return asked


def test_fetching(monkeypatch, tmp_path):
    asked = _fake(monkeypatch, tmp_path / "net.safetensors")
    monkeypatch.delenv("HF_HUB_OFFLINE")
    for name in (ADDRESS, f"resnet18@{ADDRESS}", "my.nets:build@hub:somebody/networks@v2/w.pt"):
        with pytest.raises(AdvSpurError):
            models.load(name)  # there is no such file
    assert asked == [
        *[("somebody/networks", "folder/net.safetensors", None, False)] * 2,
        ("somebody/networks", "w.pt", "v2", False),
    ]


@pytest.mark.parametrize("offline", ["1", "true"])
def test_offline(monkeypatch, offline):
    asked = _fake(monkeypatch, FileNotFoundError("nothing cached\nmore"))
    monkeypatch.setenv("HF_HUB_OFFLINE", offline)
    with pytest.raises(AdvSpurError, match=r"HF_HUB_OFFLINE is set.*nothing cached\).*by hand"):
        models.load(ADDRESS)
    assert asked[0][3] is True  # nobody is asked
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    with pytest.raises(
        AdvSpurError, match=r"cannot be fetched.*resolve/main/folder/net\.safetensors by hand"
    ):
        models.load(ADDRESS)
    assert asked[1][3] is False


def test_without_the_client(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(AdvSpurError, match=r"pyadvspur\[hub\]"):
        models.load(ADDRESS)


def test_what_arrives_is_checked(monkeypatch, save, robustness, small_state):
    name = "resnet18_l2_eps1"
    path = save(robustness(small_state), f"{name}.ckpt")
    _fake(monkeypatch, path)
    with pytest.raises(AdvSpurError, match=f"SHA-256 .*{salman.RELEASES[name].sha256}"):
        models.load(f"hub:{salman.REPOSITORY}/{name}.ckpt")
    # a cached file of the right content is taken without asking
    monkeypatch.setattr(hub, "cached", lambda address: path)
    monkeypatch.setattr(hub, "fetch", None)
    monkeypatch.setattr(files.checkpoint, "sha256", lambda path: salman.RELEASES[name].sha256)
    assert models.load(f"hub:{salman.REPOSITORY}/{name}.ckpt").training_info["verified"] == "sha256"


def test_importing_asks_nobody():
    code = "import sys; from pyadvspur.models import loading; assert 'huggingface_hub' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
