"""What a run records, and what happens to models that misbehave."""

import numpy as np
import pytest
import torch
import toys

from pyadvspur import AdvSpurError, attacks, evaluation

#: what attacks say of toys
pytestmark = pytest.mark.filterwarnings("ignore:attacks. gradients may mislead")


def run(models, out, attacks=(), **options):
    return evaluation.evaluate(models, [toys.Toy()], attacks, out, progress=False, **options)


def test_rows_agree_with_the_model(tmp_path):
    net, toy = toys.Net(3, 12), toys.Toy()
    frame = run({"net": net}, tmp_path, ["linf:8/255(steps=3)"]).outcomes()
    batch = toy.read("agrees", 0, toys.N)
    with torch.no_grad():
        logits = net.eval()(batch.images.permute(0, 3, 1, 2) / 255)
    classes = torch.tensor([0, 1, 2, -1] * 3)
    clean = frame[(frame["condition"] == "agrees") & (frame["attack"] == "none")].sort_values("sample")
    assert clean["sample"].tolist() == batch.ids.tolist()
    assert clean["prediction"].tolist() == classes[logits.argmax(1)].tolist()
    own = classes == batch.labels[:, None]
    mass = (logits.softmax(1) * own).sum(1)
    assert np.allclose(clean["probability"], mass, atol=1e-6)
    best = torch.where(own, logits, -torch.inf).amax(1) - torch.where(own, -torch.inf, logits).amax(1)
    assert np.allclose(clean["margin"], best, atol=1e-5)
    attacked = frame[(frame["condition"] == "agrees") & (frame["attack"] == "pgd-linf")].sort_values("sample")
    assert attacked["eps"].unique().tolist() == [8 / 255]
    assert not (attacked["correct"].to_numpy() & ~clean["correct"].to_numpy()).any()
    assert (attacked["correct"].to_numpy() <= (attacked["prediction"] == attacked["label"]).to_numpy()).all()
    assert (attacked["distance"] <= 8 / 255 + 1e-6).all()
    assert set(attacked["prediction"]) <= {-1, 0, 1, 2}


def test_an_attack_stays_in_its_region(tmp_path):
    net, toy = toys.Net(1), toys.Toy()
    regions = ("foreground", "background")
    done = run({"net": net}, tmp_path / "a", [f"l2:0.2,2(steps=4,region={r})" for r in regions], limit=40)
    frame = done.outcomes().query("condition == 'agrees'")
    batch = toy.read("agrees", 0, 40)
    x = batch.images.permute(0, 3, 1, 2) / 255
    broken = {}
    for region, mask in zip(regions, (batch.masks == 255, batch.masks == 0)):
        with torch.no_grad():
            net.eval()
        found = attacks.sweep(net, x, batch.labels, "l2", [0.2, 2], steps=4, ids=batch.ids, mask=mask)
        assert ((found.x_adv != x).any(1) & ~mask).sum() == 0
        rows = frame[frame["attack"] == f"pgd-{region}-l2"].sort_values(["eps", "sample"])
        broken[region] = ~rows["correct"].to_numpy().reshape(2, 40)
        assert (broken[region] == found.broken.numpy()).all()
    assert (broken["foreground"] != broken["background"]).any()
    with pytest.warns(
        UserWarning, match="confined to the foreground, but the images of 'agrees' come without masks"
    ):
        evaluation.evaluate(
            {"net": net},
            [toys.Maskless()],
            ["l2:1(steps=2,region=foreground)"],
            tmp_path / "b",
            progress=False,
        )


def test_misbehaving_models_do_not_stop_the_others(tmp_path):
    models = {"nan": toys.NotANumber(), "good": toys.Net(0), "shape": toys.WrongShape()}
    with pytest.warns(UserWarning, match=r"\d+ units failed, first nan on toy/agrees"):
        done = run(models, tmp_path, ["l2:0.1(steps=2)"])
    progress = done.progress().set_index("model")
    assert (progress.loc["good", "done"] == progress.loc["good", "samples"]).all()
    assert progress.loc[["nan", "shape"], "done"].sum() == 0
    assert progress.loc["nan", "error"].str.contains("model 'nan' returned NaN").all()
    assert progress.loc["shape", "error"].str.contains("logits").all()
    assert set(done.outcomes()["model"]) == {"good"}
    with pytest.warns(UserWarning, match="units failed"):  # tried again, still wrong
        run(models, tmp_path, ["l2:0.1(steps=2)"])


