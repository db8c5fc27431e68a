"""One of each: a benchmark of striped images, a network for it, an attack that shades images, and a measure.

Installed beside pyadvspur, `advspur evaluate --model stripe-net --benchmark stripes --attack "linf:0.2(shade)"` works.
"""

import hashlib

import pandas
import torch
from torch import nn

from pyadvspur.attacks import losses
from pyadvspur.attacks.members import Member
from pyadvspur.attacks.searcher import Searcher
from pyadvspur.benchmarks import Batch, Benchmark, Condition
from pyadvspur.errors import bad
from pyadvspur.labels import LabelMap
from pyadvspur.metrics import Kind, Measure

# before the benchmark that names it
FLIP_RATE = Kind(
    ("kept", "turned"),
    formula=lambda kept, turned: (kept - turned) / 2,
    options={"average": "images"},
    leans="up",
    meaning="higher leans more on the tint",
    explained="half the accuracy lost when the tint turns",
)


class Stripes(Benchmark):
    """Which way do the stripes run? In `kept` a tint of red says the same, in `turned` it says the opposite."""

    name = "stripes"
    class_names = ("along", "across")
    conditions = (Condition("kept", "kept"), Condition("turned", "turned"))
    attacked = ("kept",)
    measures = (
        Measure("accuracy", "accuracy", condition="kept"),
        Measure("robust_accuracy", "robust accuracy", condition="kept"),
        Measure("flip_rate", "lost to the tint", kept="kept", turned="turned"),
    )
    input_size = 8

    def __init__(self, n: int = 40):
        if not 1 <= n <= 10_000:
            raise bad("benchmarks.stripes", "n", n, "1 to 10,000 images")
        self.n = n

    def size(self, source):
        return self.n

    def read(self, source, start, stop):
        self.check_range(source, start, stop)
        ids = torch.arange(start, stop)
        labels = ids % 2
        images = torch.full((len(ids), 8, 8, 3), 60, dtype=torch.uint8)
        for image, number, label in zip(images, ids.tolist(), labels.tolist()):
            lit = image[::2] if label else image[:, ::2]
            lit += 1 + number  # contrast grows with the number
            tinted = label if source == "kept" else 1 - label
            image[..., 0] += 30 * tinted
        return Batch(ids, images, None, labels, torch.full_like(ids, -1))

    def label_map(self, n_outputs, name=""):
        return LabelMap.identity(2)

    def fingerprint(self):
        return hashlib.sha256(f"stripes 1.0 {self.n}".encode()).hexdigest()

    def verify(self):
        row = {"item": "images", "expected": self.n, "found": self.n, "ok": True, "note": "made at run time"}
        return pandas.DataFrame([row])


class StripeNet(nn.Module):
    """Compares differences along and across; believes the tint as well."""

    input_size = 8
    mean, std = (0.0, 0.0, 0.0), (0.5, 0.5, 0.5)  # applied to the pixels before the network
    training_info = {"arch": "stripe-net", "norm": "", "eps": 0.0}

    def __init__(self):
        super().__init__()
        self.tint = nn.Parameter(torch.tensor(0.5))

    def forward(self, x):
        across = x.diff(dim=2).abs().mean((1, 2, 3))
        along = x.diff(dim=3).abs().mean((1, 2, 3))
        score = across - along + self.tint * (x[:, 0] - x[:, 1] - 0.1).mean((1, 2))
        return torch.stack([-score, score], 1)


def build():
    """What `models.load("stripe-net")` calls."""
    return StripeNet()


class Shade(Searcher):
    """Makes the red channel of the whole image darker, then brighter, by the full radius."""

    def run(self, batch, found, restart):
        batch.best, batch.best_loss = batch.x0.clone(), torch.full_like(batch.eps, -torch.inf)
        for sign in (-1, 1):
            shift = (
                sign * batch.eps.view(-1, 1, 1, 1) * torch.tensor([1.0, 0, 0]).view(1, 3, 1, 1).to(batch.x0)
            )
            if batch.mask is not None:
                shift = shift * batch.mask[:, None]
            batch.x = (batch.x0 + shift).clamp(0, 1)
            logits, loss = self.forward.values(batch.x, self.loss, batch.y, batch.target)
            found.steps[batch.row] += 1
            better = loss > batch.best_loss
            batch.best[better], batch.best_loss[better] = batch.x[better], loss[better]
            kept = self.take_hits(batch, logits, loss, found)
            if kept is not None:
                batch = batch.select(kept)
            if not len(batch):
                return
        found.held(batch)


def build_shade(forward, norm, seed, *, steps):
    return Shade(forward, norm, losses.get("margin"), seed)


SHADE = Member("shade", "advspur_example:build_shade", {"steps": 2}, norms=("linf",), needs_gradient=False)
