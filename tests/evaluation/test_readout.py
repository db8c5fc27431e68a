"""Heads on frozen features: what is fitted, that nothing about the machine changes it, and going on."""

import json
import shutil

import numpy as np
import pytest
import torch
import toys
from toys import Probed

from pyadvspur import AdvSpurError, evaluation
from pyadvspur.benchmarks.readout import Readout
from pyadvspur.evaluation import features, fitting, heads, readout


def head_of(model, benchmark, folder, **options):
    found = readout.headed(
        model.eval(), benchmark, model_fingerprint="m", benchmark_fingerprint="b", folder=folder, **options
    )
    return found.head.weight.clone(), found.head.bias.clone()


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(a, b))


def rows(n=120, width=6, classes=2, groups=4, seed=0):
    rng = np.random.default_rng(seed)
    label = rng.integers(classes, size=n)
    group = label * 2 + (rng.random(n) < 0.3) if groups else np.full(n, -1)
    x = rng.normal(size=(n, width)) * rng.uniform(0.1, 9, width) + 3 + label[:, None] * rng.normal(size=width)
    return fitting.Rows(x.astype(np.float32), label, np.asarray(group), rng.permutation(n) + 10)


def standard(train, *others):
    mean, std = train.x.astype(np.float64).mean(0), train.x.astype(np.float64).std(0)
    return [(part.x - mean) / std for part in (train, *others)], mean, std


def test_a_probe_is_scikit_learns_logistic_regression_folded_back():
    from sklearn.linear_model import LogisticRegression

    for classes in (2, 3):
        train, validation = rows(classes=classes, seed=1), rows(classes=classes, seed=2)
        head = fitting.fit(Readout("probe", "t", "v", classes), train, validation)
        (x, held), mean, std = standard(train, validation)
        fits = [LogisticRegression(C=c, tol=1e-9, max_iter=10000).fit(x, train.label) for c in Readout.grid]
        scores = [fit.score(held, validation.label) for fit in fits]
        best = fits[int(np.argmax(scores))]
        assert head.record["C"] == Readout.grid[int(np.argmax(scores))]
        assert list(head.record["validation"].values()) == scores
        logits = validation.x @ head.weight.T + head.bias
        if classes == 2:
            logits = logits[:, 1] - logits[:, 0]
        assert np.allclose(logits, best.decision_function((validation.x - mean) / std), atol=2e-3)


def test_the_rule_decides():
    correct, group = np.array([1, 1, 1, 0, 1.0]), np.array([0, 0, 0, 1, 1])
    assert fitting.score("average", correct, group) == 0.8
    assert fitting.score("worst-group", correct, group) == 0.5
    assert fitting.score("worst-group", correct, np.array([0, 0, 0, -1, 1])) == 1


@pytest.mark.parametrize("penalty", ["l1", "l2"])
def test_dfr_averages_balanced_refits(penalty):
    from sklearn.linear_model import LogisticRegression

    train, validation = rows(seed=3), rows(200, seed=4)
    asked = Readout("dfr", "t", "v", 2, rule="worst-group", penalty=penalty, refits=5)
    head = fitting.fit(asked, train, validation)
    (_, x), _, std = standard(train, validation)
    options = (
        {"solver": "liblinear", "random_state": 0, **fitting._l1()} if penalty == "l1" else {"tol": 1e-9}
    )
    weights = []
    for k in range(5):
        part = fitting.balanced(validation, 0, k)
        assert len(set(np.bincount(part.group).tolist())) == 1
        keep = np.isin(validation.sample, part.sample)
        fit = LogisticRegression(C=head.record["C"], **options).fit(x[keep], validation.label[keep])
        weights.append(fit.coef_[0])
    assert np.allclose(head.weight[1] - head.weight[0], np.mean(weights, 0) / std, rtol=2e-3, atol=1e-4)
    # fitted on half of the data balanced over groups, chosen on the other half
    first, second = fitting.halves(validation, asked)
    assert (head.record["n_train"], head.record["n_validation"]) == (
        len(fitting.balanced(first, 0, 0)),
        len(second),
    )


