"""models.load: the user's own code, checkpoints of several origins, and everything that must be refused."""

from __future__ import annotations

import os
import pickle
import textwrap

import pytest
import torch
from torch import nn

from pyadvspur import AdvSpurError, models


@pytest.fixture
def code(tmp_path, monkeypatch):
    """A user's module in the current directory."""
    (tmp_path / "my_nets.py").write_text(
        textwrap.dedent("""
        import torch
        from torch import nn

        class Net(nn.Module):
            input_size = 8
            def __init__(self):
                super().__init__()
                self.conv = nn.Conv2d(3, 4, 3)
                self.norm = nn.BatchNorm2d(4)
                self.fc = nn.Linear(4, 5)
            def forward(self, x):
                return self.fc(self.norm(self.conv(x)).mean((2, 3)))

        def build():
            torch.manual_seed(3)
            return Net()

        def with_statistics():
            net = build()
            net.mean, net.std = (0.5, 0.4, 0.3), (0.1, 0.2, 0.3)
            return net

        def with_buffers():
            net = build()
            net.register_buffer("mean", torch.ones(3, 1, 1), persistent=False)
            net.register_buffer("std", torch.ones(3, 1, 1), persistent=False)
            return net

        def tuple_net():
            net = build()
            net.register_forward_hook(lambda module, args, out: (out, args[0]))
            return net

        def broken():
            raise RuntimeError("no disk")

        def not_a_network():
            return 3
        """)
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "my_nets", raising=False)
    return tmp_path


IMAGES = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def test_factory_in_the_current_directory(code):
    model = models.load("my_nets:build")
    assert isinstance(model, models.Classifier)
    assert model.name == "my_nets:build"
    assert model.input_size == 8
    assert not any(module.training for module in model.modules())
    assert not any(parameter.requires_grad for parameter in model.parameters())
    assert model(IMAGES).shape == (2, 5)
    assert model.probe() == model.n_outputs == 5
    assert model.fingerprint == models.load("my_nets:build").fingerprint
    assert str(code) not in __import__("sys").path


def test_normalisation_is_inside(code):
    plain, normalised = models.load("my_nets:build"), models.load("my_nets:with_statistics")
    mean, std = torch.tensor([0.5, 0.4, 0.3]).view(3, 1, 1), torch.tensor([0.1, 0.2, 0.3]).view(3, 1, 1)
    torch.testing.assert_close(normalised(IMAGES), plain((IMAGES - mean) / std))
    assert normalised.fingerprint != plain.fingerprint
    # a network that registers buffers of these names applies them itself
    torch.testing.assert_close(models.load("my_nets:with_buffers")(IMAGES), plain(IMAGES))
    # robustness-library models return (logits, input)
    torch.testing.assert_close(models.load("my_nets:tuple_net")(IMAGES), plain(IMAGES))


def _state(seed: int) -> dict[str, torch.Tensor]:
    torch.manual_seed(seed)
    import my_nets

    return my_nets.Net().state_dict()


@pytest.mark.parametrize("prefix", ["", "module.", "model.", "_orig_mod.", "module.model."])
@pytest.mark.parametrize("inside", [None, "state_dict", "model"])
def test_checkpoints_of_a_factory(code, prefix, inside):
    models.load("my_nets:build")
    state = {prefix + key: value for key, value in _state(7).items()}
    torch.save({inside: state, "epoch": 3} if inside else state, "w.pt")
    model = models.load("my_nets:build@w.pt")
    for key, value in _state(7).items():
        assert torch.equal(model.network.state_dict()[key], value)
    assert model.fingerprint != models.load("my_nets:build").fingerprint


def _robustness(state):
    tensors = {f"module.model.{key}": value for key, value in state.items()}
    tensors |= {f"module.attacker.model.{key}": value.clone() for key, value in state.items()}
    for owner in ("module.normalizer", "module.attacker.normalize"):
        tensors[f"{owner}.new_mean"] = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
        tensors[f"{owner}.new_std"] = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    return tensors


