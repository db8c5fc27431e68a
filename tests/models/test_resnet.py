"""Our ResNets are torchvision's, bit for bit."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pyadvspur import AdvSpurError
from pyadvspur.models import resnet, salman


@pytest.mark.parametrize("arch", ["resnet18", "resnet50"])
def test_equal_to_torchvision(vision, arch):
    torch.manual_seed(1)
    theirs = getattr(vision.models, arch)().eval()
    for module in theirs.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, 0, 0.1)
            nn.init.uniform_(module.running_var, 0.5, 2)
    ours = resnet.build(arch)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    assert repr(ours) == repr(theirs)  # so that fingerprints agree as well
    assert list(ours.state_dict()) == list(theirs.state_dict())
    x = torch.randn(2, 3, 65, 71)
    with torch.no_grad():
        assert torch.equal(ours(x), theirs(x))
    assert resnet.recognise(theirs.state_dict()) == arch


@pytest.mark.parametrize("arch", ["resnet18", "resnet50"])
def test_size(arch):
    network = resnet.build(arch)
    assert sum(p.numel() for p in network.parameters()) == salman.PARAMETERS[arch]
    assert not network.training
    for name, buffer in network.named_buffers():
        assert bool((buffer == (1 if name.endswith("running_var") else 0)).all())
    few = resnet.build(arch, 9)
    assert few.fc.out_features == 9
    assert resnet.recognise(few.state_dict()) == arch


def test_others_are_not_recognised(vision):
    with torch.device("meta"):
        for arch in ("resnet34", "wide_resnet50_2", "resnext50_32x4d", "vgg11"):
            assert resnet.recognise(getattr(vision.models, arch)().state_dict()) is None
    assert resnet.recognise({}) is None
    for call in (lambda: resnet.build("resnet34"), lambda: resnet.build("resnet18", 0)):
        with pytest.raises(AdvSpurError):
            call()
