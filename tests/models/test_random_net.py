"""random:K, for dry runs."""

from __future__ import annotations

import pytest
import torch

from pyadvspur import AdvSpurError, models
from pyadvspur.models.tensors import digest_of


def test_the_same_network_everywhere():
    model = models.load("random:1000")
    assert model.n_outputs == 1000
    weights = "e48be2a6ba84efa8ad95be72d6d52c2e616c589ec32ba6b767a7415c608c7602"
    assert digest_of(model.network.state_dict()) == weights
    for height, width in ((1, 1), (8, 8), (32, 32), (224, 130)):
        assert model(torch.rand(2, 3, height, width)).shape == (2, 1000)
    few = models.load("random:9")
    x = torch.rand(4, 3, 40, 40, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(few(x), model(x)[:, :9])  # a row's weights do not depend on how many there are


def test_predictions_depend_on_the_image():
    x = torch.rand(64, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    x = x * torch.linspace(0, 1, 64).view(-1, 1, 1, 1) * torch.eye(3).repeat(22, 1)[:64].view(64, 3, 1, 1)
    assert len(models.load("random:1000")(x).argmax(1).unique()) >= 5
    x.requires_grad_()
    models.load("random:10")(x).sum().backward()
    assert x.grad.abs().sum() > 0


@pytest.mark.parametrize(
    "name", ["random:1", "random:", "random:ten", "random:-3", "random:99999999", "random:\u0661\u0660"]
)
def test_refused(name):
    with pytest.raises(AdvSpurError, match="random:1000"):
        models.load(name)
