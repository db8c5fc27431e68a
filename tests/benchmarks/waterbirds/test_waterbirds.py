"""Waterbirds: what its csv says, in which order images come, and what is refused."""

import json

import numpy as np
import pytest

from pyadvspur import AdvSpurError, benchmarks
from pyadvspur.benchmarks import layouts
from pyadvspur.benchmarks.waterbirds import layout, metadata, sample

FOLDER = layout.FOLDERS[0]


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    root = tmp_path_factory.mktemp("waterbirds")
    layouts.sample("waterbirds", root / "copy", per_class=4, seed=1)
    return root / "copy"


def test_published_facts(data_dir):
    facts = json.loads((data_dir / "facts" / "waterbirds.json").read_text())
    assert {split: list(n) for split, n in layout.COUNTS.items()} == facts["counts"]
    assert list(layout.GROUPS) == facts["groups"]
    assert [facts["split"][str(k)] for k in range(3)] == list(layout.SPLITS)
    assert {"img_id", "place_filename", *layout.NEEDED} == set(facts["metadata_columns"])
    training = np.array(layout.COUNTS["train"])
    assert np.allclose(training / training.sum(), facts["adjusted_average_weights"], rtol=0, atol=1e-15)


def test_a_copy_verifies_and_reads(copy):
    found = benchmarks.Waterbirds(copy, size=32)
    report = found.verify()
    assert report["ok"].all()
    assert len(report) == 3 + 12 + 2
    for split, counts in sample.counts(4).items():
        batch = found.read(split, 0, found.size(split))
        assert batch.images.shape == (sum(counts), 32, 32, 3)
        assert np.bincount(batch.groups, minlength=4).tolist() == list(counts)
        assert (batch.labels == batch.groups // 2).all()
        assert len(set(batch.ids.tolist())) == len(batch)
        assert not any(batch.errors)
    assert found.preprocessing == "pil-bilinear-37x37-32"
    assert benchmarks.Waterbirds(copy).preprocessing == "pil-bilinear-256x256-224"
    assert found.fingerprint() == benchmarks.Waterbirds(copy / FOLDER, size=32).fingerprint()
    assert any(" " in e.path for e in found.entries("test"))
    assert any("," in e.path for e in found.entries("test"))


def test_every_prefix_has_the_shares_of_the_whole(copy):
    groups = np.array([e.group for e in benchmarks.Waterbirds(copy).entries("train")])
    shares = np.bincount(groups, minlength=4) / len(groups)
    for n in range(1, len(groups)):
        assert np.abs(np.bincount(groups[:n], minlength=4) - n * shares).max() < 1.5


def test_options_name_the_readout(copy):
    def of(text):
        return benchmarks.parse(f"waterbirds={copy}?size=32{text}")

    assert (of("").readout.name, of("").readout.rule, of("").readout.as_is) == ("probe", "average", (2,))
    assert of("&readout=probe").readout.as_is == ()
    assert of("&readout=none").readout is None
    dfr = of("&readout=dfr").readout
    assert (dfr.rule, dfr.penalty, dfr.refits) == ("worst-group", "l1", 20)
    assert of("&rule=worst-group").readout.rule == "worst-group"
    prints = {of(t).fingerprint() for t in ("", "&readout=none", "&readout=dfr", "&rule=worst-group")}
    assert len(prints) == 4
    assert [c.name for c in of("&val=true").conditions] == ["test", "val"]
    for text, message in [
        ("&readout=prob", "Did you mean 'probe'"),
        ("&rule=worst", "rule got 'worst'"),
        ("&readout=none&rule=average", "nothing with readout=none"),
    ]:
        with pytest.raises(AdvSpurError, match=message):
            of(text)
    with pytest.raises(AdvSpurError, match="readout=probe"):
        of("").label_map(1000)


ROWS = [
    "img_id,img_filename,y,split,place,place_filename",
    "1,a/1.jpg,0,0,1,/x.jpg",
    "2,b/2.jpg,1,2,0,/y.jpg",
]


@pytest.mark.parametrize(
    "rows, problem",
    [
        ([ROWS[0].replace("place,", "palce,"), *ROWS[1:]], "no column place; it has img_id, img_filename"),
        ([*ROWS, "3,c/3.jpg,1,3,0,"], "line 4: split is '3', takes 0, 1, 2"),
        ([*ROWS, "3,c/3.jpg,bird,2,0,"], "line 4: y is 'bird', takes 0, 1"),
        ([*ROWS, "3,c/3.jpg,1"], "line 4: place is '', takes 0, 1"),
        ([*ROWS, "3,../../etc/passwd,1,1,0,"], "leaves the folder"),
        ([*ROWS, "3,,1,1,0,"], "img_filename is empty"),
        ([*ROWS, "3,a/1.jpg,1,1,0,"], "img_filename 'a/1.jpg' occurs more than once"),
        ([*ROWS, "2,c/3.jpg,1,1,0,"], "img_id '2' occurs more than once"),
        ([ROWS[0]], "has no rows"),
        ([], "has no column"),
    ],
)
def test_what_is_wrong_with_a_csv_is_named(tmp_path, rows, problem):
    (tmp_path / "metadata.csv").write_text("\n".join(rows))
    found = benchmarks.Waterbirds(tmp_path)
    report = found.verify()
    assert not report["ok"].all()
    assert report["note"].str.contains(problem, regex=False).any()
    with pytest.raises(AdvSpurError) as error:
        found.size("test")
    assert problem in str(error.value)


def test_quirks_of_a_csv_change_nothing(tmp_path):
    plain, odd = tmp_path / "plain.csv", tmp_path / "odd.csv"
    plain.write_text("\n".join(ROWS))
    odd.write_bytes(
        '\ufeff"place", "more",split,y,img_filename,img_id\r\n1,,0,0,"a/1.jpg",1\r\n\r\n0,x,2,1,b/2.jpg,2\r\n'.replace(
            ', "', ',"'
        ).encode()
    )
    assert metadata.read(plain).entries == metadata.read(odd).entries
    odd.write_bytes(b"\xff\xfe\x00 not text")
    assert "cannot be read" in metadata.read(odd).problems[0]


def test_missing_and_damaged_files_are_counted(copy, tmp_path):
    import shutil

    shutil.copytree(copy, tmp_path / "copy")
    first, second, *_ = benchmarks.Waterbirds(tmp_path / "copy").entries("test")
    root = tmp_path / "copy" / FOLDER
    (root / first.path).unlink()
    (root / second.path).write_bytes((root / second.path).read_bytes()[:100])
    found = benchmarks.Waterbirds(tmp_path / "copy", size=32)
    report = found.verify().set_index("item")
    assert (report.loc["files, there", "expected"] - report.loc["files, there", "found"]) == 1
    assert (report.loc["files, readable", "expected"] - report.loc["files, readable", "found"]) == 1
    batch = found.read("test", 0, 3)
    assert [bool(text) for text in batch.errors] == [True, True, False]
    assert not batch.images[:2].any()
    (root / "SAMPLE.json").write_text('{"counts": {"train": [1]}}')
    assert found.verify().set_index("item").loc["copy", "found"] == "damaged mark"


def test_a_folder_without_metadata_is_refused(tmp_path):
    with pytest.raises(AdvSpurError, match=r"the folder that holds metadata\.csv"):
        benchmarks.Waterbirds(tmp_path)


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A csv with the published number of rows, without the images."""
    folder = tmp_path_factory.mktemp("published")
    rows = ["img_id,img_filename,y,split,place,place_filename"]
    for split, counts in enumerate(layout.COUNTS.values()):
        for group, n in enumerate(counts):
            rows += [
                f"{len(rows) + k},{split}{group}/{k}.jpg,{group // 2},{split},{group % 2},-" for k in range(n)
            ]
    (folder / "metadata.csv").write_text("\n".join(rows))
    return benchmarks.Waterbirds(folder)


def test_anchors_of_the_published_counts(published, data_dir):
    """Always "landbird", and the place alone: the averages and worst groups that follow from the counts."""
    import pandas as pd

    from pyadvspur import metrics

    facts = json.loads((data_dir / "facts" / "waterbirds.json").read_text())
    entries = published.entries("test")
    frame = pd.DataFrame({"sample": [e.sample for e in entries], "label": [e.label for e in entries]})
    frame = frame.assign(group=[e.group for e in entries], condition="test", attack="none", eps=0.0)
    frame = frame.assign(benchmark="waterbirds", probability=0.5, error="")
    found = {}
    for name, right in (("landbird", frame["label"] == 0), ("place", frame["label"] == frame["group"] % 2)):
        table = metrics.summarise(frame.assign(model=name, correct=right), published.measures)
        found[name] = table.set_index("measure")["value"]
    assert found["landbird"]["average over images"] == pytest.approx(
        facts["majority_class_test_acc"], abs=1e-12
    )
    place = facts["place_only_classifier_test"]
    assert found["place"]["average over images"] == pytest.approx(place["average"], abs=1e-12)
    assert found["place"]["average, training-weighted"] == pytest.approx(place["adjusted"], abs=1e-12)
    assert found["place"]["worst group"] == found["landbird"]["worst group"] == 0


def test_published_counts_verify_without_images(published):
    report = published.verify().set_index("item")
    assert report.iloc[3:15]["ok"].all()
    assert report.iloc[3:15]["found"].sum() == 11788
    assert (report.loc["files, there", "found"], report.loc["files, there", "ok"]) == (0, False)
