"""Features of a classifier, and another head on them."""

import copy
import threading

import pytest
import torch
from torch import nn

from pyadvspur import AdvSpurError
from pyadvspur.models.head import features, with_head


class Net(nn.Module):
    def __init__(self, scale=1.0):
        super().__init__()
        torch.manual_seed(3)
        self.body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(2))
        self.hidden, self.last, self.scale = nn.Linear(16, 6), nn.Linear(6, 5), scale

    def forward(self, x):
        return self.last(torch.relu(self.hidden(self.body(x).flatten(1)))) * self.scale


@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_features_are_what_goes_into_the_last_layer(scale):
    net, x = Net(scale), torch.rand(7, 3, 9, 9)
    found = features(net, 9)
    assert found.width == 6
    assert net.training  # the model handed in is as it was
    assert type(net.last) is nn.Linear
    assert not net.last._forward_hooks
    assert torch.equal(net.last(found(x)) * scale, net.eval()(x))
    assert {id(p) for p in net.parameters()} == {id(p) for p in found.parameters()}


def test_headed_model_answers_and_differentiates():
    net, x = Net().eval(), torch.rand(4, 3, 9, 9, requires_grad=True)
    weight, bias = torch.randn(2, 6), torch.randn(2)
    headed = with_head(net, weight, bias, input_size=9)
    assert torch.equal(headed(x), torch.nn.functional.linear(features(net, 9)(x), weight, bias))
    (grad,) = torch.autograd.grad(headed(x)[:, 0].sum(), x)
    (same,) = torch.autograd.grad((features(net, 9)(x) @ weight[0]).sum(), x)
    assert torch.allclose(grad, same)
    assert grad.abs().sum() > 0
    # the same weights as its last layer give the same model
    assert torch.equal(with_head(net, net.last.weight, net.last.bias, input_size=9)(x), net(x))


def test_the_backbone_never_trains():
    net = Net().train()
    headed = with_head(net, torch.zeros(2, 6), torch.zeros(2), input_size=9)
    before = net.body[1].running_mean.clone()
    headed.train()(torch.rand(4, 3, 9, 9))
    assert not any(module.training for module in headed.modules())
    assert torch.equal(net.body[1].running_mean, before)


def test_a_headed_model_is_one_graph():
    headed = with_head(Net(), torch.randn(2, 6), torch.randn(2), input_size=9)
    x = torch.rand(4, 3, 9, 9)
    compiled = torch.compile(headed, backend="eager", fullgraph=True)
    assert torch.equal(compiled(x), headed(x))
    assert copy.deepcopy(headed)(x).shape == (4, 2)


def test_a_linear_model_and_one_that_cannot_be_copied():
    line = nn.Sequential(nn.Flatten(), nn.Linear(27, 3))
    assert torch.equal(features(line, 3)(torch.ones(2, 3, 3, 3)), torch.ones(2, 27))
    net = Net().eval()
    net.lock = threading.Lock()
    x = torch.rand(2, 3, 9, 9)
    before = net(x)
    assert features(net, 9)(x).shape == (2, 6)
    assert torch.equal(net(x), before)


def test_models_without_one_last_linear_layer_are_refused():
    conv = nn.Sequential(nn.Conv2d(3, 5, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with pytest.raises(AdvSpurError, match=r"no single torch.nn.Linear makes its 5 logits \(0 linear layers"):
        features(conv, 9)

    class Twice(Net):
        def forward(self, x):
            return super().forward(x) + super().forward(x.flip(-1))

    with pytest.raises(AdvSpurError, match="4 linear layers ran"):
        features(Twice(), 9)
    with pytest.raises(AdvSpurError, match=r"takes \(K, 6\) and \(K,\)"):
        with_head(Net(), torch.zeros(2, 5), torch.zeros(2), input_size=9)
    with pytest.raises(AdvSpurError, match="NaN"):
        with_head(Net(), torch.full((2, 6), torch.nan), torch.zeros(2), input_size=9)
