"""Checkpoints made up in the format of the released robust networks, and a torchvision that imports."""

from __future__ import annotations

import sys

import pytest
import torch

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@pytest.fixture(scope="session")
def vision():
    """torchvision, also where it was built for another torch: its two missing operators are declared first."""
    try:
        import torchvision
    except ImportError:
        pytest.skip("torchvision is not installed")
    except RuntimeError:
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        library = torch.library.Library("torchvision", "FRAGMENT")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        import torchvision

        torchvision.kept_alive = library
    return torchvision


@pytest.fixture(scope="session")
def small_state():
    """Weights of a ResNet-18, small and random."""
    from pyadvspur.models import resnet

    generator = torch.Generator().manual_seed(0)
    state = {}
    for key, value in resnet.build("resnet18").state_dict().items():
        if key.endswith("running_var"):
            state[key] = torch.rand(value.shape, generator=generator) + 0.5
        elif value.is_floating_point():
            state[key] = torch.randn(value.shape, generator=generator) * 0.03
        else:
            state[key] = torch.tensor(7)
    return state


@pytest.fixture(scope="session")
def robustness():
    """state -> what the robustness library saves: every weight twice, and the normaliser's statistics."""

    def wrapped(state, mean=MEAN, std=STD):
        tensors = {f"module.model.{key}": value for key, value in state.items()}
        tensors |= {f"module.attacker.model.{key}": value for key, value in state.items()}
        for owner in ("module.normalizer", "module.attacker.normalize"):
            tensors[f"{owner}.new_mean"] = torch.tensor(mean).view(3, 1, 1)
            tensors[f"{owner}.new_std"] = torch.tensor(std).view(3, 1, 1)
        return tensors

    return wrapped


@pytest.fixture
def save(tmp_path, monkeypatch):
    """Writes {"model": tensors} under a name in the current directory, a temporary one that is emptied afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ADVSPUR_MODELS", raising=False)

    def write(tensors, name):
        torch.save({"model": tensors, "epoch": 89}, tmp_path / name)
        return tmp_path / name

    yield write
    for path in [*tmp_path.glob("*.ckpt"), *tmp_path.glob("*.safetensors")]:
        path.unlink()


@pytest.fixture(autouse=True)
def _no_hub(tmp_path, monkeypatch):
    """No test sees what was fetched before on this machine."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("pyadvspur.models.hub.cached", lambda address: None)
