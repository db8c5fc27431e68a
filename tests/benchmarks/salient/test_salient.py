"""Salient ImageNet: the table of features, lists, masks, alignment, odd files."""

import json
import pickle

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage

from pyadvspur import AdvSpurError
from pyadvspur.benchmarks import SalientImageNet, layouts, mask_state
from pyadvspur.benchmarks.salient import layout, masks, sample
from pyadvspur.benchmarks.salient.features import spurious
from pyadvspur.labels import LabelMap


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("salient")
    count = layouts.sample("salient", folder, per_class=3)
    assert sum(path.is_file() for path in folder.rglob("*")) == count
    return folder


@pytest.fixture
def own_copy(tmp_path):
    layouts.sample("salient", tmp_path / "s", per_class=2)
    return tmp_path / "s"


def test_the_table_agrees_with_the_published_answers(data_dir):
    facts = json.loads((data_dir / "facts" / "salient_imagenet.json").read_text())
    table = spurious()
    core = 0
    with_core, with_spurious = set(), set()
    for row in facts["per_class"]:
        label = row["class_index"]
        assert table.get(label, frozenset()) == set(row["spurious"])
        left = {*row["core"], *row["spurious"]} - table.get(label, frozenset())
        assert left == set(row["core"])
        core += len(left)
        with_core |= {label} if left else set()
        with_spurious |= {label} if label in table else set()
    assert (core, sum(map(len, table.values()))) == (4370, 630)
    assert (len(with_spurious), len(with_core), len(with_core & with_spurious)) == (357, 985, 342)
    assert sorted(set(range(1000)) - with_core) == facts["classes_without_core"]
    known = {row["class_index"]: row for row in facts["per_class"]}
    for label, (wnid, features) in sample.CLASSES.items():
        assert (wnid, set(features)) == (known[label]["wnid"], set(known[label]["core"]))


def test_sources(copy):
    bench = SalientImageNet(copy, size=32)
    assert bench.preprocessing == "pil-bilinear-37-32"
    core, bad = (bench.read(source, 0, bench.size(source)) for source in ("core", "spurious"))
    dilated = bench.read("dilated", 0, bench.size("dilated"))
    assert set(core.labels.tolist()) == {0, 2, 3, 9, 83, 999}  # 379 has no core feature
    assert set(bad.labels.tolist()) == {2, 3, 9, 83, 379, 999}  # 0 has no spurious one
    assert core.labels[:6].tolist() == [0, 2, 3, 9, 83, 999]  # by turns
    assert torch.equal(core.images, dilated.images)
    assert torch.equal(core.ids, dilated.ids)
    assert core.ids.unique().numel() == len(core)
    shared = torch.isin(core.ids, bad.ids)  # one image, one id, whatever the source
    assert shared.any()
    assert not shared.all()
    assert core.masks.dtype == torch.uint8
    assert dilated.masks.dtype == torch.float32
    assert core.errors == ("",) * len(core)
    part = bench.read("dilated", 4, 7)
    assert torch.equal(part.masks, dilated.masks[4:7])
    assert pickle.loads(pickle.dumps(bench)).fingerprint() == bench.fingerprint()
    assert bench.label_map(1000) == LabelMap.identity(1000)
    with pytest.raises(AdvSpurError, match="1000"):
        bench.label_map(10)
    # the four images that a feature of class 83 lists twice, or that two features list, come once
    assert (core.labels == 83).sum() == 3


def union(bench, source, k):
    """The mask of sample k before anything is done to it, by Pillow."""
    row = int(bench._rows(source)[k])
    found = [np.asarray(Image.open(p).convert("L")) for p in bench.mask_paths(source, row) if p.is_file()]
    return np.max([np.zeros((224, 224), np.uint8), *found], axis=0)


def test_masks_go_straight_to_the_crop(copy):
    straight, legacy = SalientImageNet(copy), SalientImageNet(copy, legacy_alignment=True)
    small = SalientImageNet(copy, size=56)
    n = straight.size("core")
    batch, old, little = (bench.read("core", 0, n) for bench in (straight, legacy, small))
    apart = 0
    for k in range(n):
        expected = union(straight, "core", k)
        assert np.array_equal(batch.masks[k], expected)
        view = Image.fromarray(expected).resize((256, 256), Image.BILINEAR).crop((16, 16, 240, 240))
        assert np.array_equal(old.masks[k], view)
        assert np.array_equal(little.masks[k], Image.fromarray(expected).resize((56, 56), Image.BILINEAR))
        apart += (np.abs(np.asarray(view, int) - expected) > 60).sum()
    assert apart > 1000  # the historical zoom does move masks
    assert straight.fingerprint() != legacy.fingerprint()


