"""Names of attacks."""

from __future__ import annotations

import pytest

from pyadvspur.attacks import AttackSpec, parse
from pyadvspur.errors import AdvSpurError


@pytest.mark.parametrize(
    "text, eps",
    [
        ("linf:1/255,4/255", (1 / 255, 4 / 255)),
        ("l2:0.5(steps=20)", (0.5,)),
        ("l1: 4, 8.5 , 12 (pgd, restarts=3)", (4.0, 8.5, 12.0)),
        ("linf:1e-3,255/255", (1e-3, 1.0)),
        ("linf:0", (0.0,)),
    ],
)
def test_names_read_back(text, eps):
    spec = parse(text)
    assert spec.eps == eps
    assert parse(spec.name) == spec


def test_names_are_short():
    assert parse("linf:0.00392156862745098,4/255").name == "linf:1/255,4/255"
    assert parse("l2:.5(steps=7)").name == "l2:0.5(steps=7)"
    assert parse("l2:1").kind == "pgd-l2"
    confined = parse("l2:0.5,1(steps=20,region=background)")
    assert (confined.kind, confined.region) == ("pgd-background-l2", "background")
    assert confined.name == "l2:0.5,1(steps=20,region=background)"
    assert parse(confined.name) == confined != parse("l2:0.5,1(steps=20)")
    assert parse("l2:1(ensemble=fast,region=foreground)").kind.endswith("-foreground-l2")
    assert AttackSpec("linf", (0.1,), steps=10).name == "linf:0.1(steps=10)"


@pytest.mark.parametrize(
    "text",
    [
        "linf", "linf:", "lnf:1", "linf:8/255,4/255", "linf:1,1", "linf:-1", "linf:nan", "linf:1/0", "linf:1(step=3)",
        "linf:1(steps=0)", "linf:1(steps=x)", "linf:1(fgsm)", "", "linf:4", "linf:1/255,4",
        "linf:1/255(region=sky)", "linf:1/255(region)",
    ],
)  # fmt: skip
def test_nonsense_is_refused(text):
    with pytest.raises(AdvSpurError, match=r"attacks\.(parse|AttackSpec): "):
        parse(text)


@pytest.mark.parametrize(
    "text, name, kind, stages",
    [
        (
            "linf:8/255(apgd,loss=dlr,steps=100,restarts=2)", "linf:8/255(apgd,loss=dlr,restarts=2)",
            "apgd-dlr-linf", ("apgd(loss=dlr,restarts=2)",),
        ),
        ("l2:1(pgd,steps=40,loss=ce)", "l2:1", "pgd-l2", ("pgd",)),
        ("l2:1(square, queries=70)", "l2:1(square,queries=70)", "square-l2", ("square(queries=70)",)),
        (
            "l1:3(ensemble=apgd(steps=5,loss=dlr)+square)", "l1:3(ensemble=apgd(steps=5,loss=dlr)+square)",
            "ensemble-apgd(steps=5,loss=dlr)+square-l1", ("apgd(steps=5,loss=dlr)", "square"),
        ),
    ],
)  # fmt: skip
def test_members_and_ensembles(text, name, kind, stages):
    spec = parse(text)
    assert (spec.name, spec.kind, tuple(s.name for s in spec.stages)) == (name, kind, stages)
    assert parse(spec.name) == spec
    assert AttackSpec(**{key: value for key, value in spec.call.items() if key in AttackSpec.__match_args__}, options={
        key: value for key, value in spec.call.items() if key not in AttackSpec.__match_args__
    }) == spec  # fmt: skip


def test_presets_by_norm():
    for preset in ("standard", "fast"):
        for norm in ("linf", "l2", "l1"):
            spec = parse(f"{norm}:1(ensemble={preset})")
            assert len(spec.stages) > 1
            assert spec.work >= sum(stage.restarts for stage in spec.stages)
            assert parse(spec.name) == spec
    assert parse("linf:1(ensemble)") == parse("linf:1(ensemble=standard)")


@pytest.mark.parametrize(
    "text",
    [
        "linf:1(apgd,pgd)", "linf:1(apgd,ensemble=fast)", "linf:1(ensemble=fsat)", "linf:1(ensemble=apgd+pgdd)",
        "linf:1(square,steps=3)", "linf:1(pgd,queries=3)", "linf:1(apgd,loss=mse)", "linf:1(steps=3,steps=4)",
        "linf:1(ensemble=fast,restarts=2)", "linf:1(ensemble=fast,steps=2)", "linf:1(ensemble=apgd(steps))",
        "linf:1(ensemble=)",
    ],
)  # fmt: skip
def test_nonsense_of_members_is_refused(text):
    with pytest.raises(AdvSpurError, match=r"attacks\.(parse|AttackSpec): "):
        parse(text)


def test_presets_may_be_lists():
    listed = AttackSpec("linf", (0.1,), "ensemble", options={"preset": ["pgd(steps=2)", "square"]})
    assert listed == parse("linf:0.1(ensemble=pgd(steps=2)+square)")
    assert hash(listed) == hash(parse(listed.name))


@pytest.mark.parametrize(
    "attack, options",
    [(["pgd"], {}), (None, {}), ("ensemble", {"preset": 5}), ("ensemble", {"preset": [["pgd"]]})],
)
def test_what_is_no_name_is_refused(attack, options):
    with pytest.raises(AdvSpurError, match=r"AttackSpec: (attack|preset) got"):
        AttackSpec("linf", (0.1,), attack, options=options)
