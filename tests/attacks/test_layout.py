"""The memory layout in which a model sees images: one for all callers, channels last where images are large."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pyadvspur import attacks
from pyadvspur.attacks.forward import Forward
from pyadvspur.attacks.recheck import _logits

LAYOUTS = (torch.contiguous_format, torch.channels_last)


class Looking(nn.Module):
    """A convolution that keeps the layouts it was called in; `views`: counts on memory order."""

    def __init__(self, views: bool = False):
        super().__init__()
        self.body, self.views, self.seen = nn.Conv2d(3, 4, 3, stride=2), views, set()

    def forward(self, x):
        self.seen.add(
            "last" if x.is_contiguous(memory_format=torch.channels_last) else x.is_contiguous() and "first"
        )
        z = self.body(x)
        return z.view(len(z), -1)[:, :9] if self.views else z.mean((2, 3))

    def __deepcopy__(self, memo):
        raise TypeError("one worker, one set")


def answers(model: nn.Module, x: torch.Tensor) -> list[torch.Tensor]:
    with Forward(model) as forward:
        return [forward.logits(x), *forward.gradient(x, lambda logits: logits.logsumexp(1))]


@pytest.mark.parametrize("views", [False, True])
@pytest.mark.parametrize("side,layout", [(64, "first"), (72, "last")])
def test_a_model_sees_one_layout_whatever_the_caller_has(side, layout, views):
    torch.manual_seed(0)
    model = Looking(views).eval()
    x = torch.rand(19, 3, side, side)
    strided = torch.stack([x, x], -1)[..., 0]
    given = [*(x.contiguous(memory_format=f) for f in LAYOUTS), strided]
    plain, *others = [answers(model, images) for images in given]
    assert model.seen == ({"first", layout} if views else {layout})
    for other in others:
        for a, b in zip(plain, other):
            assert torch.equal(a, b)
    assert torch.allclose(plain[0], model(x), rtol=1e-5)


def test_claims_on_large_images_are_rechecked_to_the_last_bit():
    """The independent judge shows large images in the same layout, so a margin has the same bits there."""
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 16, 5, stride=2), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(64, 3)
    )
    model = net.eval().requires_grad_(False)
    x = torch.rand(9, 3, 72, 72)
    y = model(x).argmax(1)
    found = attacks.sweep(model, x, y, norm="linf", eps=[0.5], steps=3)
    assert found.broken.any()
    where = found.broken[0]
    again = _logits(model, found.x_adv[where], 16, "cpu")
    right = again.gather(1, y[where][:, None])[:, 0]
    wrong = again.scatter(1, y[where][:, None], -torch.inf).amax(1)
    assert torch.equal(found.margin[0][where], right - wrong)


class Tied(nn.Module):
    """Two convolutions with one weight, max pooling, one channel."""

    def __init__(self, views: bool = False, fails: bool = False):
        super().__init__()
        self.first, self.again, self.last = nn.Conv2d(1, 8, 3), nn.Conv2d(1, 8, 3), nn.Linear(8 * 49, 4)
        self.again.weight = self.first.weight
        self.views, self.fails, self.seen = views, fails, []

    def forward(self, x):
        if self.fails and len(x) > 1:
            raise ValueError("not today")
        self.seen.append(tuple(layer.weight.stride() for layer in (self.first, self.again)))
        z = nn.functional.max_pool2d(self.first(x) + self.again(x), 2).relu()
        return self.last(z.view(len(z), -1) if self.views else z.flatten(1))

    def __deepcopy__(self, memo):
        raise TypeError("one worker, one set")


@pytest.mark.parametrize("views", [False, True])
def test_searches_have_weights_channels_last_and_verification_the_model_s_own(views):
    torch.manual_seed(0)
    model = Tied(views).eval()
    weight, strides = model.first.weight, model.first.weight.stride()
    x = torch.rand(5, 1, 16, 16)
    with torch.no_grad():
        y = model(x).argmax(1)
    model.seen.clear()
    attacks.pgd(model, x, y, "linf", 0.1, steps=2)
    searched = model.seen.count(((9, 1, 3, 1),) * 2)
    assert searched == 1 if views else searched > 2  # views: only the trial, which fails
    assert model.seen.count((strides, strides)) == len(model.seen) - searched > 0
    assert model.first.weight is weight is model.again.weight
    assert weight.stride() == strides


def test_weights_are_put_back_where_a_model_fails():
    model = Tied(fails=True).eval()
    weight = model.first.weight
    with pytest.raises(ValueError, match="not today"):
        attacks.pgd(model, torch.rand(5, 1, 16, 16), torch.zeros(5, dtype=torch.int64), "linf", 0.1, steps=2)
    assert model.first.weight is weight is model.again.weight
