"""The whole way from the command line to the table, against a slow computation that shares no code with it."""

import csv
import re

import numpy as np
import pytest
import torch
from PIL import Image

from pyadvspur import AdvSpurError, evaluation, models
from pyadvspur.benchmarks import layouts
from pyadvspur.benchmarks.waterbirds import layout

MODEL = "embedded:cnn_standard"
GRID = (1.0, 0.7, 0.3, 0.1, 0.07, 0.03, 0.01)


def newton(x, y, c):
    """L2 logistic regression with a free intercept, by Newton's method: weights (D,) and intercept. The weights lie in
    the span of the rows, so the steps are taken there."""
    u, s, basis = np.linalg.svd(x, full_matrices=False)
    x = np.c_[u * s, np.ones(len(x))]
    penalty = np.r_[np.ones(x.shape[1] - 1), 0] / c
    w = np.zeros(x.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-x @ w))
        gradient = x.T @ (p - y) + penalty * w
        step = np.linalg.solve((x.T * (p * (1 - p))) @ x + np.diag(penalty), gradient)
        w -= step
        if np.abs(step).max() < 1e-12:
            break
    return basis.T @ w[:-1], w[-1]


def slow(root, rule):
    """The table's numbers by plain means: Pillow, the network's own layers, Newton, loops over groups."""
    with (root / "metadata.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    network = models.load(MODEL).network
    data = {}
    for split in range(3):
        mine = [row for row in rows if row["split"] == str(split)]
        pixels = []
        for row in mine:
            image = Image.open(root / row["img_filename"]).convert("RGB").resize((37, 37), Image.BILINEAR)
            pixels.append(np.asarray(image.crop((2, 2, 34, 34))) / 255)
        x = torch.tensor(np.stack(pixels)).permute(0, 3, 1, 2).float()
        with torch.no_grad():
            features = network.features((x - network.mean) / network.std).flatten(1).double().numpy()
        data[split] = (
            features,
            np.array([int(r["y"]) for r in mine]),
            np.array([2 * int(r["y"]) + int(r["place"]) for r in mine]),
        )
    mean, std = data[0][0].mean(0), data[0][0].std(0)
    std[std == 0] = 1
    best, best_score = None, -1
    for c in GRID:
        w, b = newton((data[0][0] - mean) / std, data[0][1], c)
        right = (((data[1][0] - mean) / std @ w + b > 0) == data[1][1]).astype(float)
        score = right.mean() if rule == "average" else min(right[data[1][2] == g].mean() for g in range(4))
        if score > best_score:
            best, best_score = (w, b), score
    right = (((data[2][0] - mean) / std @ best[0] + best[1] > 0) == data[2][1]).astype(float)
    per_group = [right[data[2][2] == g].mean() for g in range(4)]
    shares = np.bincount(data[0][2], minlength=4) / len(data[0][2])
    return {
        "average over images": right.mean(),
        "average, training-weighted": float(shares @ per_group),
        "worst group": min(per_group),
        **dict(zip(layout.GROUPS, per_group)),
    }


@pytest.mark.parametrize("rule", ["average", "worst-group"])
def test_the_table_equals_a_slow_computation(advspur, tmp_path, monkeypatch, capsys, rule):
    monkeypatch.chdir(tmp_path)
    layouts.sample("waterbirds", tmp_path / "data", per_class=6, seed=3)
    name = f"waterbirds={tmp_path / 'data'}?size=32&rule={rule}"
    assert advspur("evaluate", "-m", MODEL, "-b", name, "-a", "linf:1/255(steps=2)", "-o", "run", "-q") == 0
    expected = slow(tmp_path / "data" / layout.FOLDERS[0], rule)
    run = evaluation.load("run")
    found = run.metrics()
    clean = found[found["attack"] == "none"].set_index("measure")["value"]
    for measure, value in expected.items():
        assert clean[measure] == pytest.approx(value, rel=0, abs=1e-12)
    assert len(set(expected.values())) > 3  # the numbers do differ
    shown = capsys.readouterr().out
    for measure, value in expected.items():
        assert measure.split()[0] in shown
        assert re.search(rf"\b{100 * value:.1f} \[", shown)
    rule_text = {"average": "no group labels", "worst-group": "worst-group validation accuracy"}[rule]
    assert rule_text in " ".join(shown.split())
    assert "pil-bilinear-37x37-32" in shown
    attacked = found[found["measure"] == "robust accuracy"]
    assert len(attacked) == 1
    assert attacked["value"].iloc[0] <= expected["average over images"]


def test_a_model_with_two_outputs_needs_no_head(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    layouts.sample("waterbirds", tmp_path / "data", per_class=1)
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 8 * 8, 2))
    run = evaluation.evaluate(
        {"net": net}, [f"waterbirds={tmp_path / 'data'}?size=8"], out="run", progress=False
    )
    assert run.complete
    assert not (tmp_path / "run" / "heads").exists()
    name = f"waterbirds={tmp_path / 'data'}?size=32&readout=none"
    with pytest.raises(AdvSpurError, match=r"2 \(landbird, waterbird\).*readout=probe"):
        evaluation.evaluate([MODEL], [name], out="other", progress=False)
