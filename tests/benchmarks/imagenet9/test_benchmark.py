"""ImageNet-9: the generated copy, odd files, masks, ids, labels."""

import collections
import json
import pickle

import numpy as np
import pytest
import torch
from PIL import Image

from pyadvspur import AdvSpurError
from pyadvspur.benchmarks import layouts
from pyadvspur.benchmarks.imagenet9 import ImageNet9
from pyadvspur.benchmarks.imagenet9.classes import DIRECTORIES, class_of_output
from pyadvspur.benchmarks.imagenet9.layout import VARIATIONS
from pyadvspur.labels import LabelMap


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("in9") / "bg_challenge"
    assert layouts.sample("imagenet9", folder, per_class=2) == 9 * 2 * 9 + 1
    return folder


@pytest.fixture
def own_copy(tmp_path):
    layouts.sample("imagenet9", tmp_path / "in9", per_class=1)
    return tmp_path / "in9"


def test_published_counts_of_outputs():
    counts = collections.Counter(class_of_output())
    assert [counts[k] for k in range(9)] == [116, 52, 42, 36, 35, 27, 26, 20, 16]
    assert counts[-1] == 630
    assert all(class_of_output()[k] == -1 for k in (171, 172, 281, 282, 283, 284, 285))


def test_class_table_agrees_with_the_published_one(data_dir):
    facts = json.loads((data_dir / "facts" / "imagenet_to_in9.json").read_text())
    assert class_of_output() == facts["vector_1000"]
    assert list(DIRECTORIES) == [entry["dir"] for entry in facts["classes"]]


def test_a_copy_reads_back(copy):
    bench = ImageNet9(copy.parent)
    assert [c.name for c in bench.conditions] == list(VARIATIONS)
    assert {m.name for m in bench.measures} >= {"BG-gap", "accuracy only_bg_t"}
    original, rand = bench.read("original", 0, 18), bench.read("mixed_rand", 0, 18)
    assert original.images.shape == (18, 224, 224, 3)
    assert original.labels.tolist() == [*range(9), *range(9)]  # by turns
    assert original.ids.tolist() == rand.ids.tolist()
    assert original.ids.unique().numel() == 18
    assert original.masks.unique().tolist() == [0, 255]
    # the object is the same in both, the background is not
    inside = original.masks > 0
    apart = (original.images.int() - rand.images.int()).abs().float().mean(-1)
    assert apart[inside].mean() < 12
    assert apart[~inside].mean() > 25
    part = bench.read("original", 5, 7)
    assert torch.equal(part.images, original.images[5:7])
    assert rand.masks is None
    assert pickle.loads(pickle.dumps(bench)).fingerprint() == bench.fingerprint()


def test_a_copy_verifies(copy):
    frame = ImageNet9(copy).verify()
    assert frame["ok"].all(), frame.to_string()
    assert frame.set_index("item").loc["mixed_same", ["expected", "found"]].tolist() == [18, 18]


def test_one_image_of_a_copy_is_grey(copy):
    with Image.open(copy / "only_fg" / "val" / "05_insect" / "n02000005_0.JPEG") as image:
        assert image.mode == "L"


def test_label_maps(copy):
    bench = ImageNet9(copy)
    assert bench.label_map(9) == LabelMap.identity(9)
    assert bench.label_map(1000) == LabelMap.many_to_one(class_of_output())
    with pytest.raises(AdvSpurError, match="1000"):
        bench.label_map(10)


def test_verify_names_what_is_wrong(own_copy):
    victim = next((own_copy / "mixed_same" / "val" / "02_wheeled vehicle").iterdir())
    victim.write_bytes(victim.read_bytes()[:700])
    next((own_copy / "mixed_rand" / "val" / "08_fish").iterdir()).unlink()
    (own_copy / "only_fg" / "val" / "09_cat").mkdir()
    next((own_copy / "fg_mask" / "val" / "00_dog").iterdir()).unlink()
    for path in (own_copy / "no_fg").rglob("*.JPEG"):
        path.unlink()
    frame = ImageNet9(own_copy).verify().set_index("item")
    assert not frame.loc["mixed_same, readable", "ok"]
    assert victim.name in frame.loc["mixed_same, readable", "note"]
    assert "08_fish: 0" in frame.loc["mixed_rand", "note"]
    assert "09_cat" in frame.loc["only_fg", "note"]
    assert not frame.loc["fg_mask", "ok"]
    assert frame.loc["mixed_rand, in pairs with mixed_same", ["expected", "found"]].tolist() == [8, 8]
    assert frame.loc["no_fg", "found"] == 0
    assert frame.loc["original", "ok"]


def test_missing_variations_are_left_out(own_copy):
    for name in ("mixed_rand", "no_fg"):
        (own_copy / name).rename(own_copy.parent / name)
    bench = ImageNet9(own_copy)
    assert "mixed_rand" not in [c.name for c in bench.conditions]
    assert bench.attacked == ("original", "mixed_same")
    assert "BG-gap" not in [m.name for m in bench.measures]
    with pytest.raises(AdvSpurError, match="datasets sample"):
        ImageNet9(own_copy / "original")


