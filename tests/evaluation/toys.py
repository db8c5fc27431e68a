"""A tiny benchmark and tiny models, importable from spawned processes."""

import dataclasses
import hashlib
import os
import time

import torch

from pyadvspur import masking
from pyadvspur.benchmarks.base import Batch, Benchmark, Condition
from pyadvspur.benchmarks.readout import Readout
from pyadvspur.labels import LabelMap
from pyadvspur.metrics import Measure

N = 150  # more than one attacked unit


class Toy(Benchmark):
    """Grey squares on coloured noise; the label is the square's brightness. 12 classes of output answer 3 classes."""

    name = "toy"
    class_names = ("dark", "middle", "bright")
    conditions = (
        Condition("agrees", "agrees"),
        Condition("fg noise", "agrees", masking.noise("foreground", std=0.2)),
        Condition("bg noise", "agrees", masking.noise("background", std=0.2)),
        Condition("bg noise, again", "agrees", masking.noise("background", std=0.2), trial=1),
        Condition("swapped", "swapped"),
    )
    attacked = ("agrees", "swapped")
    measures = (
        Measure("accuracy", "accuracy", condition="agrees"),
        Measure("robust_accuracy", "robust accuracy", condition="agrees"),
        Measure("rfs", "RFS", fg="fg noise", bg=["bg noise", "bg noise, again"]),
        Measure("bg_gap", "gap", same="agrees", rand="swapped"),
        Measure("worst_group", "worst group", condition="swapped"),
        Measure("group_mean", "weighted mean", condition="swapped", weights=[3, 1]),
    )
    group_names = ("even", "odd")
    input_size = 12

    def size(self, source):
        return N

    def read(self, source, start, stop):
        self.check_range(source, start, stop)
        ids = torch.arange(start, stop)
        parts = [self._one(int(i), source) for i in ids]
        labels = ids % 3
        masks = torch.zeros(len(ids), 12, 12, dtype=torch.uint8)
        masks[:, 3:9, 3:9] = 255
        return Batch(ids * 7, torch.stack(parts), masks, labels, ids % 2)

    def _one(self, i, source):
        generator = torch.Generator().manual_seed(i)
        image = torch.randint(0, 120, (12, 12, 3), generator=generator)
        image[..., i % 3 if source == "agrees" else (i // 3) % 3] += 40
        image[3:9, 3:9] = image[3:9, 3:9] // 3 + 80 * (i % 3)
        return image.to(torch.uint8)

    def label_map(self, n_outputs):
        if n_outputs == 12:
            return LabelMap.many_to_one([0, 1, 2, -1] * 3)
        return LabelMap.identity(3)

    def fingerprint(self):
        return hashlib.sha256(b"toy").hexdigest()

    def verify(self):
        raise NotImplementedError


class Maskless(Toy):
    """Without masks, and without what needs them."""

    conditions = (Condition("agrees", "agrees"),)
    attacked = ("agrees",)
    measures = ()

    def read(self, source, start, stop):
        return dataclasses.replace(super().read(source, start, stop), masks=None)


class Net(torch.nn.Module):
    """A small convolutional network with fixed random weights, K outputs."""

    def __init__(self, seed=0, outputs=3):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.body = torch.nn.Sequential(
                torch.nn.Conv2d(3, 8, 3, padding=1),
                torch.nn.ReLU(),
                torch.nn.Conv2d(8, 16, 3, stride=2),
                torch.nn.BatchNorm2d(16),
                torch.nn.ReLU(),
                torch.nn.Flatten(),
                torch.nn.Linear(400, outputs),
            )
        self.seed = seed

    def forward(self, x):
        return self.body(x) * 4


class Dying(Net):
    """Ends its process without a word."""

    n_outputs = 3  # said, so that nobody has to try

    def forward(self, x):
        os._exit(9)


class Slow(Net):
    def forward(self, x):
        time.sleep(0.05)
        return super().forward(x)


class NotANumber(Net):
    def forward(self, x):
        return super().forward(x) * float("nan")


class WrongShape(Net):
    def forward(self, x):
        return super().forward(x)[..., None]


class Greedy(Net):
    """Needs more memory than there is for more than five images."""

    def forward(self, x):
        if len(x) > 5:
            raise torch.OutOfMemoryError("out of memory")
        return super().forward(x)


class Probed(Toy):
    """Toy with a head on frozen features."""

    readout = Readout("probe", "agrees", "swapped", 3)


#: what is wrong with which images of `Torn`
BAD = {
    0: "0.png is empty",
    3: "3.png is truncated",
    8: "8.png is empty",
    9: "a mask of another size",
    39: "gone",
}


class Torn(Toy):
    """Some images of `agrees` cannot be read; the sources share their objects, `swapped` has them all."""

    def read(self, source, start, stop):
        batch = super().read(source, start, stop)
        if source != "agrees":
            return batch
        errors = tuple(BAD.get(k, "") for k in range(start, stop))
        images = batch.images.clone()
        images[[k for k, error in enumerate(errors) if error]] = 0
        return dataclasses.replace(batch, images=images, errors=errors)


class Whole(Torn):
    """The same with every image there."""

    read = Toy.read