def test_growing_is_the_published_filter(copy):
    """Fifteen rounds of a plus of width 5, by scipy, then division by the image's own maximum."""
    bench = SalientImageNet(copy)
    batch = bench.read("dilated", 0, bench.size("dilated"))
    plus = np.zeros((5, 5), bool)
    plus[2], plus[:, 2] = True, True
    for k in range(len(batch)):
        grown = union(bench, "dilated", k)
        for _ in range(15):
            grown = ndimage.grey_dilation(grown, footprint=plus, mode="constant", cval=0)
        most = max(1, int(grown.max()))
        expected = grown.astype(np.float32) / np.float32(most)
        assert np.array_equal(batch.masks[k], expected)
    usable = batch.groups == mask_state.USABLE
    assert (batch.masks[usable].flatten(1).amax(1) == 1).all()
    assert (batch.masks[usable].flatten(1).amin(1) < 1).all()


def test_odd_masks_are_told_in_the_groups(copy):
    bench = SalientImageNet(copy, size=32)
    for source in ("core", "dilated"):
        batch = bench.read(source, 0, bench.size(source))
        odd = {state: batch.labels[batch.groups == state].tolist() for state in (1, 2, 3)}
        assert odd == {1: [sample.EMPTY_MASK], 2: [sample.FULL_MASK], 3: [sample.NO_MASK]}


def test_quirks_of_a_list(tmp_path):
    text = "﻿,12, 7 ,1900\r\n0,n1_1,n1_2.JPEG,\r\n\r\n1,n1_1,n1_3\r\n2, n1_2 ,,n1_4\r\n"
    (tmp_path / layout.MAP).write_bytes(text.encode())
    found = layout.read_map(tmp_path)
    assert found.features == (12, 7, 1900)
    assert found.rows == (3, 2, 1)
    assert found.bits == {"n1_1": 0b001, "n1_2": 0b011, "n1_3": 0b010, "n1_4": 0b100}


@pytest.mark.parametrize("rows, name", [(65, "ICLR 2022"), (260, "1M"), (100, "unknown (100")])
def test_the_release_is_known_by_its_rows(copy, rows, name):
    bench = SalientImageNet(copy)
    found = bench.listed[0]
    found[0] = found[0]._replace(rows=(rows,) * 5 * len(found))
    assert name in bench.release


@pytest.mark.parametrize(
    "text, match",
    [
        ("12,core\nn1_1,n1_2\n", "not with the numbers of features"),
        ("", "not with the numbers of features"),
        ("12,12\nn1_1,n1_2\n", "twice"),
        ("12\n../../secret\n", "no file name"),
        (",".join(map(str, range(61))) + "\n", "at most 60"),
    ],
)
def test_a_bad_list_is_named(own_copy, text, match):
    (own_copy / "salient" / "n01440764" / layout.MAP).write_text(text)
    with pytest.raises(AdvSpurError, match=match):
        SalientImageNet(own_copy).size("core")
    frame = SalientImageNet(own_copy).verify().set_index("item")
    assert not frame.loc["lists readable", "ok"]
    assert "n01440764" in frame.loc["lists readable", "note"]
    assert frame.loc["classes", "found"] == 6


@pytest.mark.parametrize(
    "text",
    [
        "__import__('pathlib').Path('ran').touch() or {0: 'n01440764'}",
        "{0: open('ran', 'w')}",
        "[" * 100_000,
        "{0: '../../etc'}",
        "{'0': 'n01440764'}",
        "{2000: 'n01440764'}",
        "{}",
        "",
    ],
)
def test_the_dict_of_classes_is_data(own_copy, monkeypatch, text):
    monkeypatch.chdir(own_copy)
    (own_copy / "salient" / layout.WORDNET).write_text(text)
    with pytest.raises(AdvSpurError, match="wordnet_dict"):
        SalientImageNet(own_copy)
    assert not (own_copy / "ran").exists()