def test_splits_belong_to_sample_ids():
    data, asked = rows(101, classes=3, seed=5), Readout("probe", "t", None, 3, held_out=0.2)
    inside, outside = fitting.held_out(data, asked)
    counts = np.bincount(data.label)
    assert np.bincount(outside.label).tolist() == [round(0.2 * n) for n in counts]
    assert not set(inside.sample) & set(outside.sample)
    order = np.random.default_rng(0).permutation(len(data))
    again = fitting.held_out(data[order], asked)
    assert set(again[1].sample) == set(outside.sample)
    first, second = fitting.halves(data, Readout("dfr", "t", "v", 3))
    assert np.abs(np.bincount(first.group) - np.bincount(second.group)).max() <= 1
    draws = [set(fitting.balanced(data, 0, k).sample) for k in range(3)]
    assert draws[0] != draws[1] != draws[2]


def test_a_head_does_not_depend_on_batches_threads_or_blocks(tmp_path, monkeypatch):
    net, threads = toys.Net(0, 12), torch.get_num_threads()
    first = head_of(net, Probed(), tmp_path / "a", batch_size=64)
    try:
        torch.set_num_threads(1)
        assert same(first, head_of(net, Probed(), tmp_path / "b", batch_size=7))
        torch.set_num_threads(3)
        monkeypatch.setattr(features, "BLOCK", 40)
        assert same(first, head_of(net, Probed(), tmp_path / "c", batch_size=512))
    finally:
        torch.set_num_threads(threads)
    files = [path.read_bytes() for path in sorted(tmp_path.glob("*/*.safetensors"))]
    assert len(files) == 3
    assert len(set(files)) == 1
    assert not list(tmp_path.glob("*/*.parts"))


def test_an_interrupted_fit_keeps_its_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(features, "BLOCK", 40)
    net, whole = toys.Net(0, 12), []
    expected = head_of(net, Probed(), tmp_path / "whole")

    class Interrupted(Probed):
        def read(self, source, start, stop):
            if source == "swapped":
                raise KeyboardInterrupt
            return super().read(source, start, stop)

    with pytest.raises(KeyboardInterrupt):
        head_of(net, Interrupted(), tmp_path / "a")
    blocks = sorted(path.name for path in tmp_path.glob("a/*.parts/*.safetensors"))
    assert len(blocks) == 4

    class Counting(Probed):
        def read(self, source, start, stop):
            whole.append(source)
            return super().read(source, start, stop)

    assert same(expected, head_of(net, Counting(), tmp_path / "a"))
    assert set(whole) == {"swapped"}
    whole.clear()
    assert same(expected, head_of(net, Counting(), tmp_path / "a"))
    assert not whole  # a finished head is read, not fitted
    [file] = tmp_path.glob("a/*.safetensors")
    file.write_bytes(file.read_bytes()[:-3])
    assert same(expected, head_of(net, Counting(), tmp_path / "a"))
    assert whole


def test_whole_runs_agree_whatever_the_workers(tmp_path):
    models = {"net": toys.Net(0, 12), "other": toys.Net(1, 5)}
    attack = ["linf:1/255(steps=2)"]
    one = evaluation.evaluate(models, [Probed()], attack, tmp_path / "one", progress=False)
    two = evaluation.evaluate(
        models, [Probed()], attack, tmp_path / "two", workers=2, threads=1, batch_size=11, progress=False
    )
    assert one.complete
    assert two.complete
    assert one.outcomes().equals(two.outcomes())
    assert sorted(p.name for p in (tmp_path / "one/heads").iterdir()) == sorted(
        p.name for p in (tmp_path / "two/heads").iterdir()
    )
    record = json.loads(next((tmp_path / "one/heads").glob("*.json")).read_text())
    assert record["benchmark"] == "toy"
    assert "no group labels" in record["readout"]
    shutil.rmtree(tmp_path / "one/units")  # the heads alone are enough to do it again
    again = evaluation.evaluate(models, [Probed()], attack, tmp_path / "one", progress=False)
    assert again.outcomes().equals(two.outcomes())


