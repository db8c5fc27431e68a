"""Architectures of torchvision and timm with a checkpoint's weights; without a network, their own are an error."""

from __future__ import annotations

import pytest
import torch

from pyadvspur import AdvSpurError, models

IMAGES = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def _normalised(mean, std):
    return (IMAGES - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)


def test_torchvision(vision, save):
    torch.manual_seed(0)
    theirs = vision.models.squeezenet1_1().eval()
    path = save({f"module.{key}": value for key, value in theirs.state_dict().items()}, "w.pth")
    model = models.load(f"torchvision:squeezenet1_1@{path}")
    assert model.input_size == 224
    x = _normalised((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    torch.testing.assert_close(model(IMAGES), theirs(x))
    with pytest.raises(AdvSpurError, match="torchvision:squeezenet1_1"):
        models.load(f"torchvision:squeezenet1_l@{path}")
    with pytest.raises(AdvSpurError, match=r"squeezenet1_1\.IMAGENET1K_V1"):
        models.load("torchvision:squeezenet1_1.IMAGENET1K_V9")
    with pytest.raises(AdvSpurError, match=r"missing: features\.0\.weight"):
        models.load(f"torchvision:vgg11@{save({'w': torch.zeros(1)}, 'other.pth')}")


def test_timm(vision, save):
    timm = pytest.importorskip("timm", exc_type=ImportError)
    torch.manual_seed(0)
    theirs = timm.create_model("test_resnet").eval()
    path = save(theirs.state_dict(), "w.pth")
    model = models.load(f"timm:test_resnet@{path}")
    settings = theirs.pretrained_cfg
    torch.testing.assert_close(model(IMAGES), theirs(_normalised(settings["mean"], settings["std"])))
    assert model.input_size == settings["input_size"][-1]
    with pytest.raises(AdvSpurError, match="timm:test_resnet"):
        models.load(f"timm:test_resnett@{path}")


def test_weights_that_cannot_be_fetched(vision, monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("torch.hub.urlopen", lambda *a, **k: (_ for _ in ()).throw(OSError("no route")))
    with pytest.raises(AdvSpurError, match=r"no route.*torchvision:squeezenet1_1@FILE"):
        models.load("torchvision:squeezenet1_1")


def test_a_torchvision_of_another_torch(monkeypatch, save, small_state):
    def broken(name, *rest):
        if name in ("torchvision", "timm"):
            raise RuntimeError("operator torchvision::nms does not exist")
        return real(name, *rest)

    from pyadvspur.models import zoo

    real = zoo.importlib.import_module
    monkeypatch.setattr(zoo.importlib, "import_module", broken)
    for name in ("torchvision:vgg11", "timm:vgg11"):
        with pytest.raises(AdvSpurError, match=r"another torch.*resnet18@FILE"):
            models.load(name)
    # the ResNets need neither
    assert models.load(f"torchvision:resnet18@{save(small_state, 'w.pth')}").n_outputs == 1000
