"""Released networks: found by name, checked, and refused when anything is not as it was published."""

from __future__ import annotations

import pytest
import torch

from pyadvspur import AdvSpurError, models
from pyadvspur.models import checkpoint, hub, salman

NAME = "resnet18_linf_eps8.0"  # its SHA-256 is not known, so any weights can stand for it
KNOWN = "resnet18_l2_eps3"
IMAGES = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(3))


def _known(monkeypatch, name, path):
    """The file at a path becomes the published one of that name."""
    old = salman.RELEASES[name]
    release = salman.Release(old.arch, old.norm, old.published, old.accuracy, checkpoint.sha256(path))
    monkeypatch.setitem(salman.RELEASES, name, release)
    monkeypatch.setitem(salman._BY_SHA256, release.sha256, release)
    return release


def test_by_name_path_and_architecture(save, robustness, small_state, tmp_path, monkeypatch, vision):
    path = save(robustness(small_state), f"{NAME}.ckpt")
    model = models.load(NAME, root=tmp_path)
    assert (model.n_outputs, model.input_size, model.training) == (1000, 224, False)
    assert model.training_info["norm"] == "linf"
    assert model.training_info["eps"] == 8 / 255
    assert model.training_info["arch"] == "resnet18"
    assert model.training_info["verified"] == "no"
    theirs = vision.models.resnet18().eval()
    theirs.load_state_dict(small_state)
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (salman.MEAN, salman.STD))
    with torch.no_grad():
        assert torch.equal(model(IMAGES), theirs((IMAGES - mean) / std))

    monkeypatch.setenv("ADVSPUR_MODELS", f"/nowhere:{tmp_path}")
    alike = [
        models.load(name) for name in (NAME, str(path), f"resnet18@{path}", f"torchvision:resnet18@{path}")
    ]
    assert {other.fingerprint for other in alike} == {model.fingerprint}
    with pytest.raises(
        AdvSpurError, match=r"first|165 missing: layer1\.0\.conv3\.weight.*looks like a resnet18"
    ):
        models.load(f"resnet50@{path}")


def test_a_known_hash_that_differs(save, robustness, small_state, tmp_path, monkeypatch):
    path = save(robustness(small_state), f"{KNOWN}.ckpt")
    for name in (KNOWN, str(path)):
        with pytest.raises(AdvSpurError, match=rf"SHA-256 .*takes {salman.RELEASES[KNOWN].sha256}"):
            models.load(name)
    assert models.load(f"resnet18@{path}").training_info == {}  # somebody's own network of that file name

    release = _known(monkeypatch, KNOWN, path)
    model = models.load(KNOWN)
    assert model.training_info["verified"] == "sha256"
    assert model.training_info["source_sha256"] == release.sha256
    # known content under another name
    path.rename(tmp_path / "mine.ckpt")
    assert models.load("mine.ckpt").training_info == model.training_info
    (tmp_path / "mine.ckpt").rename(tmp_path / "resnet18_l2_eps1.ckpt")
    with pytest.raises(AdvSpurError, match=f"That is {KNOWN}"):
        models.load("resnet18_l2_eps1")


def test_where_it_is_looked_for(save, tmp_path, monkeypatch):
    with pytest.raises(AdvSpurError, match=r"huggingface.co/madrylab/.*ADVSPUR_MODELS=hub"):
        models.load(NAME, root=tmp_path)
    asked = []
    monkeypatch.setattr(hub, "fetch", lambda address: asked.append(address) or tmp_path / "missing.ckpt")
    for call in (lambda: models.load(NAME), lambda: models.load(NAME, root=tmp_path)):
        with pytest.raises(AdvSpurError):
            call()
    assert not asked  # nothing is downloaded unless asked for
    for name, root in ((NAME, "hub"), (f"hub:{salman.REPOSITORY}/{NAME}.ckpt", None)):
        with pytest.raises(AdvSpurError, match=r"missing\.ckpt"):
            models.load(name, root)
    monkeypatch.setenv("ADVSPUR_MODELS", "hub")
    with pytest.raises(AdvSpurError, match=r"missing\.ckpt"):
        models.load(NAME)
    assert asked == [hub.Address(salman.REPOSITORY, f"{NAME}.ckpt")] * 3


def test_wrong_normaliser_copies_and_ends(save, robustness, small_state):
    with pytest.raises(AdvSpurError, match="normaliser"):
        models.load(str(save(robustness(small_state, (0, 0, 0), (1, 1, 1)), f"{NAME}.ckpt")))
    tensors = robustness(small_state)
    tensors["module.attacker.normalize.new_mean"] = torch.tensor([0.5, 0.5, 0.5]).view(3, 1, 1)
    with pytest.raises(AdvSpurError, match="one mean"):
        models.load(str(save(tensors, f"{NAME}.ckpt")))
    tensors = robustness(small_state)
    tensors["module.attacker.model.fc.bias"] = -tensors["module.attacker.model.fc.bias"]
    with pytest.raises(AdvSpurError, match=r"two equal copies.*module\.attacker\.model\.fc\.bias"):
        models.load(str(save(tensors, f"{NAME}.ckpt")))
    del tensors["module.attacker.model.fc.bias"]
    path = save(tensors, f"{NAME}.ckpt")
    with pytest.raises(AdvSpurError, match=r"two equal copies.*module\.attacker\.model\.fc\.bias"):
        models.load(str(path))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(AdvSpurError, match="cut short"):
        models.load(str(path))


def test_wrong_architecture_names_the_first_keys(save, robustness, small_state):
    path = save(robustness(small_state), "resnet50_l2_eps0.25.ckpt")
    with pytest.raises(AdvSpurError) as caught:
        models.load("resnet50_l2_eps0.25")
    assert "layer1.0.conv3.weight, layer1.0.bn3.weight" in str(caught.value)
    assert "looks like a resnet18" in str(caught.value)
    assert str(path.name) in str(caught.value)


def test_other_numbers_of_outputs(save, small_state):
    state = small_state | {"fc.weight": torch.ones(9, 512), "fc.bias": torch.zeros(9)}
    model = models.load(f"resnet18@{save(state, 'nine.pt')}")
    assert model(IMAGES).shape == (2, 9)
    assert model.n_outputs == 9
    with pytest.raises(AdvSpurError, match=r"resnet18@nine\.pt"):
        models.load("nine.pt")  # which network it is has to be said


def test_weights_alone_are_told_what_to_write(save, robustness, small_state):
    path = save(robustness(small_state), "mine.ckpt")
    with pytest.raises(AdvSpurError, match=rf"look like a resnet18: say resnet18@{path}\."):
        models.load(str(path))
    assert models.load(f"resnet18@{path}").n_outputs == 1000
