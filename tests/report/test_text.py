"""Markdown and LaTeX tables."""

from pyadvspur.report import text
from pyadvspur.report.tables import Column, Number, Table

TABLE = Table(
    "robustness of a_b",
    (Column("model", True), Column("accuracy\nclean, %\nn = 7"), Column("RFS")),
    (
        ("<b>a|b</b>_1 & $x$", Number("96.7 [95.1, 97.8]", 0.967), Number("-0.10 [-0.20, 0.00]", -0.1)),
        ("c", "-", Number("undefined", float("nan"))),
    ),
    "Brackets hold 95 % intervals.",
)  # fmt: skip


def test_markdown_has_one_cell_a_column_and_inert_names():
    lines = text.markdown(TABLE, "embedded").splitlines()
    rows = [line for line in lines if line.startswith("|")]
    assert rows[0] == "| model | accuracy clean, % n = 7 | RFS |"
    assert rows[1] == "| :-- | --: | --: |"
    assert rows[2] == r"| \<b\>a\|b\</b\>\_1 & $x$ | 96.7 \[95.1, 97.8] | -0.10 \[-0.20, 0.00] |"
    assert rows[3] == "| c | - | undefined |"


def test_latex_is_escaped_and_ruled():
    found = text.latex(TABLE, "embedded", "tab:x")
    assert found.count(r"\\") == 3 + 2  # heads of three lines, two rows
    assert (
        r"b\textgreater{}\_1 \& \$x\$ & 96.7 {\scriptsize [95.1, 97.8]} & $-$0.10 {\scriptsize [$-$0.20, 0.00]} \\"
        in found
    )
    for rule in (
        r"\toprule",
        r"\midrule",
        r"\bottomrule",
        r"\label{tab:x}",
        r"\caption{Embedded: robustness of a\_b.}",
    ):
        assert rule in found
    assert found.count("{") == found.count("}")
