"""Generated copies: what they refuse, and how they are spoiled on purpose."""

import pytest

from pyadvspur import AdvSpurError
from pyadvspur.benchmarks import layouts


def test_damage_is_of_every_kind_and_repeatable(tmp_path):
    for name in ("a", "b"):
        layouts.sample("imagenet9", tmp_path / name, per_class=1)
    done = layouts.damage(tmp_path / "a", seed=3)
    assert set(done.values()) == {"truncated", "empty", "a web page", "missing"}
    for path, way in done.items():
        assert path.exists() == (way != "missing")
        if way == "empty":
            assert path.stat().st_size == 0
    again = layouts.damage(tmp_path / "b", seed=3)
    assert [path.relative_to(tmp_path / "b") for path in again] == [
        path.relative_to(tmp_path / "a") for path in done
    ]


def test_a_damaged_sample_is_one_file_short(tmp_path):
    whole = layouts.sample("imagenet9", tmp_path / "a", per_class=1)
    assert layouts.sample("imagenet9", tmp_path / "b", per_class=1, damaged=True) == whole - 1
    assert sum(path.is_file() for path in (tmp_path / "b").rglob("*")) == whole - 1


def test_nothing_to_damage(tmp_path):
    with pytest.raises(AdvSpurError, match="0 images"):
        layouts.damage(tmp_path)
