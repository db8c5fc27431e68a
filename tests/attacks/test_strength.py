"""On networks with trained weights: as strong as what peers reach at the same 40 steps, whatever the logit scale."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pyadvspur import attacks

N = 100


@pytest.fixture(scope="module")
def load(data_dir):
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))
    try:
        import networks
    finally:
        sys.path.pop(0)
    return lambda name: networks.load(data_dir / "data", name, N)


# Robust accuracy on the first 100 images after 40 steps of the best of torchattacks 3.5.1 (PGD, APGD-CE) and, for l1,
# adv_lib 0.2.8 (APGD-CE, with and without its larger radii).
PEERS = [
    ("cifar_cnn_adv", "linf", (2 / 255, 4 / 255, 8 / 255), (0.44, 0.33, 0.22)),
    ("cifar_cnn_adv", "l2", (0.25, 0.5, 1.0), (0.41, 0.26, 0.10)),
    ("cifar_cnn_adv", "l1", (3.0, 6.0, 12.0), (0.29, 0.13, 0.02)),
    ("mnist_cnn_pgd", "linf", (0.3, 0.35), (0.92, 0.0)),
    ("mnist_cnn_pgd", "l2", (1.5, 2.5, 3.0), (0.89, 0.74, 0.57)),
    ("mnist_cnn_pgd", "l1", (8.0, 12.0, 16.0), (0.65, 0.34, 0.12)),
]


@pytest.mark.data
@pytest.mark.parametrize("name, norm, eps, peers", PEERS)
def test_no_weaker_than_peers(load, name, norm, eps, peers):
    model, x, y = load(name)
    s = attacks.sweep(model, x, y, norm, eps)
    ours = (s.clean_correct & ~s.broken).float().mean(1)
    assert all(a <= p + 0.011 for a, p in zip(ours.tolist(), peers)), ours  # one image


@pytest.mark.data
@pytest.mark.parametrize("norm, eps", [("linf", 0.1), ("l2", 1.5), ("l1", 8.0)])
def test_logit_scale_on_a_trained_network(load, scaled, norm, eps):
    model, x, y = load("mnist_lenet5_clean")
    held = []
    for factor in (1.0, 1e-3, 5.0, 1e4):
        s = attacks.sweep(scaled(model, factor), x, y, norm, [eps], steps=20)
        held.append(float((s.clean_correct & ~s.broken[0]).float().mean()))
    assert 0 < held[0] < 0.95
    assert max(held) - min(held) <= 0.01  # one image of a hundred
