"""verify and convert: the library's functions and the commands."""

from __future__ import annotations

import json
import os

import pytest
import torch
from safetensors import safe_open

from pyadvspur import AdvSpurError, models
from pyadvspur.models import checkpoint, registry

NAME = "resnet18_linf_eps8.0"


@pytest.fixture(autouse=True)
def _argv(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")


def _row(found, item):
    return found[found["item"] == item].iloc[0]


def test_a_released_network(advspur, save, robustness, small_state, capsys):
    path = save(robustness(small_state), f"{NAME}.ckpt")
    found = models.verify(path)
    assert found["ok"].all()
    assert "not known" in _row(found, "sha256")["note"]
    assert _row(found, "second copies")["found"] == f"{len(small_state)} equal"
    assert _row(found, "architecture")["found"] == "resnet18"
    assert _row(found, "parameters")["found"] == "11689512"

    assert advspur("models", "convert", path, "out.safetensors") == 0
    assert "equal to" in capsys.readouterr().out
    assert set(os.listdir()) == {"out.safetensors", path.name}  # nothing half-done is left
    with safe_open("out.safetensors", framework="pt") as file:
        info = json.loads(file.metadata()["advspur"])
        assert set(file.keys()) == set(small_state)
    assert info["source_sha256"] == checkpoint.sha256(path)
    assert (info["arch"], info["norm"], info["eps"], info["release"]) == ("resnet18", "linf", 8 / 255, NAME)
    original, converted = models.load(NAME), models.load("out.safetensors")
    assert converted.fingerprint == original.fingerprint
    assert converted.training_info == original.training_info
    # in a folder of models it takes the original's place
    path.unlink()
    os.rename("out.safetensors", f"{NAME}.safetensors")
    assert models.load(NAME).fingerprint == original.fingerprint
    assert advspur("models", "verify", f"{NAME}.safetensors") == 0
    assert advspur("models", "convert", f"{NAME}.safetensors", "again.safetensors") == 0
    assert models.load("again.safetensors").fingerprint == original.fingerprint

    assert checkpoint.read("again.safetensors").info == checkpoint.read(f"{NAME}.safetensors").info

    content = bytearray((path := path.with_suffix(".safetensors")).read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    assert advspur("models", "verify", path) == 1
    with pytest.raises(AdvSpurError, match="SHA-256 is another"):
        models.load(NAME)
    os.rename(path, "resnet18_l2_eps3.safetensors")
    os.rename("again.safetensors", "resnet18_l2_eps1.safetensors")
    with pytest.raises(AdvSpurError, match="says of itself"):
        models.load("resnet18_l2_eps1")


def test_what_is_wrong_is_said(advspur, save, robustness, small_state, capsys):
    tensors = robustness(small_state, (0.5, 0.5, 0.5))
    tensors["module.attacker.model.fc.bias"] = tensors["module.attacker.model.fc.bias"] + 1
    tensors["module.model.bn1.bias"] = torch.full((64,), torch.nan)
    del tensors["module.model.layer1.0.conv1.weight"]
    path = save(tensors, "resnet18_l2_eps3.ckpt")
    found = models.verify(path).set_index("item")
    assert not found.loc[["sha256", "second copies", "normaliser", "architecture", "numbers"], "ok"].any()
    assert "fc.bias" in found.loc["second copies", "note"] or "bn1.bias" in found.loc["second copies", "note"]
    assert "layer1.0.conv1.weight" in found.loc["architecture", "note"]
    assert "module.model.bn1.bias" in found.loc["numbers", "note"]
    assert advspur("models", "verify", path) == 1
    assert "wrong" in capsys.readouterr().out
    assert advspur("models", "convert", path, "out.safetensors") == 2
    assert "two equal copies" in capsys.readouterr().err
    assert not os.path.exists("out.safetensors")
    # the normaliser alone is enough
    path = save(robustness(small_state, (0.5, 0.5, 0.5)), f"{NAME}.ckpt")
    with pytest.raises(AdvSpurError, match="normaliser"):
        models.convert(path, "out.safetensors")
    assert not [name for name in os.listdir() if not name.endswith(".ckpt")]


def test_networks_of_any_kind(advspur, save, capsys):
    torch.manual_seed(0)
    state = torch.nn.Linear(3, 2).state_dict()
    path = save({f"module.{key}": value for key, value in state.items()}, "mine.pt")
    found = models.verify(path)
    assert found["ok"].all()
    assert "name it when loading" in _row(found, "architecture")["note"]
    assert advspur("models", "convert", path, "mine.safetensors") == 0
    assert "timm:NAME@mine.safetensors" in capsys.readouterr().out
    read = checkpoint.read("mine.safetensors")
    assert {key: value.tolist() for key, value in read.tensors.items()} == {
        key: value.tolist() for key, value in state.items()
    }


def test_what_a_file_says_of_itself_stays(tmp_path):
    entry = registry.manifest()["networks"]["cnn_l2_eps0.5"]
    models.convert(registry.WEIGHTS / entry["file"], tmp_path / "again.safetensors")
    again = models.load(str(tmp_path / "again.safetensors"))
    assert (again.training_info["arch"], again.training_info["norm"], again.training_info["eps"]) == (
        "cnn",
        "l2",
        0.5,
    )
    x = torch.rand(2, 3, 32, 32)
    assert torch.equal(again(x), models.load("embedded:cnn_l2_eps0.5")(x))
    assert models.verify(tmp_path / "again.safetensors")["ok"].all()


def test_nothing_is_overwritten(save, tmp_path):
    path = save(torch.nn.Linear(3, 2).state_dict(), "mine.pt")
    (tmp_path / "there.safetensors").write_text("precious")
    (tmp_path / "link.safetensors").symlink_to("nowhere")
    for target in ("there.safetensors", "link.safetensors", "out.pt", "no/folder.safetensors"):
        with pytest.raises(AdvSpurError, match="target"):
            models.convert(path, target)
    assert (tmp_path / "there.safetensors").read_text() == "precious"
    assert not list(tmp_path.glob(".*"))


def test_absurd_shapes_are_a_row(save, small_state):
    state = small_state | {"fc.weight": torch.zeros(1 << 40, 0), "fc.bias": torch.zeros(())}
    found = models.verify(save(state, "absurd.pt"))
    assert "n_outputs" in _row(found, "architecture")["note"]
    with pytest.raises(AdvSpurError, match="n_outputs"):
        models.load("resnet18@absurd.pt")


def test_missing_files_are_a_row(advspur, tmp_path, capsys):
    assert advspur("models", "verify", tmp_path / "none.ckpt", tmp_path) == 1
    assert capsys.readouterr().out.count("refused") == 2


def test_list(advspur, capsys):
    assert advspur("models", "list", "salman20") == 0
    shown = capsys.readouterr().out
    assert shown.count("released") >= 20
    for text in ("resnet50_linf_eps4.0", "4/255", "63.86%"):
        assert text in shown
    assert "embedded:cnn" not in shown
    assert advspur("models", "list", "resnet51*") == 2
    assert "unknown" in capsys.readouterr().err
