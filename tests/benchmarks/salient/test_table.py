"""The whole way from the command line to the table, against a slow computation that shares no code with it."""

import csv
import json
import re
from collections import defaultdict

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage

from pyadvspur import evaluation, report, streams
from pyadvspur.benchmarks import layouts
from pyadvspur.benchmarks.salient.features import spurious
from pyadvspur.benchmarks.salient.index import number
from pyadvspur.reference import random

SIDE, TRIALS, STD = 32, 3, 1.5
FACTORY = """
import json
from pathlib import Path

import torch


class Nearest(torch.nn.Module):
    '''A thousand outputs, of which seven answer: minus the distance to a class's mean image.'''

    def __init__(self):
        super().__init__()
        held = json.loads(Path(__file__).with_name("means.json").read_text())
        self.labels = [int(label) for label in held]
        self.means = torch.nn.Parameter(torch.tensor(list(held.values())))

    def forward(self, x):
        small = torch.nn.functional.avg_pool2d(x, 4).flatten(1)
        logits = x.new_full((len(x), 1000), -1000.0)
        logits[:, self.labels] = -(small[:, None] - self.means).square().sum(2)
        return logits


def make():
    return Nearest()
"""


def view(image):
    """Resize(37) and CenterCrop(32), as torchvision does: the longer side is truncated, the corner rounded."""
    width, height = image.size
    short = min(width, height)
    width, height = int(37 * width / short), int(37 * height / short)
    left, top = round((width - SIDE) / 2), round((height - SIDE) / 2)
    return np.asarray(
        image.resize((width, height), Image.BILINEAR).crop((left, top, left + SIDE, top + SIDE))
    )


def read(root):
    """The copy by Pillow and csv: (label, stem) -> image, and the masks of its core and of its spurious features."""
    wnids = dict(re.findall(r"(\d+): '(n\d+)'", (root / "salient" / "wordnet_dict.py").read_text()))
    images, parts = {}, defaultdict(lambda: ([], []))
    for label, wnid in ((int(label), wnid) for label, wnid in wnids.items()):
        with (root / "salient" / wnid / "image_names_map.csv").open(newline="") as file:
            for row in csv.DictReader(file):
                for feature, stem in row.items():
                    if not stem:
                        continue
                    path = root / "salient" / wnid / f"feature_{feature}" / f"{stem}.JPEG"
                    bad = int(feature) in spurious().get(label, ())
                    parts[label, stem][bad].append(np.asarray(Image.open(path)) if path.exists() else None)
                    image = Image.open(root / "imagenet" / "train" / wnid / f"{stem}.JPEG").convert("RGB")
                    images[label, stem] = view(image)
    return wnids, images, parts


def grown(mask):
    plus = np.zeros((5, 5), bool)
    plus[2], plus[:, 2] = True, True
    for _ in range(15):
        mask = ndimage.grey_dilation(mask, footprint=plus, mode="constant", cval=0)
    return mask


def class_mean(correct, keys):
    by_class = defaultdict(list)
    for key in keys:
        by_class[key[0]].append(correct[key])
    return sum(sum(v) / len(v) for v in by_class.values()) / len(by_class)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    layouts.sample("salient", tmp_path / "data", per_class=5, seed=2)
    return tmp_path


