"""The table of the released robust networks, against the collected facts."""

from __future__ import annotations

import json

import pytest

from pyadvspur import AdvSpurError, models
from pyadvspur.models import salman


@pytest.fixture
def facts(data_dir):
    return json.loads((data_dir / "facts" / "salman_models.json").read_text())


def test_the_table_is_as_published(facts):
    published = {
        entry["file"]: entry for entry in facts["models"] if entry["arch"] in ("resnet18", "resnet50")
    }
    assert {release.file for release in salman.RELEASES.values()} == set(published)
    for release in salman.RELEASES.values():
        entry = published[release.file]
        assert (release.arch, release.norm, release.published) == (entry["arch"], entry["norm"], entry["eps"])
        assert release.accuracy == entry["standard_top1"] / 100
        assert release.sha256 == entry["sha256"]
        assert release.url == entry["url"]
        assert release.eps == (entry["eps"] / 255 if entry["eps_unit"] == "1/255" else entry["eps"])
    assert facts["hf_repo"] == salman.REPOSITORY
    form = facts["checkpoint_format"]
    assert [*salman.MEAN, *salman.STD] == [*form["mean"], *form["std"]]
    assert salman.PARAMETERS["resnet50"] == form["resnet50_n_params"]
    assert facts["approx_file_size_bytes"] == salman.BYTES


def test_the_twenty_are_the_papers(facts):
    wanted = {file.removesuffix(".ckpt") for file in facts["twenty_models_2209_07592"]["files"]}
    assert set(models.suite("salman20")) == wanted
    assert len(models.suite("salman20")) == 20
    unknown = [name for name in models.suite("salman20") if models.info(name).sha256 is None]
    assert unknown == ["resnet18_linf_eps8.0", "resnet50_l2_eps0.25", "resnet50_linf_eps1.0"]


def test_suites_begin_each_architecture_with_the_standard_network():
    names = models.suite("salman22")
    assert [n for n in names if n not in models.suite("salman20")] == ["resnet18_l2_eps0", "resnet50_l2_eps0"]
    assert (names[0], names[11]) == ("resnet18_l2_eps0", "resnet50_l2_eps0")
    assert set(names) <= set(models.names("resnet*"))
    with pytest.raises(AdvSpurError, match="salman20"):
        models.suite("salman")


def test_what_is_known_of_one():
    info = models.info("resnet18_linf_eps4.0")
    assert (info.norm, info.eps, info.published, info.accuracy) == ("linf", 4 / 255, "4/255", 0.5249)
    assert models.info("resnet18_l2_eps0").norm == ""
    assert models.info("embedded:cnn_linf_eps0.5").published == "0.5/255"
    with pytest.raises(AdvSpurError, match="resnet18_l2_eps3"):
        models.info("resnet18_l2_eps2")


@pytest.mark.parametrize(
    "name, right",
    [
        ("resnet50_l2_eps1.0", "resnet50_l2_eps1'; the release|called 'resnet50_l2_eps1'"),
        ("resnet50_linf_eps1", "called 'resnet50_linf_eps1.0'"),
        ("resnet18_linf_eps8", "called 'resnet18_linf_eps8.0'"),
        ("resnet18_l2_eps2", "unknown. Did you mean"),
        ("resnet18_linf_epsx", "unknown"),
    ],
)
def test_the_name_trap(name, right):
    with pytest.raises(AdvSpurError, match=right):
        models.load(name)


def test_pairs_differ_in_their_training_alone():
    for norm in ("l2", "linf"):
        found = models.pairs(norm)
        assert len(found) == len(set(found)) == 10
        for pair in found:
            standard, trained = map(models.info, pair)
            assert standard.arch == trained.arch
            assert standard.eps == 0 < trained.eps
            assert trained.norm == norm
    assert {pair.adversarial for pair in models.pairs(None)} == set(models.suite("salman20"))
    assert models.pairs() == models.pairs("l2")


def test_matched_pairs_are_as_accurate():
    found = models.pairs("matched")
    assert [tuple(pair) for pair in found] == [
        ("resnet18_l2_eps0", "resnet50_l2_eps1"),
        ("resnet18_l2_eps0", "resnet50_linf_eps2.0"),
    ]
    for pair in found:
        a, b = (models.info(name).accuracy for name in pair)
        assert abs(a - b) <= 0.01
    with pytest.raises(AdvSpurError, match="matched"):
        models.pairs("l1")
