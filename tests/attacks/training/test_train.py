"""Adversarial training: it works, it goes on where it stopped, it refuses what it cannot use."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from pyadvspur import AdvSpurError, attacks
from pyadvspur.attacks.training import inner, samples

SIDE = 8


def network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    layers = [
        nn.Conv2d(3, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(8 * SIDE**2, 2),
    ]
    return nn.Sequential(*layers)


def data(n: int = 320, seed: int = 0):
    """One strong pixel pattern of small size everywhere, one weak large one: class 1 is brighter in the left half."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    x = 0.5 + 0.05 * rng.standard_normal((n, 3, SIDE, SIDE))
    x[:, :, :, : SIDE // 2] += np.where(y, 0.06, -0.06)[:, None, None, None]
    return torch.from_numpy(x.clip(0, 1)).float(), torch.from_numpy(y)


def weights(net: nn.Module) -> torch.Tensor:
    return torch.cat([value.double().flatten() for value in net.state_dict().values()])


def test_l1_stays_in_its_ball_and_climbs():
    x, y = data(24)
    net = network().eval()
    start = inner.start(x, torch.arange(24), "l1", 3.0, 0)
    assert ((length := start.abs().sum((1, 2, 3))) <= 3 + 1e-4).all()
    assert length.std() > 0.3
    assert torch.equal(start[5:6], inner.start(x[5:6], torch.tensor([5]), "l1", 3.0, 0))
    moved = inner.ascend(net, x, y, start, "l1", 3.0, 5, 0.5)
    assert (moved.abs().sum((1, 2, 3)) <= 3 + 1e-4).all()
    assert ((x + moved).min() >= 0) & ((x + moved).max() <= 1)
    loss = nn.functional.cross_entropy
    assert loss(net(x + moved), y) > loss(net(x + start), y) + 0.03
    with pytest.raises(AdvSpurError, match="'pgd' with norm 'l1'"):
        attacks.Recipe("l1", 3.0, "free")


@pytest.mark.parametrize(
    "norm, eps, method, steps, epochs",
    [
        *((n, e, *how) for n, e in [("linf", 0.04), ("l2", 0.4)]
          for how in [("pgd", 3, 4), ("fast", 1, 4), ("free", 4, 16)]),
        ("l1", 4.0, "pgd", 3, 4),
    ],
)  # fmt: skip
def test_every_method_makes_a_network_more_robust(norm, eps, method, steps, epochs):
    # the label shows in one weak pattern; a network that also fits the pixels' noise is easily led astray
    x, y = data()
    test_x, test_y = data(96, seed=1)
    rates = {}
    for name, recipe in {
        "standard": attacks.Recipe(None, 0, epochs=4, batch_size=32, lr=1e-2),
        method: attacks.Recipe(norm, eps, method, steps, epochs=epochs, batch_size=32, lr=1e-2),
    }.items():
        done = attacks.train(network(), (x, y), recipe, progress=False)
        assert not done.network.training
        rates[name] = attacks.robust_accuracy(done.network, (test_x, test_y), norm, [0, eps], steps=10)[
            "accuracy"
        ]
    assert rates[method][0] > 0.9
    assert rates[method][1] > rates["standard"][1] + 0.2


@pytest.mark.parametrize(
    "recipe",
    [
        attacks.Recipe("linf", 0.05, "pgd", 2, epochs=3, batch_size=64, ramp=0.5, augment="crop-flip"),
        attacks.Recipe("l2", 0.3, "free", 2, epochs=4, batch_size=96, optimizer="sgd", schedule="cosine"),
        attacks.Recipe("linf", 0.05, "fast", epochs=3, batch_size=64, schedule="constant"),
    ],
    ids=lambda r: r.method,
)
def test_stopped_anywhere_it_goes_on_to_the_same_weights(tmp_path, monkeypatch, recipe):
    held, check = data(), data(40, seed=2)
    whole = attacks.train(network(), held, recipe, validation=check, progress=False)

    def stop_at(step):
        def descend(self, x, y, watch):
            if self.step == step:
                raise KeyboardInterrupt
            original(self, x, y, watch)

        return descend

    trainer = attacks.training.trainer._Trainer
    original = trainer._descend
    for step in (3, 7, 11):
        monkeypatch.setattr(trainer, "_descend", stop_at(step))
        with pytest.raises(KeyboardInterrupt):
            attacks.train(
                network(), held, recipe, validation=check, out=tmp_path, save_every=0, progress=False
            )
    monkeypatch.setattr(trainer, "_descend", original)
    resumed = attacks.train(
        network(), held, recipe, validation=check, out=tmp_path, save_every=0, progress=False
    )
    assert torch.equal(weights(whole.network), weights(resumed.network))
    assert whole.history.equals(resumed.history)
    assert all(torch.equal(whole.best[key], value) for key, value in resumed.best.items())
    # finished: the same call returns the same network without another step
    monkeypatch.setattr(trainer, "_descend", stop_at(resumed.history["step"].iloc[-1]))
    again = attacks.train(network(), held, recipe, validation=check, out=tmp_path, progress=False)
    assert torch.equal(weights(again.network), weights(whole.network))


def test_the_weights_on_disk_are_the_network(tmp_path):
    from safetensors.torch import load_file

    recipe = attacks.Recipe("linf", 0.02, epochs=2, batch_size=64)
    done = attacks.train(network(), data(), recipe, validation=data(40, 1), out=tmp_path, progress=False)
    saved = load_file(tmp_path / "last.safetensors")
    assert all(torch.equal(saved[key], value) for key, value in done.network.state_dict().items())
    best = done.history["robust_accuracy"].to_numpy().argmax()
    assert set(done.history) == {"step", "lr", "loss", "accuracy", "clean_accuracy", "robust_accuracy"}
    assert (
        load_file(tmp_path / "best.safetensors")["4.weight"].numpy() == done.best["4.weight"].numpy()
    ).all()
    assert (best == 1) == torch.equal(done.best["4.weight"], saved["4.weight"])


def test_another_run_s_folder_and_a_hostile_checkpoint_are_refused(tmp_path):
    recipe = attacks.Recipe("linf", 0.02, epochs=1, batch_size=64)
    attacks.train(network(), data(), recipe, out=tmp_path / "a", progress=False)
    for net, held, other in (
        (network(), data(), attacks.Recipe("linf", 0.03, epochs=1, batch_size=64)),
        (network(1), data(), recipe),
        (network(), data(seed=5), recipe),
    ):
        with pytest.raises(AdvSpurError, match="another run"):
            attacks.train(net, held, other, out=tmp_path / "a", progress=False)

    class Hostile:
        def __reduce__(self):
            return (tmp_path / "executed").touch, ()

    (tmp_path / "b").mkdir()
    torch.save({"key": Hostile()}, tmp_path / "b" / "checkpoint.pt")
    with pytest.raises(AdvSpurError, match="no checkpoint"):
        attacks.train(network(), data(), recipe, out=tmp_path / "b", progress=False)
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    "change, text",
    [
        ({"norm": "l1", "method": "fast"}, "l1"),
        ({"eps": -1}, "eps"), ({"eps": 0}, "norm, eps"), ({"steps": 0}, "steps"),
        ({"method": "fre"}, "Did you mean"), ({"method": "free", "steps": 3, "epochs": 4}, "multiple"),
        ({"lr": 0}, "lr"), ({"ramp": 2}, "ramp"), ({"augment": "mixup"}, "augment"), ({"norm": None}, "norm, eps"),
    ],
)  # fmt: skip
def test_recipes_that_cannot_be(change, text):
    with pytest.raises(AdvSpurError, match=text):
        attacks.Recipe(**{"norm": "linf", "eps": 0.1, **change})


