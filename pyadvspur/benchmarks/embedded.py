"""The embedded benchmark: real digits on real photographs, made at run time, with every condition of the real ones.

| condition | what it shows | after |
|---|---|---|
| original | backgrounds agree with labels as often as in training | |
| mixed_same, mixed_rand, swapped | they always agree, are drawn at random, never agree | ImageNet-9 |
| only_fg, only_bg | the digit on flat grey; the agreeing background without a digit | ImageNet-9 |
| places | four groups: digits 0-4 / 5-9 on the photograph china / flower | Waterbirds |
| original/noise(...), /swap(...) | noise on the exact mask or off it; another background | RIVAL10 |
| shifted | turned, sheared, off-centre digits of other sizes on random backgrounds | ObjectNet |

The sources share digits, positions and crops: sample i is the same object everywhere, one per test digit, so that
differences between conditions are paired and samples are independent. How images are made: `embedded_scenes`.

`contrast` scales the backgrounds' colours, which tell their types, and leaves the digit as it is: the spurious
feature's scale. `agreement` is how often a background of "original" agrees: that of the training images that it
stands for.
"""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from pyadvspur import masking
from pyadvspur.benchmarks import embedded_scenes as scenes
from pyadvspur.benchmarks.base import Batch, Benchmark, Condition
from pyadvspur.errors import bad, unknown
from pyadvspur.metrics import Measure

if TYPE_CHECKING:
    import pandas

    from pyadvspur.labels import LabelMap

#: Probability that a training background is set to the label's own type; otherwise its type is drawn at random.
AGREEMENT = 0.6
_USUAL = (1.0, AGREEMENT)
_PLACE_AGREEMENT = 0.7
_L2_LEVELS = (3.0, 6.0, 9.0)
_STD_LEVELS = (0.1, 0.2)
_MATERIAL = "5ba06edb364b3eaf918dabba4018925a157616dc6a9519ffc7a3f78ac00e2479"
_IMAGES = "bb0c15898cc196da4cae93efb6d70f8079363a0b605a77d0245570db7bd9d102"

_Scenes = scenes.Scenes
_SOURCES: dict[str, Callable[..., _Scenes]] = {
    "original": lambda s, agreement=AGREEMENT: scenes.agree_with(s, agreement),
    "mixed_same": lambda s: s,
    "mixed_rand": lambda s: scenes.agree_with(s, 0.0),
    "swapped": scenes.disagree,
    "only_fg": lambda s: replace(s, kind=np.full_like(s.kind, -1)),
    "only_bg": lambda s: replace(s, visible=np.zeros_like(s.visible)),
    "places": lambda s: scenes.place_with(s, _PLACE_AGREEMENT),
    "shifted": lambda s: scenes.reframe(scenes.agree_with(s, 0.0)),
}


def _noise(region: str, **size: float) -> Condition:
    variant = masking.noise(region, **size)
    return Condition(f"original/{variant.name}", "original", variant)


_FOREGROUND_L2 = tuple(_noise("foreground", l2=level) for level in _L2_LEVELS)
_BACKGROUND_L2 = tuple(_noise("background", l2=level) for level in _L2_LEVELS)
_FOREGROUND_STD = tuple(_noise("foreground", std=level) for level in _STD_LEVELS)
_BACKGROUND_STD = tuple(_noise("background", std=level) for level in _STD_LEVELS)
_SWAP = Condition("original/swap(background)", "original", masking.swap("background"))


def _names(conditions: tuple[Condition, ...]) -> list[str]:
    return [condition.name for condition in conditions]


def _measures(agreement: float = AGREEMENT) -> tuple[Measure, ...]:
    # Half of the backgrounds that were drawn at random show the other photograph.
    other = (1 - agreement) / 2
    weights = [(1 - other) / 2, other / 2, other / 2, (1 - other) / 2]
    return (
        *(Measure("accuracy", f"accuracy {name}", condition=name) for name in _SOURCES),
        Measure("accuracy", "accuracy original/swap(background)", condition=_SWAP.name),
        Measure("bg_gap", "BG-gap", same="mixed_same", rand="mixed_rand"),
        Measure("bg_gap", "swap gap", same="mixed_same", rand="swapped"),
        Measure("rfs", "RFS", fg=_names(_FOREGROUND_L2), bg=_names(_BACKGROUND_L2)),
        *(
            Measure("rfs", f"RFS l2={level:g}", fg=fg.name, bg=bg.name)
            for level, fg, bg in zip(_L2_LEVELS, _FOREGROUND_L2, _BACKGROUND_L2)
        ),
        Measure("rfs", "RFS std", fg=_names(_FOREGROUND_STD), bg=_names(_BACKGROUND_STD)),
        Measure("worst_group", "worst group", condition="places"),
        Measure("group_mean", "mean, training-weighted", condition="places", weights=weights),
        Measure("bg_gap", "shift drop", same="original", rand="shifted"),
        Measure("robust_accuracy", "robust accuracy mixed_same", condition="mixed_same"),
        Measure("robust_accuracy", "robust accuracy mixed_rand", condition="mixed_rand"),
    )


