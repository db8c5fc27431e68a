"""Full fine-tuning: the file loads back as what was trained, and an interrupted run ends with the same weights."""

import sys

import pytest
import torch

from pyadvspur import AdvSpurError, benchmarks, models
from pyadvspur.benchmarks import layouts
from pyadvspur.evaluation import finetune
from pyadvspur.evaluation import finetuning as module

MODEL = "embedded:cnn_standard"
NETS = """
import torch

def small():
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 5, 4), torch.nn.BatchNorm2d(8), torch.nn.ReLU(), torch.nn.Flatten(),
        torch.nn.Linear(8 * 49, 10),
    )
    net.mean, net.std = (0.5, 0.4, 0.3), (0.2, 0.2, 0.2)
    return net
"""


@pytest.fixture(scope="module")
def birds(tmp_path_factory):
    folder = tmp_path_factory.mktemp("birds") / "copy"
    layouts.sample("waterbirds", folder, per_class=2)
    return f"waterbirds={folder}?size=32"


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    (tmp_path / "my_finetuned.py").write_text(NETS)
    monkeypatch.chdir(tmp_path)
    yield
    sys.modules.pop("my_finetuned", None)


def weights(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def test_a_fine_tuned_file_is_a_model_by_itself(birds):
    done = finetune(MODEL, birds, "a.safetensors", epochs=3, batch_size=16, select="last", progress=False)
    found = models.load("a.safetensors")
    assert found.probe(32) == 2
    assert found.training_info["base"] == MODEL
    base = models.load(MODEL)
    assert found.fingerprint != base.fingerprint
    moved = found.network.features[0][0].weight - base.network.features[0][0].weight
    assert 0 < moved.abs().max() < 0.5
    assert len(done.history) == 3
    assert done.history["loss"].iloc[-1] < done.history["loss"].iloc[0]
    # accuracy on validation images, as training saw it
    batch = benchmarks.parse(birds).read("val", 0, 12)
    with torch.no_grad():
        right = found(batch.images.permute(0, 3, 1, 2) / 255).argmax(1) == batch.labels
    assert float(right.double().mean()) == pytest.approx(done.history["clean_accuracy"].iloc[-1])
    assert not any(p.requires_grad for p in found.parameters())


def test_a_fine_tuned_file_never_passes_for_a_released_network(birds, tmp_path):
    finetune(MODEL, birds, "a.safetensors", epochs=2, batch_size=16, progress=False)
    (tmp_path / "a.safetensors").rename(tmp_path / "resnet50_l2_eps3.safetensors")
    with pytest.raises(AdvSpurError, match=r"fine-tuned from it: load it as .*resnet50_l2_eps3\.safetensors"):
        models.load("resnet50_l2_eps3", root=tmp_path)
    assert models.load("resnet50_l2_eps3.safetensors").training_info["base"] == MODEL


def test_a_base_of_ones_own_code_is_named_not_run(birds):
    finetune("my_finetuned:small", birds, "b.safetensors", epochs=2, batch_size=16, progress=False)
    with pytest.raises(AdvSpurError, match=r"load it as my_finetuned:small@b\.safetensors"):
        models.load("b.safetensors")
    found = models.load("my_finetuned:small@b.safetensors")
    assert found.probe(32) == 2
    assert found.mean is not None
    # batch normalisation saw the training images
    assert not torch.equal(
        found.network[1].running_mean, models.load("my_finetuned:small").network[1].running_mean
    )
    again = finetune("my_finetuned:small", birds, "c.safetensors", epochs=2, batch_size=16, progress=False)
    assert all(
        torch.equal(a, b)
        for a, b in zip(
            weights(found).values(), weights(models.load(f"my_finetuned:small@{again.file}")).values()
        )
    )


def test_an_interrupted_run_goes_on_to_the_same_weights(birds, monkeypatch):
    options = {"epochs": 4, "batch_size": 16, "progress": False}
    finetune(MODEL, birds, "whole.safetensors", **options)
    train = module.attacks.train
    monkeypatch.setattr(module.attacks, "train", lambda *a, **k: train(*a, **k, save_every=0.0))
    calls = []

    def broken(self, value):
        calls.append(value)
        if len(calls) == 5:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("pyadvspur.attacks.training.watch.Watch.step", broken)
        with pytest.raises(KeyboardInterrupt):
            finetune(MODEL, birds, "cut.safetensors", **options)
    finetune(MODEL, birds, "cut.safetensors", **options)
    one, two = weights(models.load("whole.safetensors")), weights(models.load("cut.safetensors"))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_what_cannot_be_fine_tuned_says_why(birds):
    for arguments, text in [
        ((MODEL, birds, "x.pt"), r"ending in \.safetensors"),
        ((MODEL, birds + "&readout=none", "x.safetensors"), "names its training data"),
        ((MODEL, "embedded", "x.safetensors"), "names its training data"),
    ]:
        with pytest.raises(AdvSpurError, match=text):
            finetune(*arguments, progress=False)
    with pytest.raises(AdvSpurError, match="select got 'best'"):
        finetune(MODEL, birds, "x.safetensors", select="best", progress=False)
