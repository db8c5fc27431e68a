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
    assert AttackSpec("linf", (0.1,), steps=10).name == "linf:0.1(steps=10)"


@pytest.mark.parametrize(
    "text",
    [
        "linf", "linf:", "lnf:1", "linf:8/255,4/255", "linf:1,1", "linf:-1", "linf:nan", "linf:1/0", "linf:1(step=3)",
        "linf:1(steps=0)", "linf:1(steps=x)", "linf:1(fgsm)", "",
    ],
)  # fmt: skip
def test_nonsense_is_refused(text):
    with pytest.raises(AdvSpurError, match=r"attacks\.(parse|AttackSpec): "):
        parse(text)
