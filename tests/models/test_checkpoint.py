"""Hostile and damaged files: refused with a reason, never run, never larger in memory than on disk."""

from __future__ import annotations

import io
import os
import pickle
import random
import tarfile
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from pyadvspur import AdvSpurError, models
from pyadvspur.models import checkpoint


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yield
    assert not os.path.exists("was_run")


class _Hostile:
    def __reduce__(self):
        return os.mkdir, ("was_run",)


def _repacked(source, target, compression=zipfile.ZIP_STORED, **replaced):
    """A torch file with other bytes in some of its parts."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", compression) as new:
        for entry in old.infolist():
            content = replaced.get(entry.filename.rpartition("/")[2].replace(".", "_"), old.read(entry))
            new.writestr(entry.filename, content)


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_pickles_in_place_of_checkpoints(protocol):
    with open("bare.ckpt", "wb") as file:
        pickle.dump({"model": _Hostile()}, file, protocol)
    torch.save({"model": {"w": torch.zeros(2)}}, "fine.pt")
    _repacked("fine.pt", "inside.ckpt", data_pkl=pickle.dumps({"model": _Hostile()}, max(protocol, 2)))
    with tarfile.open(
        "tar.ckpt", "w"
    ) as archive:  # torch before 1.0; what is inside is unpickled by old versions
        for name in ("storages", "tensors", "pickle"):
            content = pickle.dumps(_Hostile(), protocol)
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    with open("both.ckpt", "wb") as both, open("tar.ckpt", "rb") as tar, open("fine.pt", "rb") as fine:
        both.write(tar.read() + fine.read())  # a zip archive by its end, a tar by its beginning
    for name in ("bare.ckpt", "inside.ckpt", "tar.ckpt", "both.ckpt"):
        with pytest.raises(AdvSpurError, match=r"refused|file written by torch\.save"):
            checkpoint.read(name)
        found = models.verify(name)
        assert not found["ok"].all()
        assert found["item"].iloc[-1] == "format"


def test_the_object_is_named():
    torch.save({"model": {"w": torch.zeros(2)}, "optimizer": _Hostile()}, "evil.pt")
    with pytest.raises(AdvSpurError, match=r"refused.*mkdir"):
        checkpoint.read("evil.pt")


def test_a_file_never_grows_in_memory():
    one = torch.zeros(1)
    torch.save({"w": one.expand(1 << 40)}, "repeats.pt")
    torch.save({"w": torch.zeros(4).to_sparse()}, "sparse.pt")
    torch.save({"w": torch.zeros(4, device="meta")}, "meta.pt")
    torch.save({"w": torch.zeros(1 << 20)}, "zeros.pt")
    _repacked("zeros.pt", "bomb.pt", zipfile.ZIP_DEFLATED)
    assert os.path.getsize("bomb.pt") < 1 << 16
    for name in ("repeats.pt", "sparse.pt", "meta.pt", "bomb.pt"):
        with pytest.raises(AdvSpurError, match=name):
            checkpoint.read(name)
    torch.save({"w": torch.zeros(64)}, "small.pt")
    with zipfile.ZipFile("small.pt") as archive:
        names = next(archive.read(e) for e in archive.infolist() if e.filename.endswith("data.pkl"))
    # the index claims a million numbers where the file has 64: protocol 2 writes 64 as K@, a million as J....
    claimed = names.replace(b"K@", b"J" + (1 << 20).to_bytes(4, "little"))
    assert claimed != names
    _repacked("small.pt", "claims.pt", data_pkl=claimed)
    with pytest.raises(AdvSpurError, match=r"claims\.pt"):
        checkpoint.read("claims.pt")


def test_limits(monkeypatch):
    torch.save({"w": torch.zeros(64)}, "w.pt")
    # a context of its own: undoing all would also leave the temporary folder
    with monkeypatch.context() as patched:
        patched.setattr(checkpoint, "LARGEST", 100)
        with pytest.raises(AdvSpurError, match="at most"):
            checkpoint.read("w.pt")
    torch.save({str(k): torch.zeros(1) for k in range(5)}, "w.pt")
    monkeypatch.setattr(checkpoint, "_MOST_TENSORS", 4)
    with pytest.raises(AdvSpurError, match="at most 4 tensors"):
        checkpoint.read("w.pt")


def test_damaged_files(monkeypatch):
    torch.save({"w": torch.rand(1000)}, "whole.pt")
    torch.save({"w": torch.rand(1000)}, "old.pt", _use_new_zipfile_serialization=False)
    assert checkpoint.read("old.pt").tensors["w"].shape == (1000,)
    for name in ("whole.pt", "old.pt"):
        with open(name, "rb") as file:
            content = file.read()
        for end in (1, 4, 100, len(content) // 2, len(content) - 1):
            with open("cut.pt", "wb") as file:
                file.write(content[:end])
            with pytest.raises(AdvSpurError, match=r"cut\.pt"):
                checkpoint.read("cut.pt")
    with open("lfs.ckpt", "w") as file:
        file.write("version https://git-lfs.github.com/spec/v1\noid sha256:00\n")
    with pytest.raises(AdvSpurError, match="Git LFS pointer"):
        checkpoint.read("lfs.ckpt")


def test_damage_at_random_is_an_error_or_other_numbers():
    torch.save({"model": nn.Linear(2, 3).state_dict()}, "a.pt")
    torch.save({"model": nn.Linear(2, 3).state_dict()}, "b.pt", _use_new_zipfile_serialization=False)
    save_file(nn.Linear(2, 3).state_dict(), "c.safetensors", metadata={"advspur": '{"arch": "cnn"}'})
    rng = random.Random(0)
    refused = 0
    for turn in range(300):
        name = ("a.pt", "b.pt", "c.safetensors")[turn % 3]
        content = bytearray(Path(name).read_bytes())
        for _ in range(rng.choice((1, 2, 8))):
            at = rng.randrange(len(content))
            content[at : at + rng.randrange(3)] = rng.randbytes(rng.randrange(3))
        damaged = f"damaged.{name.partition('.')[2]}"
        with open(damaged, "wb") as file:
            file.write(content)
        try:
            checkpoint.read(damaged)
        except AdvSpurError:
            refused += 1
        models.verify(damaged)
    assert refused > 100


def test_metadata_is_data():
    for text, fine in (
        ("[1]", False),
        ("{", False),
        ('{"mean": "x", "std": [1, 2, 3]}', False),
        ('{"arch": ["resnet18"]}', True),  # says nothing that is understood: an unknown network
        ('{"arch": "resnet18"}', False),
        ('{"arch": "cnn", "norm": {}}', False),
    ):
        save_file({"w": torch.zeros(2)}, "w.safetensors", metadata={"advspur": text})
        with pytest.raises(AdvSpurError):
            models.load("w.safetensors")
        assert models.verify("w.safetensors")["ok"].all() == fine, text