def test_the_table_equals_a_slow_computation(advspur, folder, capsys):
    wnids, images, parts = read(folder / "data")
    keys = sorted(images)
    small = {key: images[key].reshape(8, 4, 8, 4, 3).mean((1, 3)).transpose(2, 0, 1) / 255 for key in keys}
    means = {
        label: np.mean([small[key].ravel() for key in keys if key[0] == int(label)], axis=0).tolist()
        for label in wnids
    }
    (folder / "means.json").write_text(json.dumps(means))
    (folder / "salient_nearest.py").write_text(FACTORY)
    name = f"salient=data?size={SIDE}&trials={TRIALS}&std={STD}"
    assert advspur("evaluate", "-m", "salient_nearest:make", "-b", name, "-o", "run", "-q") == 0
    import salient_nearest

    model = salient_nearest.make()

    def correct(shown, region_masks, trial=None):
        """Whether the model is right about every image, with noise on the masks."""
        found = {}
        for key in shown:
            x = torch.tensor(images[key]).permute(2, 0, 1).float() / 255
            if trial is not None:
                ids = torch.tensor([number(wnids[str(key[0])], key[1])])
                z = random.draw(ids, x.numel(), "normal", 0, streams.stream(streams.NOISE, trial)).reshape(
                    x.shape
                )
                x = (x + STD * torch.tensor(region_masks[key]).float() * z).clamp(0, 1)
            with torch.no_grad():
                found[key] = int(model(x[None]).argmax()) == key[0]
        return found

    expected, noisy = {}, {}
    used = {}
    for which, (kind, measured) in enumerate((("core", "spurious"), ("spurious", "core"))):
        there = [key for key in keys if parts[key][which]]
        whole = {key: np.max([m for m in parts[key][which] if m is not None], axis=0) for key in there
                 if all(m is not None for m in parts[key][which])}  # fmt: skip
        small = {
            key: np.asarray(Image.fromarray(m).resize((SIDE, SIDE), Image.BILINEAR)) / 255
            for key, m in whole.items()
        }
        used[kind] = {key: whole[key] for key in whole if small[key].any()}
        answers = [correct(used[kind], small, trial) for trial in range(TRIALS)]
        mean = {key: sum(a[key] for a in answers) / TRIALS for key in used[kind]}
        expected[f"{measured} accuracy, ICLR"] = class_mean(mean, used[kind])
        expected[f"accuracy, {kind} images"] = class_mean(correct(used[kind], None), used[kind])
    off, on = {}, {}
    for key, mask in used["core"].items():
        wide = np.asarray(Image.fromarray(grown(mask)).resize((SIDE, SIDE), Image.BILINEAR)).astype(
            np.float32
        )
        on[key] = wide / wide.max()
        off[key] = 1 - on[key]
    for name, region in (("core", off), ("spurious", on)):
        answers = [correct(region, region, trial) for trial in range(TRIALS)]
        noisy[name] = class_mean({key: sum(a[key] for a in answers) / TRIALS for key in region}, region)
        expected[f"{name} accuracy, CoRM"] = noisy[name]
    middle = (noisy["core"] + noisy["spurious"]) / 2
    expected["RCS"] = (noisy["core"] - noisy["spurious"]) / (2 * min(middle, 1 - middle))

    metrics = evaluation.load("run").metrics().set_index("measure")
    assert set(expected) == set(metrics.index)
    for measure, value in expected.items():
        assert metrics.loc[measure, "value"] == pytest.approx(value, rel=0, abs=1e-12), measure
    assert metrics.loc["RCS", "n"] == len(used["core"])
    assert "2 of" in metrics.loc["RCS", "note"]
    assert "1 with empty mask, 1 with no mask" in metrics.loc["RCS", "note"]
    assert len({round(v, 9) for v in expected.values()}) > 4  # the numbers do differ
    assert 0.05 < abs(expected["RCS"]) < 1
    shown = capsys.readouterr().out
    assert "pil-bilinear-37-32" in shown
    columns = report.trade_off(evaluation.load("run"))["salient"].columns
    assert {column.title.split("\n")[0].removesuffix(", %") for column in columns} == {"model", *expected}
    for measure, value in expected.items():
        text = f"{value:.2f}" if measure == "RCS" else f"{100 * value:.1f}"
        assert re.search(rf"(?<![\d.]){re.escape(text)}(?![\d.])", shown), measure


def test_batches_change_nothing(folder):
    frames = [
        evaluation.evaluate(
            ["random:1000"],
            ["salient=data?size=16&trials=1"],
            out=f"run{size}",
            progress=False,
            batch_size=size,
        ).outcomes()
        for size in (64, 5)
    ]
    assert frames[0].equals(frames[1])
    assert set(frames[0]["condition"]) == {
        "core", "spurious", "core/noise(foreground,std=0.25)/0", "spurious/noise(foreground,std=0.25)/0",
        "dilated/noise(foreground,std=0.25)/0", "dilated/noise(background,std=0.25)/0",
    }  # fmt: skip