def test_a_model_that_kills_its_process_costs_its_own_units(tmp_path):
    models = {"dying": toys.Dying(), "good": toys.Net(0)}
    with pytest.warns(UserWarning, match="ended with exit code 9, 2 times"):
        done = run(models, tmp_path, workers=2, limit=20)
    assert set(done.outcomes()["model"]) == {"good"}


def test_train_mode_is_restored(tmp_path):
    net = toys.Net(0).train()
    net.body[3].eval()
    weights = {name: value.clone() for name, value in net.state_dict().items()}
    run({"net": net}, tmp_path, ["linf:1/255(steps=2)"], limit=20)
    assert net.training
    assert net.body[0].training
    assert not net.body[3].training
    assert all(torch.equal(value, weights[name]) for name, value in net.state_dict().items())


def test_bad_requests_are_named(tmp_path):
    net = {"net": toys.Net(0)}
    for options, text in [
        ({"engine": "lokal"}, "Did you mean 'local'"),
        ({"engine": "ray"}, "ray"),
        ({"workers": 0}, "workers got 0"),
        ({"precision": "float8"}, "float16"),
        ({"limit": 0}, "limit got 0"),
        ({"batch_size": 0}, "batch_size got 0"),
        ({"attacks": ["linf:1/255", "linf:1/255(steps=3)"]}, "twice"),
        ({"attacks": ["linff:1/255"]}, "Did you mean 'linf'"),
    ]:
        with pytest.raises(AdvSpurError, match=text):
            run(net, tmp_path / "x", **options)
    with pytest.raises(AdvSpurError, match="models got none"):
        run([], tmp_path / "x")
    with pytest.raises(AdvSpurError, match="twice"):
        run([toys.Net(0), toys.Net(1)], tmp_path / "x")
    assert not (tmp_path / "x").exists()


@pytest.mark.filterwarnings("ignore:(evaluate|attacks). out of memory")
def test_short_memory_means_smaller_calls(tmp_path):
    with pytest.warns(RuntimeWarning, match="out of memory.*going on with fewer"):
        done = run({"net": toys.Greedy(0)}, tmp_path / "a", ["l2:0.5(steps=2)"], limit=20)
    assert done.complete
    same = run({"net": toys.Net(0)}, tmp_path / "b", ["l2:0.5(steps=2)"], limit=20)
    assert (done.outcomes()["correct"] == same.outcomes()["correct"]).all()


def test_a_model_of_another_input_size_is_refused(tmp_path):
    net = toys.Net(0)
    net.input_size = 224
    with pytest.raises(AdvSpurError, match=r"takes images of 224x224.*'toy' gives 12x12"):
        run({"net": net}, tmp_path)


def test_models_are_loaded_once_to_be_known_and_once_to_run(tmp_path, monkeypatch):
    from pyadvspur import models
    from pyadvspur.benchmarks import layouts

    loaded, load = [], models.load
    monkeypatch.setattr(models, "load", lambda name: loaded.append(name) or load(name))
    for name in ("imagenet9", "salient"):
        layouts.sample(name, tmp_path / name, per_class=1)
    both = [f"{name}={tmp_path / name}?size=16" for name in ("imagenet9", "salient")]
    found = evaluation.evaluate(
        {"a": "random:1000", "b": "random:1000"}, both, out=tmp_path / "runs", limit=3, progress=False
    )
    assert found.complete
    assert len(loaded) == 4
    # the rows keep the plan's order: benchmark, then model
    assert list(dict.fromkeys(found.outcomes()["benchmark"])) == ["imagenet9", "salient"]