class Embedded(Benchmark):
    """Ten digits on ten types of background, 32x32, 700 samples a source. Reads no file outside scikit-learn.

    contrast: what the backgrounds' colours are multiplied by, in (0, 4]; above 1 a few pixels reach the ends of the
    range (4 % at 2). agreement: in [0, 1], of "original".
    """

    name = "embedded"
    class_names = tuple(str(digit) for digit in range(10))
    group_names = ("0-4 on china", "0-4 on flower", "5-9 on china", "5-9 on flower")
    input_size = scenes.SIZE
    conditions = (
        *(Condition(name, name) for name in _SOURCES),
        _SWAP,
        *_FOREGROUND_L2,
        *_BACKGROUND_L2,
        *_FOREGROUND_STD,
        *_BACKGROUND_STD,
    )
    attacked = ("mixed_same", "mixed_rand")
    attack_size = 200
    measures = _measures()

    def __init__(self, *, contrast: float = 1.0, agreement: float = AGREEMENT) -> None:
        for name, value, low, high in (("contrast", contrast, 0, 4), ("agreement", agreement, 0, 1)):
            good = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
            if not good or not low <= value <= high or (name == "contrast" and value == 0):
                takes = f"a number in {'(' if name == 'contrast' else '['}{low}, {high}]"
                raise bad("benchmarks.embedded", name, repr(value), takes)
        self._made = (float(contrast), float(agreement))
        if agreement != AGREEMENT:
            self.measures = _measures(agreement)

    def size(self, source: str) -> int:
        """700, one sample for each test digit."""
        self._check_source(source)
        return scenes.N_TEST_DIGITS

    def read(self, source: str, start: int, stop: int) -> Batch:
        """Samples of a source: see `Benchmark.read`. Masks are exact (255 where the digit adds anything at all);
        partners are given for "original", groups for "places"."""
        self._check_source(source)
        self.check_range(source, start, stop)
        return _whole(source, *self._made)[start:stop]

    def label_map(self, n_outputs: int) -> LabelMap:
        """Output k is digit k; other than ten outputs are refused."""
        from pyadvspur.labels import LabelMap

        if n_outputs != 10:
            raise bad("benchmarks.embedded", "n_outputs", n_outputs, "10, one output for each digit")
        return LabelMap.identity(10)

    def fingerprint(self) -> str:
        """SHA-256 over the material and the first images of every source, as composed on this machine."""
        return hashlib.sha256((scenes.material().sha256 + _composed(*self._made)).encode()).hexdigest()

    def verify(self) -> pandas.DataFrame:
        """Checks the digits and photographs that scikit-learn brought, the composed images (as they are without
        options), and the splits."""
        import pandas as pd

        checks = (
            (
                "material",
                _MATERIAL,
                lambda: scenes.material().sha256,
                "digits and photographs of scikit-learn",
            ),
            (
                "images",
                _IMAGES,
                lambda: _composed(*_USUAL),
                "first 20 images and masks of every source, without options",
            ),
            ("digits in both splits", 0, _shared_digits, "training and test digits are disjoint"),
        )
        rows = []
        for item, expected, find, note in checks:
            try:
                found = find()
            except Exception as error:  # the table reports it
                found, note = None, f"{note}: {error}"
            rows.append((item, expected, found, found == expected, note))
        return pd.DataFrame(rows, columns=["item", "expected", "found", "ok", "note"])

    def _check_source(self, source: str) -> None:
        if source not in _SOURCES:
            raise unknown("benchmarks.embedded", "source", source, _SOURCES)


def _compose(source: str, ids: np.ndarray, contrast: float = 1.0, agreement: float = AGREEMENT) -> Batch:
    drawn = replace(scenes.draw_scenes(ids, train=False), contrast=contrast)
    scene = _SOURCES[source](drawn, agreement) if source == "original" else _SOURCES[source](drawn)
    images, masks = scenes.compose(scene)
    group = np.full(len(ids), -1)
    if source == "places":
        group = scene.label // 5 * 2 + scene.kind // 5
    return Batch(
        ids=torch.from_numpy(ids),
        images=torch.from_numpy(images),
        masks=torch.from_numpy(masks),
        labels=torch.from_numpy(scene.label),
        groups=torch.from_numpy(group),
        partners=torch.from_numpy(scenes.compose(scenes.partners(scene))[0])
        if source == "original"
        else None,
    )


@functools.cache
def _whole(source: str, contrast: float, agreement: float) -> Batch:
    return _compose(source, np.arange(scenes.N_TEST_DIGITS), contrast, agreement)


@functools.cache
def _composed(contrast: float, agreement: float) -> str:
    digest = hashlib.sha256()
    for source in _SOURCES:
        batch = _compose(source, np.arange(20), contrast, agreement)
        digest.update(batch.images.numpy().tobytes() + batch.masks.numpy().tobytes())
    return digest.hexdigest()


def _shared_digits() -> int:
    return len(np.intersect1d(scenes.material().train, scenes.material().test))
