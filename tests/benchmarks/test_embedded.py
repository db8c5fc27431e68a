"""The embedded benchmark: determinism, exact masks, disjoint splits, counts."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pyadvspur import AdvSpurError, benchmarks
from pyadvspur.benchmarks import embedded, embedded_scenes

CORRELATED = ("original", "mixed_same", "mixed_rand", "swapped")


@pytest.fixture(scope="module")
def benchmark():
    return benchmarks.Embedded()


def _equal(a, b):
    return all(
        (x is None and y is None) or torch.equal(x, y) for x, y in zip(vars(a).values(), vars(b).values())
    )


@pytest.mark.parametrize("source", ["original", "places", "shifted"])
def test_a_sample_does_not_depend_on_how_it_is_read(benchmark, source):
    whole = benchmark.read(source, 0, 700)
    assert whole.images.dtype == whole.masks.dtype == torch.uint8
    assert whole.images.shape == (700, 32, 32, 3)
    assert _equal(whole[123:131], benchmark.read(source, 123, 131))
    # composed alone, not only cut from a cache
    assert _equal(whole[123:124], embedded._compose(source, np.arange(123, 124)))
    assert len(benchmark.read(source, 5, 5)) == 0
    assert sum(len(batch) for batch in benchmark.batches(source, 64)) == 700


def test_verify_finds_what_was_recorded(benchmark):
    frame = benchmark.verify()
    assert list(frame.columns) == ["item", "expected", "found", "ok", "note"]
    assert frame["ok"].all(), frame.to_string()
    assert benchmark.fingerprint() == benchmarks.get("embedded").fingerprint()


@pytest.mark.parametrize("source", CORRELATED)
def test_masks_are_exact(source):
    scene = embedded._SOURCES[source](embedded_scenes.draw_scenes(np.arange(100), train=False))
    images, masks = embedded_scenes.compose(scene)
    bare, none = embedded_scenes.compose(embedded_scenes.replace(scene, visible=np.zeros(100, bool)))
    assert not none.any()
    assert set(np.unique(masks)) == {0, 255}
    np.testing.assert_array_equal(images[masks == 0], bare[masks == 0])
    brighter = (images.astype(int) - bare).max(-1)[masks == 255]
    assert brighter.min() >= 0
    assert (brighter > 0).mean() > 0.97  # the rest: the faintest edges, and pixels that are already white


def test_sources_share_everything_but_the_background(benchmark):
    same = benchmark.read("mixed_same", 0, 700)
    for source in CORRELATED:
        other = benchmark.read(source, 0, 700)
        assert torch.equal(same.ids, other.ids)
        assert torch.equal(same.labels, other.labels)
        assert torch.equal(same.masks, other.masks)
    assert same.labels.bincount().min() >= 50


def test_agreement(benchmark):
    scenes = embedded_scenes.draw_scenes(np.arange(700), train=False)
    agree = {s: (embedded._SOURCES[s](scenes).kind == scenes.label).mean() for s in CORRELATED}
    assert agree["mixed_same"] == 1
    assert agree["swapped"] == 0
    assert agree["mixed_rand"] == pytest.approx(0.1, abs=0.04)
    assert agree["original"] == pytest.approx(embedded.AGREEMENT + 0.1 * (1 - embedded.AGREEMENT), abs=0.06)
    partners = embedded_scenes.partners(embedded._SOURCES["original"](scenes))
    assert (partners.kind != embedded._SOURCES["original"](scenes).kind).all()


def test_groups_are_unbalanced_and_follow_from_digit_and_photograph(benchmark):
    places = benchmark.read("places", 0, 700)
    counts = places.groups.bincount(minlength=4)
    assert len(counts) == len(benchmark.group_names) == 4
    assert torch.equal(places.groups // 2, places.labels // 5)
    assert counts[[1, 2]].max() < 0.6 * counts[[0, 3]].min()
    assert counts.min() >= 80
    assert (benchmark.read("original", 0, 700).groups == -1).all()


def test_contrast_scales_the_colours_alone(benchmark):
    strong = benchmarks.parse("embedded?contrast=2")
    weak = benchmarks.Embedded(contrast=0.5)
    assert len({b.fingerprint() for b in (benchmark, strong, weak)}) == 3
    assert benchmarks.Embedded(contrast=1).fingerprint() == benchmark.fingerprint()
    assert weak.verify()["ok"].all()
    plain, faint, loud = (b.read("mixed_same", 0, 60) for b in (benchmark, weak, strong))
    assert torch.equal(plain.masks, faint.masks)
    assert torch.equal(plain.labels, loud.labels)
    flat = [b.read("only_fg", 0, 60).images for b in (benchmark, weak)]
    assert torch.equal(*flat)  # no background, nothing to scale
    grey, tint = plain.images.float(), embedded_scenes.tints()[plain.labels.numpy()]
    moved = (
        grey - faint.images.float()
    ) / 255  # half of the colour was taken off, where nothing reached an end
    inside = (plain.images > 0).all(-1) & (plain.images < 255).all(-1) & (faint.images < 255).all(-1)
    expected = torch.from_numpy(0.5 * tint).float()[:, None, None, :].expand_as(moved)
    assert (moved - expected)[inside].abs().max() <= 1.01 / 255


def test_agreement_is_of_original_alone(benchmark):
    rare = benchmarks.parse("embedded?agreement=0.1")
    scenes = embedded_scenes.draw_scenes(np.arange(700), train=False)
    expected = embedded_scenes.compose(embedded_scenes.agree_with(scenes, 0.1))[0]
    assert np.array_equal(rare.read("original", 0, 700).images.numpy(), expected)
    assert torch.equal(rare.read("mixed_rand", 0, 700).images, benchmark.read("mixed_rand", 0, 700).images)
    weights = {
        b: next(m for m in b.measures if m.kind == "group_mean").params["weights"] for b in (rare, benchmark)
    }
    assert weights[rare][1] > weights[benchmark][1]


def test_training_and_test_material_is_disjoint():
    material = embedded_scenes.material()
    assert not set(material.train) & set(material.test)
    assert len(material.train) + len(material.test) == 1797
    reach = embedded_scenes._BLUR // 2
    train = embedded_scenes.draw_scenes((1 << 40) + np.arange(2000), train=True)
    test = embedded_scenes.draw_scenes(np.arange(700), train=False)
    rightmost = embedded_scenes.crop_corners(train)[1].max() + embedded_scenes.SIZE - 1 + reach
    leftmost = min(
        embedded_scenes.crop_corners(s)[1].min() - reach for s in (test, embedded_scenes.partners(test))
    )
    assert rightmost < leftmost


def test_shifted_framing_is_outside_the_training_range():
    train = embedded_scenes.draw_scenes((1 << 40) + np.arange(2000), train=True)
    shifted = embedded_scenes.reframe(embedded_scenes.draw_scenes(np.arange(700), train=False))
    assert np.abs(shifted.angle).min() > np.abs(train.angle).max()


def test_measures_and_attacks_name_real_conditions(benchmark):
    names = [condition.name for condition in benchmark.conditions]
    assert len(set(names)) == len(names)
    assert set(benchmark.attacked) <= set(names)
    for measure in benchmark.measures:
        for key in measure.condition_keys():
            assert set(measure.conditions(key)) <= set(names)


def test_bad_input(benchmark):
    for call in (
        lambda: benchmark.read("orginal", 0, 1),
        lambda: benchmark.read("original", 0, 701),
        lambda: benchmark.label_map(1000),
        lambda: benchmark.condition("nope"),
        lambda: benchmarks.get("embeded"),
        lambda: benchmarks.parse("embedded=/tmp"),
        lambda: benchmarks.parse("imagenet9"),
        lambda: benchmarks.Embedded(contrast=0),
        lambda: benchmarks.parse("embedded?contrast=much"),
        lambda: benchmarks.parse("embedded?agreement=1.5"),
        lambda: benchmarks.parse("embedded?size=32"),
    ):
        with pytest.raises(AdvSpurError):
            call()
    assert benchmarks.parse("embedded").name == "embedded"
