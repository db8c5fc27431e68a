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
