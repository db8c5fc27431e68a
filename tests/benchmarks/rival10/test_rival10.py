"""RIVAL10: tables, layout, masks, odd files, options."""

import json
import pickle
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from pyadvspur import AdvSpurError, evaluation
from pyadvspur.benchmarks import Rival10, layouts, mask_state
from pyadvspur.benchmarks.rival10 import sample
from pyadvspur.benchmarks.rival10.classes import CLASSES, SYNSETS
from pyadvspur.benchmarks.rival10.levels import LISTS, levels
from pyadvspur.labels import LabelMap


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rival") / "RIVAL10"
    assert layouts.sample("rival10", folder, per_class=2) == 20 * 2 * 2 * 5 - 1 + 1
    return folder


@pytest.fixture
def own_copy(tmp_path):
    layouts.sample("rival10", tmp_path / "r", per_class=2)
    return tmp_path / "r"


def test_tables_agree_with_the_published_ones(data_dir):
    facts = json.loads((data_dir / "facts" / "rival10.json").read_text())
    assert [c["name"] for c in facts["classes"]] == list(CLASSES)
    assert len(SYNSETS) == len({s.wnid for s in SYNSETS}) == 20
    for synset, row in zip(SYNSETS, facts["per_wnid"], strict=True):
        assert synset == (
            row["wnid"], row["rival10_index"], row["imagenet_index"], row["n_train_split"], row["n_test_split"],
            row["n_from_imagenet_val_in_train_split"], row["n_from_imagenet_val_in_test_split"],
        )  # fmt: skip
    assert sum(s.train for s in SYNSETS) == facts["n_train"]
    assert sum(s.test for s in SYNSETS) == facts["n_test"]
    assert sum(s.train_val + s.test_val for s in SYNSETS) == facts["n_from_imagenet_val"] == 989
    assert sum(s.test_val for s in SYNSETS) == 198
    cvpr, hard = facts["noise_grid_cvpr"], facts["noise_grid_hardimagenet_code"]
    published = {
        "published": ([v / 255 for v in cvpr["linf_sigma_times_255"]], cvpr["l2_norm"]),
        "hard": (hard["linf_sigma"], hard["l2_norm"]),
    }
    for name, (std, l2) in published.items():
        assert [level.value for level in LISTS[name] if level.family == "std"] == std
        assert [level.value for level in LISTS[name] if level.family == "l2"] == l2


def test_levels_follow_the_side():
    assert len(levels("all")) == 13 + 13  # both lists hold l2 = 150
    small = [level for level in levels("published", 56) if level.family == "l2"]
    assert [level.value for level in small] == [6.25 * k for k in range(1, 9)]
    assert [level.name for level in levels("quick")] == ["std=0.25", "l2=100"]


def test_a_copy_reads_back(copy):
    bench = Rival10(copy.parent, size=32)
    assert bench.preprocessing == "pil-bilinear-32x32"
    assert [bench.size(source) for source in ("test", "train", "test_val", "all_val")] == [40, 40, 20, 40]
    batch = bench.read("test", 0, 40)
    assert batch.labels.tolist() == [s.label for s in SYNSETS] * 2  # by turns
    assert batch.ids.unique().numel() == 40
    assert batch.masks.unique().tolist() == [0, 255]
    assert batch.errors == ("",) * 40
    part = bench.read("test", 7, 9)
    assert torch.equal(part.images, batch.images[7:9])
    assert torch.equal(part.masks, batch.masks[7:9])
    # the same image has one id everywhere, and validation images are a part of the split
    inside = torch.isin(batch.ids, bench.read("test_val", 0, 20).ids)
    assert inside.sum() == 20
    assert bench.read("train", 0, 3).masks is None
    assert torch.isin(bench.read("train", 0, 40).ids, bench.read("all_val", 0, 40).ids).sum() == 20
    assert pickle.loads(pickle.dumps(bench)).fingerprint() == bench.fingerprint()


def test_masks_are_what_the_file_holds(copy):
    """Geometry and threshold against Pillow alone."""
    hard, soft, some = (Rival10(copy, size=48, mask=mask) for mask in ("binary", "soft", "any"))
    grey = {
        entry.number: np.asarray(Image.open(entry.mask).convert("L").resize((48, 48), Image.BILINEAR))
        for entry in hard._entries("test")
        if entry.mask
    }
    batches = [bench.read("test", 0, 40) for bench in (hard, soft, some)]
    rings = 0
    for k, number in enumerate(batches[0].ids.tolist()):
        if number not in grey:
            assert batches[0].groups[k] == mask_state.MISSING
            continue
        expected = grey[number]
        assert np.array_equal(batches[1].masks[k], expected)
        assert np.array_equal(batches[0].masks[k], (expected / 255 > 0.5) * 255)
        assert np.array_equal(batches[2].masks[k], (expected > 0) * 255)
        rings += ((expected > 0) & (expected < 30)).sum()
    assert rings > 100  # JPEG's ringing is there, and the threshold drops it
    assert len({bench.fingerprint() for bench in (hard, soft, some)}) == 3


def test_odd_masks_are_told_in_the_groups(copy):
    bench = Rival10(copy, size=32)
    batch = bench.read("test", 0, 40)
    counts = torch.bincount(batch.groups, minlength=4).tolist()
    assert counts == [37, 1, 1, 1]
    labels = {state: int(batch.labels[batch.groups == state]) for state in (1, 2, 3)}
    places = (sample.EMPTY_MASK, sample.FULL_MASK, sample.NO_MASK)
    assert list(labels.values()) == [SYNSETS[place].label for place in places]
    assert bench.group_names[mask_state.EMPTY] == "empty mask"