def test_data_that_cannot_be():
    x, y = data(8)
    recipe = attacks.Recipe("linf", 0.02, epochs=1)
    for held, text in (
        ((x * 3, y), "finite pixels"), ((x, y.float()), "integer classes"), ((x[:0], y[:0]), "no image"),
        ((x, y[:5]), "shape"), ((x, y + 7), "K > 8"), (x, "data"),
    ):  # fmt: skip
        with pytest.raises(AdvSpurError, match=text):
            attacks.train(network(), held, recipe, progress=False)
    unstable = network()
    with torch.no_grad():
        unstable[4].bias[0] = float("nan")
    with pytest.raises(AdvSpurError, match="loss is nan at step 0"):
        attacks.train(unstable, (x, y), recipe, progress=False)


def test_the_caller_s_generator_is_left_alone():
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    net = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(3 * SIDE**2, 2))
    torch.manual_seed(7)
    attacks.train(net, data(64), attacks.Recipe("linf", 0.02, epochs=1, batch_size=32), progress=False)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_starts_and_ascent_stay_in_ball_and_box(norm):
    x, y = data(40)
    ids = torch.arange(40)
    size = {"linf": lambda d: d.abs().flatten(1).amax(1), "l2": lambda d: d.flatten(1).norm(dim=1)}[norm]
    begin = inner.start(x, ids, norm, 0.3, seed=1)
    assert float(size(begin).max()) <= 0.3 * (1 + 1e-6)
    assert torch.equal(begin[7:9], inner.start(x[7:9], ids[7:9], norm, 0.3, seed=1))
    delta = inner.ascend(network().train(), x, y, begin, norm, 0.3, 3, 0.5)
    assert float(size(delta).max()) <= 0.3 * (1 + 1e-5)
    assert float((x + delta).min()) >= 0
    assert float((x + delta).max()) <= 1


def test_direction_knows_no_floor():
    g = torch.randn(4, 3, 5, 5) * torch.tensor([1.0, 1e-15, 1e-30, 0]).view(4, 1, 1, 1)
    length = inner.direction(g, "l2").flatten(1).norm(dim=1)
    assert torch.allclose(length, torch.tensor([1.0, 1.0, 1.0, 0.0]), atol=1e-5)


def test_crop_flip_moves_whole_images_and_belongs_to_the_sample():
    x = torch.rand(30, 2, 9, 11)
    ids = torch.arange(30)
    moved = samples.crop_flip(x, ids, seed=3, epoch=2)
    assert torch.equal(moved[11:13], samples.crop_flip(x[11:13], ids[11:13], 3, 2))
    assert not torch.equal(moved, samples.crop_flip(x, ids, 3, 3))
    padded = torch.nn.functional.pad(x, (4,) * 4)
    seen = set()
    for k in range(30):
        windows = {
            (top, left, flip): (w.flip(2) if flip else w)
            for top in range(9)
            for left in range(9)
            for flip in (0, 1)
            for w in [padded[k, :, top : top + 9, left : left + 11]]
        }
        found = [place for place, window in windows.items() if torch.equal(window, moved[k])]
        assert len(found) == 1
        seen.add(found[0])
    assert len(seen) > 20
