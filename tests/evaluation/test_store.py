"""Interruption, damage, full disks, other specs: finished units stay valid, nothing half-written is read."""

import errno
import json

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import toys

from pyadvspur import AdvSpurError, evaluation
from pyadvspur.evaluation import joined
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


def test_a_reader_is_told_what_is_damaged_and_what_to_do(tmp_path):
    run(tmp_path)
    victim = parts(tmp_path)[0]
    victim.write_bytes(b"PAR1")
    with pytest.raises(AdvSpurError, match=rf"{victim.name}' is damaged .*Run the same `advspur evaluate`"):
        evaluation.load(tmp_path).outcomes()
    assert run(tmp_path).complete
    evaluation.load(tmp_path).outcomes()


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


def joined_and_parts(out):
    """The outcomes as a report reads them, and from the parts alone."""
    held = evaluation.load(out)
    table = held._store.read(held.plan.units()).to_pandas()
    return held.outcomes(), table


def test_a_finished_run_is_also_one_file(tmp_path):
    run(tmp_path, ["linf:1/255,2/255(steps=2)"])
    store = evaluation.load(tmp_path)._store
    assert joined.read(store, evaluation.load(tmp_path).plan.units()) is not None
    found, parts_alone = joined_and_parts(tmp_path)
    pd.testing.assert_frame_equal(found, parts_alone, check_exact=True)
    for name in ("model", "condition", "attack", "error"):
        assert list(found[name].cat.categories) == list(parts_alone[name].cat.categories)
    signs = evaluation.load(tmp_path).gradients()
    assert len(signs)
    (tmp_path / "outcomes.parquet").unlink()
    pd.testing.assert_frame_equal(signs, evaluation.load(tmp_path).gradients())
    pd.testing.assert_frame_equal(found, evaluation.load(tmp_path).outcomes())  # as runs of before have none
    run(tmp_path, ["linf:1/255,2/255(steps=2)"])
    assert (tmp_path / "outcomes.parquet").exists()


@pytest.mark.parametrize("damage", ["truncate", "flip", "empty", "part"])
def test_one_file_that_is_damaged_or_of_other_parts_is_not_read(tmp_path, damage):
    before = run(tmp_path).outcomes()
    path = tmp_path / "outcomes.parquet"
    content = bytearray(path.read_bytes())
    if damage == "part":  # a part that changed, and now says something else
        victim = parts(tmp_path)[0]
        table = pq.read_table(victim)
        wrong = pa.array([not right for right in table["correct"].to_pylist()])
        place = table.schema.get_field_index("correct")
        pq.write_table(table.set_column(place, "correct", wrong), victim, compression="none")
        found, parts_alone = joined_and_parts(tmp_path)
        assert (found["correct"] != before["correct"]).sum() == len(table)
        pd.testing.assert_frame_equal(found, parts_alone, check_exact=True)
        return
    content[100] ^= 0xFF
    path.write_bytes({"truncate": content[: len(content) // 2], "flip": content, "empty": b""}[damage])
    pd.testing.assert_frame_equal(before, evaluation.load(tmp_path).outcomes(), check_exact=True)


def test_a_run_that_is_not_finished_is_read_from_its_parts(tmp_path):
    before = run(tmp_path).outcomes()
    parts(tmp_path)[0].unlink()
    assert (tmp_path / "outcomes.parquet").exists()  # of a part more than there is
    found = evaluation.load(tmp_path).outcomes()
    assert 0 < len(found) < len(before)
    store = evaluation.load(tmp_path)._store
    assert not joined.join(store, evaluation.load(tmp_path).plan.units())
    pd.testing.assert_frame_equal(run(tmp_path).outcomes(), before)


def test_a_full_disk_costs_the_one_file_alone(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(joined.pq, "ParquetWriter", full)
    with monkeypatch.context() as still:  # parts are written through the same class
        still.setattr(pq, "write_table", small_write)
        assert run(tmp_path).complete
    assert not [path.name for path in tmp_path.glob("outcomes*")]


_WRITER = pq.ParquetWriter


def small_write(table, path, **options):
    with _WRITER(path, table.schema, **options) as file:
        file.write_table(table)
