"""ObjectNet's table: the published counts, and entry by entry the published mapping."""

import json
from collections import Counter

from pyadvspur.benchmarks.imagenet_wnids import WNIDS
from pyadvspur.benchmarks.objectnet import classes


def test_published_counts():
    assert len(classes.FOLDERS) == 113
    assert list(classes.FOLDERS) == sorted(classes.FOLDERS)
    assert Counter(map(len, classes.OUTPUTS.values())) == {1: 104, 2: 6, 3: 3}
    every = [output for outputs in classes.OUTPUTS.values() for output in outputs]
    assert len(every) == len(set(every)) == 125  # no output belongs to two folders
    assert sum(label >= 0 for label in classes.class_of_output()) == 125


def test_table_agrees_with_the_published_one(data_dir):
    facts = json.loads((data_dir / "facts" / "objectnet_mapping.json").read_text())
    published = {entry["folder"]: tuple(entry["imagenet_indices"]) for entry in facts["classes"]}
    assert published == classes.OUTPUTS
    assert list(classes.RESTRICTED) == facts["imagenet_indices_sorted"]
    for entry in facts["classes"]:
        assert [WNIDS[output] for output in classes.OUTPUTS[entry["folder"]]] == entry["imagenet_wnids"]


def test_wordnet_ids(data_dir):
    assert len(set(WNIDS)) == 1000
    assert list(WNIDS) == sorted(WNIDS)
    facts = json.loads((data_dir / "facts" / "salient_imagenet.json").read_text())
    assert [WNIDS[entry["class_index"]] for entry in facts["per_class"]] == [
        entry["wnid"] for entry in facts["per_class"]
    ]


def test_the_two_readings():
    everything, restricted = classes.all_compete(), classes.only_known_compete()
    assert (everything.n_outputs, restricted.n_outputs) == (1000, 1000)
    codes, inside = everything.codes(1000), restricted.codes(1000)
    for label, outputs in enumerate(classes.OUTPUTS.values()):
        assert codes[list(outputs)].tolist() == [label] * len(outputs)
    assert (codes >= 0).sum() == 125
    assert (codes[inside >= 0] == inside[inside >= 0]).all()
    assert (inside == -2).sum() == 875
    assert codes[134] == -1  # "crane" the bird: a name that ImageNet has twice


def test_folder_names_are_forgiving_about_blanks_and_case():
    assert classes.folder_key("Alarm Clock") == "alarm_clock"
    assert classes.folder_key("t-shirt") in classes.FOLDERS
