"""The whole way from the command line to the table, against a slow computation that shares no code with it."""

from collections import defaultdict

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.numpy import load_file

from pyadvspur import evaluation, models, report, streams
from pyadvspur.benchmarks import layouts
from pyadvspur.benchmarks.rival10.layout import number
from pyadvspur.reference import random

MODEL = "embedded:cnn_l2_eps0.25"
SIDE = 32
WNIDS = (
    "n03796401", "n04467665", "n02814533", "n03100240", "n02690373", "n04552348", "n03095699", "n03673027",
    "n02123394", "n02124075", "n02099601", "n02099712", "n02389026", "n02391049", "n02422699", "n02423022",
    "n01644373", "n01644900", "n01531178", "n01532829",
)  # fmt: skip
LEVELS = {
    "std": {f"std={v:g}": v for v in (0.125, 0.25, 0.375, 0.5, 0.625, 0.75)},
    "l2": {f"l2={v * SIDE / 224:g}": float(f"{v * SIDE / 224:.6g}") for v in (30, 60, 90, 120, 150, 180)},
}
TRIALS = 2


def read(root):
    """Images and masks of the test split by Pillow, with labels, ids by name, and whether a mask can be used."""
    images, masks, labels, names = [], [], [], []
    for path in sorted((root / "test" / "ordinary").glob("*.JPEG")):
        if path.name.endswith("_merged_mask.JPEG"):
            continue
        images.append(np.asarray(Image.open(path).convert("RGB").resize((SIDE, SIDE), Image.BILINEAR)))
        mask = root / "test" / "entire_object_masks" / path.name
        grey = Image.open(mask).convert("L").resize((SIDE, SIDE), Image.BILINEAR) if mask.exists() else None
        masks.append(np.zeros((SIDE, SIDE), bool) if grey is None else np.asarray(grey) > 127.5)
        labels.append(WNIDS.index(path.name.split("_")[0]) // 2)
        names.append(path.stem)
    return np.stack(images), np.stack(masks), labels, names


def outcomes_of(predict, images, masks, ids, trial):
    """(level, region) -> correct class probabilities and predictions, one noise draw."""
    x = torch.tensor(images).permute(0, 3, 1, 2).float() / 255
    z = random.draw(ids, x[0].numel(), "normal", 0, streams.stream(streams.NOISE, trial)).reshape(x.shape)
    found = {}
    for region in ("foreground", "background"):
        m = torch.tensor(masks if region == "foreground" else ~masks)[:, None].float()
        for family, levels in LEVELS.items():
            for name, size in levels.items():
                shown = []
                for k in range(len(x)):  # image by image
                    d = m[k] * z[k]
                    norm = float(d.double().norm())
                    factor = size if family == "std" else (size / norm if norm else 0.0)
                    shown.append((x[k] + factor * d).clamp(0, 1))
                found[name, region] = predict(torch.stack(shown))
    return found


def class_mean(correct, labels, used):
    by_class = defaultdict(list)
    for k in used:
        by_class[labels[k]].append(correct[k])
    return sum(sum(v) / len(v) for v in by_class.values()) / len(by_class)


def rfs(fg, bg):
    mean = (fg + bg) / 2
    return (bg - fg) / (2 * min(mean, 1 - mean))


@pytest.fixture(scope="module")
def run(advspur, tmp_path_factory):
    folder = tmp_path_factory.mktemp("rival")
    layouts.sample("rival10", folder / "data", per_class=4, seed=5)
    name = f"rival10={folder / 'data'}?size={SIDE}&levels=hard&trials={TRIALS}"
    assert (
        advspur("evaluate", "-m", MODEL, "-b", name, "-a", "linf:1/255(steps=2)", "-o", folder / "run", "-q")
        == 0
    )
    return folder


def test_the_table_equals_a_slow_computation(run):
    images, masks, labels, names = read(run / "data")
    found = evaluation.load(run / "run")
    rows = found.outcomes()
    rows = rows[rows["attack"] == "none"]
    ids = torch.tensor([number(name) for name in names])
    [head] = (run / "run" / "heads").glob("*.safetensors")
    weights = {name: torch.tensor(value).double() for name, value in load_file(head).items()}
    network = models.load(MODEL).network

    def predict(x):
        with torch.no_grad():
            features = network.features((x - network.mean) / network.std).flatten(1).double()
        logits = features @ weights["weight"].T + weights["bias"]
        p = logits.softmax(1)
        return logits.argmax(1).tolist(), [float(p[k, label]) for k, label in enumerate(labels)]

    x = torch.tensor(images).permute(0, 3, 1, 2).float() / 255
    slow = {("test", 0): predict(x)}
    for trial in range(TRIALS):
        for (level, region), answer in outcomes_of(predict, images, masks, ids, trial).items():
            slow[f"test/noise({region},{level})/{trial}", trial] = answer
    # row by row
    recorded = {}
    for (condition, trial), (predicted, p) in slow.items():
        mine = (
            rows[(rows["condition"] == condition) & (rows["trial"] == trial)]
            .set_index("sample")
            .loc[ids.tolist()]
        )
        assert mine["prediction"].tolist() == predicted
        assert mine["probability"].to_numpy() == pytest.approx(np.array(p), abs=1e-4)
        recorded[condition] = mine["probability"].tolist()
    # from rows to numbers
    correct = {c: [int(a == b) for a, b in zip(predicted, labels)] for (c, _), (predicted, _) in slow.items()}
    everything = range(len(labels))
    usable = [k for k in everything if masks[k].any() and not masks[k].all()]
    assert len(usable) == len(labels) - 3
    from_val = [k for k in usable if "ILSVRC2012_val" in names[k]]

    def over(source, levels, region):
        named = [f"test/noise({region},{level})/{t}" for level in levels for t in range(TRIALS)]
        return [sum(source[name][k] for name in named) / len(named) for k in everything]

    expected = {"accuracy": class_mean(correct["test"], labels, everything)}
    for used, title in ((usable, ""), (from_val, ", val origin")):
        for family, levels in LEVELS.items():
            groups = {
                f"RFS, {family} noise{title}": list(levels),
                **{f"RFS, {n}{title}": [n] for n in levels},
            }
            for name, chosen in groups.items():
                fg, bg = (over(correct, chosen, region) for region in ("foreground", "background"))
                expected[name] = rfs(class_mean(fg, labels, used), class_mean(bg, labels, used))
                if len(chosen) == 1:
                    expected[f"accuracy, foreground {chosen[0]}{title}"] = class_mean(fg, labels, used)
                    expected[f"accuracy, background {chosen[0]}{title}"] = class_mean(bg, labels, used)
            if not title:  # the sources share ids, and so probabilities
                fg, bg = (over(recorded, levels, region) for region in ("foreground", "background"))
                expected[f"iRFS, {family} noise"] = sum(rfs(fg[k], bg[k]) for k in used) / len(used)
    metrics = found.metrics()
    metrics = metrics[metrics["attack"] == "none"].set_index("measure")
    assert set(expected) < set(metrics.index)
    for name, value in expected.items():
        assert metrics.loc[name, "value"] == pytest.approx(value, rel=0, abs=1e-12), name
    assert metrics.loc["RFS, std noise", "n"] == len(usable)
    assert "1 with empty mask, 1 with full mask, 1 with no mask" in metrics.loc["RFS, std noise", "note"]
    columns = report.trade_off(found)["rival10"].columns
    titles = [column.title.split("\n")[0].removesuffix(", %") for column in columns]
    pooled = ["RFS, std noise", "RFS, l2 noise", "iRFS, std noise", "iRFS, l2 noise"]
    assert titles[:7] == ["model", "accuracy", "robust accuracy", *pooled]
    assert titles[7:] == [f"{name}, val origin" for name in ("accuracy", *pooled[:2])]
    assert len({round(v, 9) for v in expected.values()}) > 20  # the numbers do differ


def test_batches_change_nothing(run, tmp_path):
    name = f"rival10={run / 'data'}?size={SIDE}&levels=quick&trials=1"
    whole, cut = (
        evaluation.evaluate(
            [MODEL], [name], out=tmp_path / str(size), progress=False, batch_size=size
        ).outcomes()
        for size in (64, 7)
    )
    assert whole.equals(cut)


def test_a_thousand_outputs_read_three_ways(run, tmp_path):
    outputs = (675, 867, 436, 511, 404, 895, 510, 628, 283, 285, 207, 208, 339, 340, 352, 353, 31, 32, 11, 12)
    images, _, labels, names = read(run / "data")
    places = [WNIDS.index(name.split("_")[0]) for name in names]
    x = torch.tensor(images).permute(0, 3, 1, 2).float() / 255
    net = torch.nn.Sequential(torch.nn.AvgPool2d(4), torch.nn.Flatten(), torch.nn.Linear(192, 1000))
    with torch.no_grad():  # the nearest mean: of an ImageNet class, or, elsewhere, of some images
        small = net[:2](x)
        means = small[torch.randint(len(x), (1000, 3), generator=torch.Generator().manual_seed(0))].mean(1)
        for place, output in enumerate(outputs):
            means[output] = small[[k for k, p in enumerate(places) if p == place]].mean(0)
        net[2].weight.copy_(2 * means)
        net[2].bias.copy_(-means.square().sum(1))
        net[2].bias[list(outputs)] += 1
        logits = net(x)
    best = [int(row.argmax()) for row in logits]
    inside = [outputs.index(int(max(outputs, key=lambda o: row[o]))) for row in logits]
    slow = {
        "index": ([b == outputs[place] for b, place in zip(best, places)], places),
        "any": ([b in outputs and outputs.index(b) // 2 == label for b, label in zip(best, labels)], labels),
        "restricted": ([k // 2 == label for k, label in zip(inside, labels)], labels),
    }
    ids = [number(name) for name in names]
    values = set()
    for way, (correct, strata) in slow.items():
        name = f"rival10={run / 'data'}?size={SIDE}&head=none&outputs={way}&levels=quick&trials=1"
        found = evaluation.evaluate({"net": net}, [name], out=tmp_path / way, progress=False)
        rows = found.outcomes()
        mine = rows[rows["condition"] == "test"].set_index("sample").loc[ids]
        assert mine["correct"].tolist() == correct
        expected = class_mean([int(c) for c in correct], strata, range(len(correct)))
        value = found.metrics().set_index("measure").loc["accuracy", "value"]
        assert value == pytest.approx(expected, rel=0, abs=1e-12)
        values.add(value)
        both = rows[rows["condition"] == "all_val"]
        assert len(both) == 40
    assert len(values) == 3
    assert not any((tmp_path / way / "heads").exists() for way in slow)
