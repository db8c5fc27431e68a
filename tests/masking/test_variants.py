"""Variants: names read back, bad ones are refused."""

from __future__ import annotations

import pytest

from pyadvspur import AdvSpurError, masking

ALL = [
    (masking.clean(), "clean"),
    (masking.noise("foreground", std=0.25), "noise(foreground,std=0.25)"),
    (masking.noise("background", l2=50), "noise(background,l2=50)"),
    (masking.noise("everywhere", std=30 / 255), "noise(everywhere,std=0.11764705882352941)"),
    (masking.fill("background", 0.5), "fill(background,0.5)"),
    (masking.fill("foreground", 0), "fill(foreground,0)"),
    (masking.swap("background"), "swap(background)"),
]


@pytest.mark.parametrize("variant, name", ALL)
def test_names_read_back(variant, name):
    assert variant.name == name
    assert masking.parse(name) == variant
    assert hash(masking.parse(name)) == hash(variant)


def test_parse_takes_fractions_and_spaces():
    assert masking.parse(" noise( background , std = 30/255 ) ") == masking.noise("background", std=30 / 255)
    assert masking.parse("fill(everywhere,1/2)").value == 0.5
    assert masking.parse("swap").region == "background"


@pytest.mark.parametrize(
    "name",
    [
        "", "blur", "noise", "noise(foreground)", "noise(0.5)", "noise(sky,std=1)", "noise(foreground,std=-1)",
        "noise(foreground,std=1,l2=2)", "noise(foreground,std=nan)", "noise(foreground,l2=inf)", "fill(background)",
        "noise(foreground,std=1,std=2)", "noise(foreground,std=1/0)", "fill(background,2)", "fill(background,std=1)",
        "clean(foreground)", "swap(everywhere)", "clean)",
    ],
)  # fmt: skip
def test_parse_refuses(name):
    with pytest.raises(AdvSpurError, match="masking"):
        masking.parse(name)


@pytest.mark.parametrize(
    "make",
    [
        lambda: masking.noise("foreground", std=True),
        lambda: masking.noise("foreground"),
        lambda: masking.fill("background", "0.5"),
        lambda: masking.Variants([]),
        lambda: masking.Variants([1]),
        lambda: masking.Variant("noise", "foreground", std=1.0, value=0.5),
    ],
)  # fmt: skip
def test_constructors_refuse(make):
    with pytest.raises(AdvSpurError):
        make()


def test_variants_are_an_immutable_sequence():
    variants = masking.Variants([v for v, _ in ALL])
    assert variants == masking.Variants(name for _, name in ALL)
    assert len(variants) == len(ALL)
    assert variants[1] is ALL[1][0]
    assert variants[:1] == masking.Variants("clean")
    assert variants.needs_masks
    assert variants.needs_partners
    assert not masking.Variants(["clean", "noise(everywhere,std=1)"]).needs_masks
    with pytest.raises(TypeError):
        variants[0] = masking.clean()
