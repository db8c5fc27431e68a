"""ImageNet's validation folder: where it may lie, order, ids, and unsorted images."""

import pytest

from pyadvspur import AdvSpurError
from pyadvspur.benchmarks import imagenet_val


def _fill(folder, wnids, per_class=2):
    for k, wnid in enumerate(wnids):
        (folder / wnid).mkdir(parents=True)
        for j in range(per_class):
            (folder / wnid / f"ILSVRC2012_val_{k * per_class + j:08d}.JPEG").touch()
        (folder / wnid / "notes.txt").touch()
        (folder / wnid / "._ILSVRC2012_val_00000000.JPEG").touch()


@pytest.mark.parametrize("place", ["", "val", "ILSVRC/Data/CLS-LOC/val"])
def test_places(tmp_path, place):
    _fill(tmp_path / place, ["n01440764"])
    assert imagenet_val.find(tmp_path).resolve() == (tmp_path / place).resolve()


def test_by_turns_through_the_classes_asked_for(tmp_path):
    _fill(tmp_path, ["n01440764", "n01443537", "n02708093"])
    found = imagenet_val.entries(tmp_path, ["n02708093", "n01440764", "n99999999"])
    assert [entry.position for entry in found] == [0, 1, 0, 1]
    assert [entry.path.stem[-1] for entry in found] == ["4", "0", "5", "1"]
    assert len({entry.id for entry in found}) == 4
    assert min(entry.id for entry in found) >= 0


def test_a_name_that_a_copy_uses_twice(tmp_path):
    _fill(tmp_path, ["n01440764", "n01443537"])
    (tmp_path / "n01443537" / "ILSVRC2012_val_00000000.JPEG").touch()
    found = imagenet_val.entries(tmp_path, ["n01440764", "n01443537"])
    assert len({entry.id for entry in found}) == len(found) == 5


def test_unsorted_images_are_refused_with_a_way_to_sort_them(tmp_path):
    (tmp_path / "val").mkdir()
    (tmp_path / "val" / "ILSVRC2012_val_00000001.JPEG").touch()
    with pytest.raises(AdvSpurError, match=r"without class folders.*ILSVRC2012_devkit"):
        imagenet_val.find(tmp_path)
    with pytest.raises(AdvSpurError, match="val/<wnid>"):
        imagenet_val.find(tmp_path / "nowhere")