def test_hostile_pickles_are_never_opened(own_copy):
    """Not even their bytes are read: every open of theirs would be seen here."""
    opened, watching = [], [True]  # a hook stays for good, so it is told when to stop

    def hook(event, args):
        if watching and event == "open":
            opened.append(str(args[0]))

    sys.addaudithook(hook)
    bench = Rival10(own_copy, size=8, levels="quick", trials=1)
    bench.verify()
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(192, 12), torch.nn.Linear(12, 3))
    evaluation.evaluate({"net": net}, [bench], out=own_copy.parent / "run", progress=False)
    watching.clear()
    assert any(name.endswith(".JPEG") for name in opened)
    assert not [name for name in opened if name.endswith((".pkl", "_attr_labels.npy", "_merged_mask.JPEG"))]


def test_a_copy_verifies(copy):
    frame = Rival10(copy).verify().set_index("item")
    assert frame.index[~frame["ok"].astype(bool)].tolist() == ["test, masks there"]
    assert frame.loc["test, masks there", "found"] == 39
    assert frame.loc["train, images", ["expected", "found"]].tolist() == [40, 40]
    assert frame.loc["test, of ImageNet val", "found"] == 20
    assert frame.loc["test, attribute files", "found"] == 120
    assert frame.loc["test, masks with an object", "found"] == 39
    assert "left out" in frame.loc["test, masks with a background", "note"]


def test_verify_names_what_is_wrong(own_copy):
    images = sorted(
        path for path in (own_copy / "test" / "ordinary").glob("*.JPEG") if "merged" not in path.name
    )
    masks = own_copy / "test" / "entire_object_masks"
    images[0].write_bytes(images[0].read_bytes()[:300])
    Image.new("L", (7, 5)).save(masks / images[1].name, "JPEG")
    (masks / images[2].name).write_bytes(b"")
    images[3].unlink()
    (own_copy / "train" / "ordinary" / "n99999999_n99999999_1.JPEG").write_bytes(b"x")
    frame = Rival10(own_copy).verify().set_index("item")
    assert images[0].name in frame.loc["test, images readable", "note"]
    assert f"{images[1].name}: 5x7 against" in frame.loc["test, masks of their image's size", "note"]
    assert images[2].name in frame.loc["test, masks readable", "note"]
    assert "1 of 2" in frame.loc["test, images", "note"]
    assert "n99999999" in frame.loc["train, other files", "note"]
    assert not frame.loc[["test, images readable", "test, images", "train, other files"], "ok"].any()


def test_a_mask_of_another_size_is_an_error_of_its_sample(own_copy):
    bench = Rival10(own_copy, size=16)
    first = bench._entries("test")[0]
    Image.new("L", (7, 5), 255).save(first.mask, "JPEG")
    first.path.with_name(bench._entries("test")[1].path.name).write_bytes(b"no image")
    batch = bench.read("test", 0, 3)
    assert "5x7" in batch.errors[0]
    assert "no readable image" in batch.errors[1]
    assert batch.errors[2] == ""
    assert not batch.images[:2].any()
    assert Rival10(own_copy, size=16, mask_size="free").read("test", 0, 1).errors == ("",)


def test_two_files_of_one_name(own_copy):
    path = Rival10(own_copy)._entries("test")[0].path
    Image.open(path).save(path.with_suffix(".png"))
    bench = Rival10(own_copy, size=16)
    assert bench.size("test") == 40
    frame = bench.verify().set_index("item")
    assert path.with_suffix(".png").name in frame.loc["test, other files", "note"]


def test_label_maps(copy):
    linear, index, some, restricted = (
        Rival10(copy, **options)
        for options in (
            {},
            {"head": "none"},
            {"head": "none", "outputs": "any"},
            {"head": "none", "outputs": "restricted"},
        )
    )
    assert linear.label_map(10) == LabelMap.identity(10)
    assert linear.readout.n_classes == 10
    assert linear.readout.validation is None
    assert index.readout is None
    with pytest.raises(AdvSpurError, match="10 \\(the classes\\)"):
        linear.label_map(1000)
    with pytest.raises(AdvSpurError, match="1000"):
        index.label_map(10)
    assert some.label_map(10) == LabelMap.identity(10)
    # goldfinch is a bird; house finch is too, but another ImageNet class; a hen is neither
    logits = torch.zeros(3, 1000)
    logits[0, 11], logits[1, 12], logits[2, 8], logits[2, 31] = 9, 9, 9, 5
    found = {}
    for bench in (index, some, restricted):
        codes = bench.label_map(1000).codes(1000).long()
        found[bench] = [int(codes[torch.where(codes == -2, -torch.inf, row).argmax()]) for row in logits]
    assert found[index] == [18, 19, -1]
    assert found[some] == [9, 9, -1]
    assert found[restricted] == [9, 9, 8]
    assert index.read("test", 0, 20).labels.tolist() == list(range(20))
    assert len(index.class_names) == 20
    assert "all_val" in [c.source for c in index.conditions]
    assert "all_val" not in [c.source for c in linear.conditions]


def test_bad_requests(copy, tmp_path):
    for options, text in [
        ({"head": "liner"}, "Did you mean 'linear'"), ({"outputs": "top"}, "restricted"), ({"trials": 0}, "trials"),
        ({"levels": "none"}, "published"), ({"mask": "hard"}, "binary"), ({"mask_size": "x"}, "same"),
        ({"size": 0}, "side"),
    ]:  # fmt: skip
        with pytest.raises(AdvSpurError, match=text):
            Rival10(copy, **options)
    with pytest.raises(AdvSpurError, match="datasets sample rival10"):
        Rival10(tmp_path)
    with pytest.raises(AdvSpurError, match="source"):
        Rival10(copy).size("val")