def test_the_headed_model_is_what_is_attacked(tmp_path):
    net = toys.Net(0, 12)
    run = evaluation.evaluate({"net": net}, [Probed()], ["linf:30/255(steps=5)"], tmp_path, progress=False)
    frame = run.outcomes()
    clean = frame[(frame["condition"] == "agrees") & (frame["attack"] == "none")].set_index("sample")
    found = readout.headed(
        net.eval(), Probed(), model_fingerprint=run.plan.models[0][1],
        benchmark_fingerprint=Probed().fingerprint(), folder=tmp_path / "heads",
    )  # fmt: skip
    batch = Probed().read("agrees", 0, toys.N)
    with torch.no_grad():
        logits = found(batch.images.permute(0, 3, 1, 2).float() / 255)
    assert clean.loc[batch.ids.numpy(), "prediction"].tolist() == logits.argmax(1).tolist()
    attacked = frame[(frame["condition"] == "agrees") & (frame["attack"] != "none")]
    assert attacked["correct"].mean() < clean["correct"].mean()


@pytest.mark.gpu
def test_a_head_fitted_on_the_gpu_answers_alike(tmp_path):
    net = toys.Net(0, 12).eval()
    batch = Probed().read("agrees", 0, toys.N)
    x = batch.images.permute(0, 3, 1, 2).float() / 255
    answers = []
    for device in ("cpu", "cuda"):
        found = readout.headed(
            net.to(device), Probed(), model_fingerprint="m", benchmark_fingerprint="b", folder=tmp_path / device,
            device=device,
        )  # fmt: skip
        with torch.no_grad():
            answers.append(found(x.to(device)).cpu())
    assert torch.allclose(*answers, atol=1e-2)


def test_what_cannot_be_fitted_says_why(tmp_path):
    net = toys.Net(0, 12)

    class Unreadable(Probed):
        def read(self, source, start, stop):
            batch = super().read(source, start, stop)
            errors = tuple("broken" if i == 21 else "" for i in batch.ids.tolist())
            return type(batch)(**{**vars(batch), "errors": errors})

    with pytest.raises(AdvSpurError, match=r"images of 'agrees' cannot be used: broken"):
        head_of(net, Unreadable(), tmp_path / "a")
    head_of(net, Unreadable(), tmp_path / "a", skip_unreadable=True)
    [record] = (tmp_path / "a").glob("*.json")
    record = json.loads(record.read_text())
    assert (record["n_train"], record["unreadable"]) == (toys.N - 1, {"agrees": 1, "swapped": 1})

    class NoGroups(Probed):
        readout = Readout("probe", "agrees", "swapped", 3, rule="worst-group")

        def read(self, source, start, stop):
            batch = super().read(source, start, stop)
            return type(batch)(**{**vars(batch), "groups": torch.full_like(batch.groups, -1)})

    with pytest.raises(AdvSpurError, match="'worst-group' needs validation data with groups"):
        head_of(net, NoGroups(), tmp_path / "b")

    class Missing(Probed):
        readout = Readout("probe", "agrees", "swapped", 4)

    with pytest.raises(AdvSpurError, match=r"no sample of classes \[3\]"):
        head_of(net, Missing(), tmp_path / "c")


@pytest.mark.parametrize(
    "options, text",
    [
        ({"name": "prob"}, "Did you mean 'probe'"),
        ({"rule": "best"}, "rule got 'best'"),
        ({"penalty": "l1", "n_classes": 3}, "two classes"),
        ({"validation": None}, "held_out in"),
        ({"held_out": 0.1}, "held_out got 0.1"),
        ({"grid": (1.0, 0.0)}, "numbers > 0"),
        ({"n_classes": 1}, "n_classes got 1"),
        ({"refits": 0}, "refits got 0"),
    ],
)
def test_readouts_that_mean_nothing_are_refused(options, text):
    with pytest.raises(AdvSpurError, match=text):
        Readout(**{"name": "probe", "train": "t", "validation": "v", "n_classes": 2, **options})


def test_a_lock_is_one_workers(tmp_path):
    with (
        heads.lock(tmp_path / "x" / "a.lock") as mine,
        heads.lock(tmp_path / "x" / "a.lock", wait=False) as too,
    ):
        assert mine
        assert not too
    with heads.lock(tmp_path / "x" / "a.lock", wait=False) as free:
        assert free