def test_a_copy_verifies(copy):
    frame = SalientImageNet(copy).verify().set_index("item")
    assert frame.index[~frame["ok"].astype(bool)].tolist() == ["masks there"]
    assert "n01491361" in frame.loc["masks there", "note"]
    assert frame.loc["core pairs", "found"] == 21
    assert frame.loc["spurious pairs", "found"] == 14


def test_verify_names_what_is_wrong(own_copy):
    folder = own_copy / "salient" / "n15075141"
    [first, second, *_] = sorted(folder.rglob("*.JPEG"))
    Image.new("L", (256, 224)).save(first, "JPEG")
    second.write_bytes(b"")
    [image, other, *_] = sorted((own_copy / "imagenet" / "train" / "n01440764").iterdir())
    image.unlink()
    other.write_bytes(other.read_bytes()[:400])
    (own_copy / "salient" / "n02492660" / layout.MAP).unlink()
    frame = SalientImageNet(own_copy).verify().set_index("item")
    assert "224x256" in frame.loc["masks readable (first 10 of each class)", "note"]
    opened, good = frame.loc["masks readable (first 10 of each class)", ["expected", "found"]]
    assert opened - good == 2
    assert image.stem in frame.loc["images there", "note"]
    assert other.name in frame.loc["images readable (first 10 of each class)", "note"]
    assert "class 379" in frame.loc["classes", "note"]


def test_unreadable_files_are_errors_of_their_samples(own_copy):
    bench = SalientImageNet(own_copy, size=16)
    rows = bench._rows("core")
    wrong_size, no_image = int(rows[0]), int(rows[1])
    Image.new("L", (100, 224)).save(bench.mask_paths("core", wrong_size)[0], "JPEG")
    lists = bench.listed[0]
    label = int(bench.index.labels[no_image])
    layout.image_path(bench.train, lists[label].wnid, bench.index.stems[no_image]).unlink()
    batch = bench.read("core", 0, 3)
    assert "224x100" in batch.errors[0]
    assert "No such file" in batch.errors[1]
    assert batch.errors[2] == ""
    assert not batch.images[:2].any()


def test_empty_masks_stay_empty():
    made = masks.scaled(torch.tensor([[[0, 0]], [[7, 14]]], dtype=torch.uint8))
    assert made.tolist() == [[[0, 0]], [[0.5, 1]]]
    assert masks.scaled(torch.zeros(0, 4, 4, dtype=torch.uint8)).shape == (0, 4, 4)


def test_styles(copy):
    both, iclr, corm = (SalientImageNet(copy, style=style, trials=2) for style in ("both", "iclr", "corm"))
    assert {c.source for c in iclr.conditions} == {"core", "spurious"}
    assert {c.source for c in corm.conditions} == {"dilated"}
    assert {c.source for c in both.conditions} == {"core", "spurious", "dilated"}
    assert [m.name for m in both.measures][:2] == ["accuracy, core images", "RCS"]
    assert "RCS" not in [m.name for m in iclr.measures]
    assert (iclr.attacked, corm.attacked) == (("core",), ("dilated",))


def test_bad_requests(copy, tmp_path):
    for options, text in [
        ({"style": "icrl"}, "Did you mean 'iclr'"), ({"trials": 0}, "trials"), ({"std": -1.0}, "std"),
        ({"legacy_alignment": 1}, "true or false"), ({"preprocessing": "exact-224"}, "view"),
        ({"preprocessing": "pil-bilinear-224x224"}, "view of the masks"),
    ]:  # fmt: skip
        with pytest.raises(AdvSpurError, match=text):
            SalientImageNet(copy, **options)
    with pytest.raises(AdvSpurError, match=r"salient=.*\?imagenet=DIR"):
        SalientImageNet(copy / "salient")
    with pytest.raises(AdvSpurError, match="train/<wnid>"):
        SalientImageNet(copy / "salient", tmp_path)
    with pytest.raises(AdvSpurError, match="datasets sample salient"):
        SalientImageNet(tmp_path)
    assert SalientImageNet(copy / "salient", copy / "imagenet").size("core") > 0
