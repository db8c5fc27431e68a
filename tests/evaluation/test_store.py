"""Interruption, damage, full disks, other specs: finished units stay valid, nothing half-written is read."""

import errno
import json

import pandas as pd
import pyarrow.parquet as pq
import pytest
import toys

from pyadvspur import AdvSpurError, evaluation
from pyadvspur.evaluation.unit import Unit

#: what attacks say of toys
pytestmark = pytest.mark.filterwarnings("ignore:attacks. gradients may mislead")


def run(out, attacks=(), models=None, **options):
    return evaluation.evaluate(
        models or {"a": toys.Net(0)}, [toys.Toy()], attacks, out, progress=False, **options
    )


def parts(out):
    return sorted(out.glob("units/*"))


def test_a_unit_is_named_by_its_spec():
    unit = Unit("m", "f" * 64, "toy", "0" * 64, "agrees", "agrees", "clean", 0, "none", 0, "auto", 0, 150)
    assert (
        unit.key == "78ef7e625f770dcdacbb729d84b5486582067345d15e53931553d6a353feec9a"
    )  # changing this orphans every finished unit: raise FORMAT instead


def test_the_same_spec_goes_on_and_another_is_refused(tmp_path):
    first = run(tmp_path)
    stamps = [path.stat().st_mtime_ns for path in parts(tmp_path)]
    again = run(tmp_path, batch_size=5)
    assert stamps == [path.stat().st_mtime_ns for path in parts(tmp_path)]
    pd.testing.assert_frame_equal(first.outcomes(), again.outcomes())
    with pytest.raises(AdvSpurError, match=r"holds another run: attacks none there, l2:1 here"):
        run(tmp_path, ["l2:1"])
    with pytest.raises(AdvSpurError, match="seed 0 there, 1 here"):
        run(tmp_path, seed=1)
    with pytest.raises(AdvSpurError, match="models a changed"):
        run(tmp_path, models={"a": toys.Net(5)})
    with pytest.raises(AdvSpurError, match="benchmarks toy changed"):
        run(tmp_path, limit=10)
    assert stamps == [path.stat().st_mtime_ns for path in parts(tmp_path)]


@pytest.mark.parametrize("damage", ["truncate", "flip", "empty", "other"])
def test_damaged_parts_are_found_and_redone(tmp_path, damage):
    before = run(tmp_path).outcomes()
    victim, other = parts(tmp_path)[:2]
    content = bytearray(victim.read_bytes())
    if damage == "flip":
        content[100] ^= 0xFF
    victim.write_bytes(
        {
            "truncate": content[: len(content) // 2],
            "flip": content,
            "empty": b"",
            "other": other.read_bytes(),
        }[damage]
    )
    after = run(tmp_path).outcomes()
    pd.testing.assert_frame_equal(before, after, check_exact=True)


def test_a_full_disk_leaves_finished_units_valid(tmp_path, monkeypatch):
    write, calls = pq.write_table, []

    def full(table, path, **options):
        calls.append(path)
        if len(calls) == 3:
            path.write_bytes(b"PAR1half")
            raise OSError(errno.ENOSPC, "No space left on device")
        write(table, path, **options)

    monkeypatch.setattr(pq, "write_table", full)
    with pytest.raises(
        AdvSpurError, match=r"cannot be written \(No space left on device\).*run the same command"
    ):
        run(tmp_path)
    assert len(parts(tmp_path)) == 2  # and no temporary file
    assert all(path.suffix == ".parquet" for path in parts(tmp_path))
    assert run(tmp_path).complete


def test_ctrl_c_leaves_finished_units_valid(tmp_path, monkeypatch):
    write, calls = pq.write_table, []

    def interrupted(table, path, **options):
        calls.append(path)
        if len(calls) == 2:
            path.write_bytes(b"PAR1half")
            raise KeyboardInterrupt
        write(table, path, **options)

    monkeypatch.setattr(pq, "write_table", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path)
    assert [path.suffix for path in parts(tmp_path)] == [".parquet"]
    progress = evaluation.load(tmp_path).progress()
    assert progress["done"].sum() == toys.N
    assert run(tmp_path).complete
    assert len(calls) == 2 + 4


def test_a_damaged_record_is_named(tmp_path):
    run(tmp_path)
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(AdvSpurError, match=r"run\.json.* is damaged"):
        run(tmp_path)
    with pytest.raises(AdvSpurError, match=r"takes a folder that `evaluate` wrote"):
        evaluation.load(tmp_path / "nothing")


def test_parts_stand_alone(tmp_path):
    """Each part says what it is: rows carry their names, metadata the unit."""
    run(tmp_path, ["linf:1/255,2/255(steps=2)"])
    for path in parts(tmp_path):
        table = pq.read_table(path)
        unit = Unit(**json.loads(table.schema.metadata[b"advspur.unit"]))
        assert unit.key == path.stem
        assert set(table["condition"].to_pylist()) == {unit.condition}
