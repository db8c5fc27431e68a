"""ImageNet-9 and ObjectNet from the command line, with 1000 outputs, against slow computations on the files."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pyadvspur import evaluation
from pyadvspur.benchmarks.imagenet9.classes import DIRECTORIES, class_of_output
from pyadvspur.benchmarks.imagenet_wnids import WNIDS
from pyadvspur.benchmarks.objectnet.classes import OUTPUTS

NETS = """
import torch

class Linear(torch.nn.Module):
    def __init__(self):
        super().__init__()
        weights = torch.load("weights.pt", weights_only=True)
        self.weight = torch.nn.Parameter(weights["weight"])
        self.bias = torch.nn.Parameter(weights["bias"])

    def forward(self, x):
        x = torch.nn.functional.adaptive_avg_pool2d(x, 6).flatten(1)
        return x @ self.weight.T + self.bias
"""


@pytest.fixture(autouse=True)
def _here(here):
    here("my_linear", NETS)


def _features(path, side, border=0):
    """What the model sees of a file, by PIL and numpy."""
    with Image.open(path) as image:
        rgb = image.convert("RGB")
    if border:
        rgb = rgb.crop((border, border, rgb.width - border, rgb.height - border))
    if rgb.size != (side, side):
        short, resize = min(rgb.size), round(256 * side / 224)
        to = [resize if edge == short else int(resize * edge / short) for edge in rgb.size]
        rgb = rgb.resize(to, Image.Resampling.BILINEAR)
        left, top = round((rgb.width - side) / 2), round((rgb.height - side) / 2)
        rgb = rgb.crop((left, top, left + side, top + side))
    x = torch.from_numpy(np.asarray(rgb).copy()).permute(2, 0, 1)[None] / 255
    return torch.nn.functional.adaptive_avg_pool2d(x, 6).flatten()


def _fit(features, outputs, noise=0.02):
    """Ridge regression to some outputs, right about many of them; some other output sometimes wins."""
    x, y = torch.stack(features), torch.full((len(outputs), 1000), -1.0)
    y[torch.arange(len(outputs)), outputs] = 1
    ones = torch.cat([x, torch.ones(len(x), 1)], 1)
    solution = torch.linalg.solve(ones.T @ ones + 0.3 * torch.eye(ones.shape[1]), ones.T @ y)
    generator = torch.Generator().manual_seed(0)
    weight = solution[:-1].T + noise * torch.randn(1000, x.shape[1], generator=generator)
    torch.save({"weight": weight.contiguous(), "bias": solution[-1].contiguous()}, "weights.pt")
    return lambda f: (f @ weight.T + solution[-1]).numpy()


def _metrics(folder):
    frame = evaluation.load(folder).metrics()
    return frame[frame["attack"] == "none"].set_index("measure")


def test_imagenet9(advspur, capsys):
    assert advspur("datasets", "sample", "imagenet9", "in9", "--per-class", "3") == 0
    root, classes = Path("in9"), class_of_output()
    own = [classes.index(label) for label in range(9)]
    seen = sorted((root / "mixed_same").rglob("*.JPEG"))
    model = _fit([_features(p, 224) for p in seen], [own[int(p.parent.name[:2])] for p in seen])
    run = ["evaluate", "-m", "my_linear:Linear", "-b", "imagenet9=in9", "-o", "runs/a", "-q"]
    assert advspur(*run) == 0
    shown = capsys.readouterr().out
    for text in ("BG-gap", "accuracy only_bg_t", "accuracy only_fg", "n = 27"):
        assert text in shown
    accuracy = {}
    for variation in (
        "original",
        "mixed_same",
        "mixed_rand",
        "mixed_next",
        "only_fg",
        "only_bg_b",
        "only_bg_t",
        "no_fg",
    ):
        right = []
        for label, directory in enumerate(DIRECTORIES):
            for path in (root / variation / "val" / directory).iterdir():
                right.append(classes[int(model(_features(path, 224)).argmax())] == label)
        accuracy[variation] = sum(right) / len(right)
    found = _metrics("runs/a")["value"]
    for variation, expected in accuracy.items():
        assert abs(found[f"accuracy {variation}"] - expected) <= 1e-12
    same, rand = accuracy["mixed_same"], accuracy["mixed_rand"]
    assert same > rand > 0
    assert abs(found["BG-gap"] - (same - rand)) <= 1e-12
    assert abs(found["BG-gap, relative"] - (same - rand) / same) <= 1e-12


def test_objectnet(advspur, capsys):
    assert advspur("datasets", "sample", "objectnet", "on", "--per-class", "3") == 0
    side, wnids = 64, {wnid: k for k, wnid in enumerate(WNIDS)}
    val = [p for p in sorted(Path("on/imagenet/val").rglob("*.JPEG")) if p.parent.name != WNIDS[0]]
    model = _fit([_features(p, side) for p in val[::2]], [wnids[p.parent.name] for p in val[::2]], noise=0.12)
    run = ["evaluate", "-m", "my_linear:Linear", "-b", f"objectnet=on?imagenet=on/imagenet&size={side}"]
    assert advspur(*run, "-o", "runs/b", "-q") == 0
    shown = capsys.readouterr().out
    for text in ("accuracy 125-way", "drop 125-way", "drop 1000-way", "effective"):
        assert text in shown
    assert "border2+pil-bilinear-73-64" in shown

    every = [output for outputs in OUTPUTS.values() for output in outputs]
    of = {output: folder for folder, outputs in OUTPUTS.items() for output in outputs}

    def right(path, folder, border):
        logits = model(_features(path, side, border))
        restricted = max(every, key=lambda output: logits[output])
        return of[restricted] == folder, of.get(int(logits.argmax())) == folder

    objects = [p for p in Path("on/images").rglob("*.png") if p.parent.name.replace(" ", "_") in OUTPUTS]
    results = {
        "objectnet": [right(p, p.parent.name.replace(" ", "_"), 2) for p in objects],
        "imagenet": [right(p, of[wnids[p.parent.name]], 0) for p in val],
    }
    b, a = ({s: float(np.mean([row[k] for row in rows])) for s, rows in results.items()} for k in (0, 1))
    assert b["imagenet"] > a["imagenet"] > 0  # other outputs win now and then
    found = _metrics("runs/b")
    expected = {"effective robustness": b["objectnet"] - _trend(b["imagenet"])}
    for way, acc in (("125-way", b), ("1000-way", a)):
        expected |= {
            f"accuracy {way}": acc["objectnet"],
            f"ImageNet accuracy {way}": acc["imagenet"],
            f"drop {way}": acc["imagenet"] - acc["objectnet"],
            f"relative drop {way}": (acc["imagenet"] - acc["objectnet"]) / acc["imagenet"],
        }
    assert set(expected) == set(found.index)
    for name, value in expected.items():
        assert abs(found.loc[name, "value"] - value) <= 1e-12, name
    assert found.loc["accuracy 125-way", "n"] == 30
    assert found.loc["ImageNet accuracy 125-way", "n"] == len(val)


def _trend(reference, slope=0.980910379540626, intercept=-1.92828890654754):
    return 1 / (1 + math.exp(-(slope * math.log(reference / (1 - reference)) + intercept)))