def test_robustness_library_checkpoint(code, tmp_path):
    plain = models.load("my_nets:build")
    tensors = _robustness(_state(7))
    (tmp_path / "weights").mkdir()
    torch.save({"model": tensors}, tmp_path / "weights" / "net.ckpt")
    model = models.load("my_nets:build@net.ckpt", root=tmp_path / "weights")
    plain.network.load_state_dict(_state(7))
    mean, std = model.mean, model.std
    assert mean.flatten().tolist() == pytest.approx([0.485, 0.456, 0.406])
    torch.testing.assert_close(model(IMAGES), plain((IMAGES - mean) / std))

    tensors["module.attacker.model.fc.bias"] += 1
    torch.save({"model": tensors}, "two.ckpt")
    with pytest.raises(AdvSpurError, match="two equal copies"):
        models.load("my_nets:build@two.ckpt")


def test_weights_that_do_not_fit(code):
    models.load("my_nets:build")
    state = _state(7)
    state["fc.weight"] = torch.zeros(6, 4)
    del state["conv.bias"]
    state["head"] = torch.zeros(1)
    torch.save(state, "w.pth")
    with pytest.raises(AdvSpurError) as caught:
        models.load("my_nets:build@w.pth")
    for word in ("conv.bias", "head", r"fc.weight (6, 4) for (5, 4)"):
        assert word in str(caught.value)


class _Malicious:
    def __reduce__(self):
        return os.mkdir, ("was_run",)


@pytest.mark.parametrize("writer", ["torch", "legacy", "pickle"])
def test_pickled_objects_are_refused_and_not_run(code, writer):
    content = {"state_dict": {"fc.bias": torch.zeros(5)}, "hook": _Malicious()}
    if writer == "pickle":
        with open("evil.pt", "wb") as file:
            pickle.dump(content, file)
    else:
        torch.save(content, "evil.pt", _use_new_zipfile_serialization=writer == "torch")
    with pytest.raises(AdvSpurError, match=r"refused|takes a file written by torch\.save"):
        models.load("my_nets:build@evil.pt")
    torch.save(nn.Linear(2, 2), "module.pt")  # a whole module, not its weights
    with pytest.raises(AdvSpurError, match="refused"):
        models.load("my_nets:build@module.pt")
    assert not os.path.exists("was_run")


def test_files_that_are_no_checkpoints(code):
    for name, content in (
        ("page.pt", b"<!DOCTYPE html><html>quota exceeded"),
        ("empty.pt", b""),
        ("noise.pt", b"\x01\x02nonsense" * 9),
        ("cut.safetensors", b"\xff" * 40),
    ):
        with open(name, "wb") as file:
            file.write(content)
        with pytest.raises(AdvSpurError, match=name):
            models.load(f"my_nets:build@{name}")
    torch.save([1, 2, 3], "list.pt")
    for name in ("list.pt", "missing.pt", "weights.pkl"):
        with pytest.raises(AdvSpurError):
            models.load(f"my_nets:build@{name}")
    torch.save(_state(1), "bare.pt")
    with pytest.raises(AdvSpurError, match=r"package\.module:factory@bare\.pt"):
        models.load("bare.pt")


@pytest.mark.parametrize(
    "name, said",
    [
        ("my_nets:biuld", "my_nets:build"),
        ("my_nets:broken", "no disk"),
        ("my_nets:not_a_network", "returned int"),
        ("no_such_module_x:build", "no module 'no_such_module_x'"),
        ("embedded:cnn_standart", "embedded:cnn_standard"),
        ("cnn_standard", "embedded:cnn_standard"),
        ("", "package.module:factory"),
    ],
)
def test_names_that_lead_nowhere(code, name, said):
    with pytest.raises(AdvSpurError) as caught:
        models.load(name)
    assert said in str(caught.value)


def test_missing_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "timm", None)
    with pytest.raises(AdvSpurError, match=r"pyadvspur\[vision\]"):
        models.load("timm:resnet18")


def test_classifier_refuses():
    for call in (
        lambda: models.Classifier(3, "x"),
        lambda: models.Classifier(nn.Identity(), "x", mean=(0, 0, 0)),
        lambda: models.Classifier(nn.Identity(), "x", mean=(0, 0, 0), std=(1, 0, 1)),
        lambda: models.Classifier(nn.Identity(), "x", mean=(0, 0), std=(1, 1)),
        lambda: models.Classifier(nn.Identity(), "x").probe(4),
        lambda: models.suite("embeded20"),
    ):
        with pytest.raises(AdvSpurError):
            call()