def test_pairs_by_the_object_a_name_names(own_copy):
    folder = own_copy / "mixed_rand" / "val" / "00_dog"
    [path] = folder.iterdir()
    path.rename(folder / f"fg_{path.stem}_bg_n09999999_7.JPEG")
    bench = ImageNet9(own_copy)
    assert bench.read("mixed_rand", 0, 1).ids.tolist() == bench.read("original", 0, 1).ids.tolist()


def test_a_repeated_object_leaves_the_pairs_of_the_others(own_copy):
    before = {e.path.name: e.id for e in ImageNet9(own_copy).entries("mixed_rand")}
    folder = own_copy / "mixed_rand" / "val" / DIRECTORIES[0]
    first = sorted(folder.iterdir())[0]
    (folder / f"zz_{first.name}").write_bytes(first.read_bytes())
    entries = ImageNet9(own_copy).entries("mixed_rand")
    after = {e.path.name: e.id for e in entries}
    assert {name: after[name] for name in before} == before
    assert len({e.id for e in entries}) == len(entries) == len(before) + 1


def test_pickled_masks_are_refused(own_copy):
    path = next((own_copy / "fg_mask" / "val" / "00_dog").iterdir())
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    batch = ImageNet9(own_copy).read("original", 0, 2)
    assert "pickled objects" in batch.errors[0]
    assert batch.errors[1] == ""
    assert not batch.images[0].any()
    assert batch.images[1].any()


def test_a_mask_that_claims_to_be_huge_is_refused(own_copy):
    path = next((own_copy / "fg_mask" / "val" / "00_dog").iterdir())
    head = "{'descr': '|u1', 'fortran_order': False, 'shape': (%d, %d), }"
    for side in (10**6, 10**12):
        text = (head % (side, side)).ljust(117) + "\n"
        path.write_bytes(
            b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode() + b"\x01" * 50
        )
        batch = ImageNet9(own_copy).read("original", 0, 1)
        assert "header claims" in batch.errors[0]


def test_masks_in_every_form_that_numpy_writes(own_copy):
    bench = ImageNet9(own_copy)
    before = bench.read("original", 0, 1).masks
    path = next((own_copy / "fg_mask" / "val" / "00_dog").iterdir())
    mask = np.load(path)
    for form in (mask.astype(bool), mask.astype(">f8"), np.asfortranarray(mask.astype(np.int64))):
        np.save(path, form)
        assert torch.equal(bench.read("original", 0, 1).masks, before)
    for wrong in (mask * 255, mask[None], mask.astype(complex), mask[:100]):
        np.save(path, wrong)
        assert path.name in bench.read("original", 0, 1).errors[0]


def test_hidden_files_are_no_images(own_copy):
    folder = own_copy / "original" / "val" / "00_dog"
    (folder / f"._{next(folder.iterdir()).name}").write_bytes(b"Mac OS X")
    assert ImageNet9(own_copy).size("original") == 9


def test_files_of_another_size_are_errors_not_guesses(own_copy):
    path = next((own_copy / "no_fg" / "val" / "01_bird").iterdir())
    Image.new("RGB", (250, 224)).save(path)
    batch = ImageNet9(own_copy).read("no_fg", 0, 9)
    assert [bool(text) for text in batch.errors] == [label == 1 for label in range(9)]
    assert "224x250" in batch.errors[1]
    assert path.name in batch.errors[1]
    resized = ImageNet9(own_copy, preprocessing="pil-bilinear-256-224")
    assert resized.read("no_fg", 0, 9).errors == ("",) * 9
    assert resized.fingerprint() != ImageNet9(own_copy).fingerprint()


def test_noise_on_and_off_the_mask(copy):
    bench = ImageNet9(copy, noise=0.25, size=32)
    added = [c.name for c in bench.conditions if c.variant.kind == "noise"]
    assert added == ["original/noise(foreground,std=0.25)", "original/noise(background,std=0.25)"]
    assert "RFS" in [m.name for m in bench.measures]
    assert bench.size("original") == 18


def test_noise_needs_masks(own_copy):
    (own_copy / "fg_mask").rename(own_copy.parent / "fg_mask")
    with pytest.raises(AdvSpurError, match="noise"):
        ImageNet9(own_copy, noise=0.25)


def test_other_sizes_are_resized_alike(own_copy):
    small = ImageNet9(own_copy, size=56).read("original", 0, 9)
    large = ImageNet9(own_copy).read("original", 0, 9)
    assert small.images.shape == (9, 56, 56, 3)
    assert abs((small.masks > 0).float().mean() - (large.masks > 0).float().mean()) < 0.01


def test_bad_requests(tmp_path, own_copy):
    with pytest.raises(AdvSpurError, match="Did you mean 'imagenet9'"):
        layouts.sample("imagenet", tmp_path / "x")
    with pytest.raises(AdvSpurError, match="empty"):
        layouts.sample("imagenet9", own_copy)
    with pytest.raises(AdvSpurError, match="1 to 450"):
        layouts.sample("imagenet9", tmp_path / "x", per_class=0)
