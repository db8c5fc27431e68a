"""ObjectNet on a generated copy: files, borders, readings, ImageNet's part, and what is wrong with a copy."""

import json
import pickle
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from pyadvspur import AdvSpurError, benchmarks
from pyadvspur.benchmarks import layouts
from pyadvspur.benchmarks.objectnet import ObjectNet, sample
from pyadvspur.benchmarks.objectnet.classes import FOLDERS, OUTPUTS


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("objectnet") / "objectnet-1.0"
    count = layouts.sample("objectnet", folder, per_class=2)
    assert count == sum(path.is_file() for path in folder.rglob("*"))
    return folder


@pytest.fixture
def own_copy(tmp_path):
    layouts.sample("objectnet", tmp_path / "on", per_class=1)
    return tmp_path / "on"


def test_a_copy_reads_back(copy):
    bench = ObjectNet(copy.parent, imagenet=copy / "imagenet")  # what holds objectnet-1.0 will do
    assert [c.name for c in bench.conditions] == [
        "objectnet/125-way", "objectnet/1000-way", "imagenet/125-way", "imagenet/1000-way",
    ]  # fmt: skip
    assert bench.size("objectnet") == 2 * len(sample.CLASSES)  # the folders outside the 113 are left out
    batch = bench.read("objectnet", 0, bench.size("objectnet"))
    assert batch.images.shape == (20, 224, 224, 3)
    assert batch.errors == ("",) * 20
    labels = [FOLDERS.index(name) for name in sample.CLASSES]
    assert batch.labels.tolist() == labels * 2  # by turns
    assert batch.ids.unique().numel() == 20
    part = bench.read("objectnet", 7, 11)
    assert torch.equal(part.images, batch.images[7:11])
    assert pickle.loads(pickle.dumps(bench)).fingerprint() == bench.fingerprint()
    val = bench.read("imagenet", 0, bench.size("imagenet"))
    assert len(val) == 2 * sum(len(OUTPUTS[name]) for name in sample.CLASSES)
    assert set(val.labels.tolist()) == set(labels)
    assert ObjectNet(copy).conditions == bench.conditions[:2]
    assert ObjectNet(copy / "images").size("objectnet") == 20


def test_pixels_are_pillows_after_two_pixels_are_cut(copy):
    bench = ObjectNet(copy)
    batch = bench.read("objectnet", 0, 20)
    modes = set()
    for entry, pixels in zip(bench.entries("objectnet"), batch.images.numpy()):
        with Image.open(entry.path) as image:
            modes.add(image.mode)
            rgb = image.convert("RGB")
        rgb = rgb.crop((2, 2, rgb.width - 2, rgb.height - 2))
        short = min(rgb.size)
        resized = rgb.resize(
            [int(256 * side / short) if side != short else 256 for side in rgb.size],
            Image.Resampling.BILINEAR,
        )
        left, top = round((resized.width - 224) / 2), round((resized.height - 224) / 2)
        assert np.array_equal(pixels, np.asarray(resized.crop((left, top, left + 224, top + 224))))
    assert modes == {"RGB", "RGBA", "P"}


def test_preprocessing_has_a_name_that_counts(copy):
    default = ObjectNet(copy, imagenet=copy / "imagenet")
    template = ObjectNet(copy, imagenet=copy / "imagenet", preprocessing="border2+pil-bilinear-224-224")
    assert default.preprocessing == "border2+pil-bilinear-256-224"
    assert default._preprocessing["imagenet"].name == "pil-bilinear-256-224"
    assert template._preprocessing["imagenet"].name == "pil-bilinear-224-224"
    assert default.fingerprint() != template.fingerprint()
    small = benchmarks.parse(f"objectnet={copy}?imagenet={copy / 'imagenet'}&size=32")
    assert small.preprocessing == "border2+pil-bilinear-37-32"
    assert small.read("imagenet", 0, 3).images.shape == (3, 32, 32, 3)


def test_readings(copy):
    bench = ObjectNet(copy)
    logits = torch.zeros(1, 1000)
    logits[0, 151], logits[0, 409] = 2, 1  # a dog before an analog clock
    for condition, expected in (
        ("objectnet/1000-way", -1),
        ("objectnet/125-way", FOLDERS.index("alarm_clock")),
    ):
        codes = bench.map_of(condition, 1000).codes(1000)
        best = logits.masked_fill(codes == -2, -torch.inf).argmax()
        assert codes[best] == expected
    with pytest.raises(AdvSpurError, match="takes 1000"):
        bench.label_map(113)
    with pytest.raises(AdvSpurError, match="125-way"):
        bench.label_map(1000, "126-way")


def test_no_model_is_tuned_on_it_and_shown_images_keep_a_red_border(copy):
    bench = ObjectNet(copy)
    assert bench.readout is None
    assert bench.frame == (255, 0, 0)
    assert "never tune" in bench.licence


def test_a_copy_verifies(copy):
    frame = ObjectNet(copy, imagenet=copy / "imagenet").verify()
    assert frame["ok"].all(), frame.to_string()
    rows = frame.set_index("item")
    assert rows.loc["other folders", "found"] == 2
    assert "4 images in them are left out" in rows.loc["other folders", "note"]
    assert rows.loc["mappings", "found"] == 113


def test_verify_names_what_is_wrong(own_copy):
    next((own_copy / "images" / "banana").iterdir()).unlink()
    victim = next((own_copy / "images" / "t-shirt").iterdir())
    victim.write_bytes(victim.read_bytes()[:900])
    shutil.copytree(own_copy / "images" / "tv", own_copy / "images" / "Tv")
    (own_copy / "images" / "zebra").mkdir()
    for path in (own_copy / "imagenet" / "val" / "n07753592").iterdir():
        path.unlink()
    names = own_copy / "mappings" / "objectnet_to_imagenet_1k.json"
    table = json.loads(names.read_text())
    table["Wok"] = "wok; frying pan"
    names.write_text(json.dumps(table))
    bench = ObjectNet(own_copy, imagenet=own_copy / "imagenet")
    rows = bench.verify().set_index("item")
    assert len({entry.id for entry in bench.entries("objectnet")}) == bench.size("objectnet")
    assert not rows.loc["class folders", "ok"]
    assert "banana" in rows.loc["class folders", "note"]
    assert "Tv" in rows.loc["folders of one class", "note"]
    assert "banana" in rows.loc["images of these classes", "note"]
    assert "zebra" in rows.loc["other folders", "note"]
    assert "wok" in rows.loc["mappings", "note"]
    assert victim.name in rows.loc["objectnet, readable", "note"]
    assert "n07753592: 0" in rows.loc["imagenet, images", "note"]
    position = [entry.path for entry in bench.entries("objectnet")].index(victim)
    errors = bench.read("objectnet", 0, bench.size("objectnet")).errors
    assert [bool(text) for text in errors] == [k == position for k in range(len(errors))]
    (own_copy / "SAMPLE.json").write_text('{"counts": 3}')
    rows = ObjectNet(own_copy).verify().set_index("item")
    assert not rows.loc["copy", "ok"]
    assert rows.loc["images of these classes", "expected"] == 18_574


def test_refusals(copy, tmp_path):
    with pytest.raises(AdvSpurError, match="datasets sample objectnet"):
        ObjectNet(tmp_path)
    with pytest.raises(AdvSpurError, match="val/<wnid>"):
        ObjectNet(copy, imagenet=tmp_path)
    with pytest.raises(AdvSpurError, match="objectnet"):
        ObjectNet(copy).read("imagenet", 0, 1)
