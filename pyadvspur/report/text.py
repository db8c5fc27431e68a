"""Tables for papers and notes: Markdown, and LaTeX with booktabs rules."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pyadvspur.report.tables import Number, Table

_SPECIAL = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}",
}  # fmt: skip
_ACROSS = 5  # columns of numbers side by side
_MARKS = re.compile(r"([\\`*_{}\[\]<>|#])")


def markdown(table: Table, title: str = "") -> str:
    """A pipe table under a heading; names are escaped, so that none becomes markup."""
    heads = [_plain(" ".join(column.title.split("\n"))) for column in table.columns]
    rules = [":--" if column.text else "--:" for column in table.columns]
    lines = [f"### {_plain(title)}", ""] if title else []
    lines += [f"{_plain(table.caption[:1].upper() + table.caption[1:])}.", ""]
    lines += [_row(heads), _row(rules), *(_row(map(_cell, row)) for row in table.rows), ""]
    lines += [f"{_plain(note)}\n" for note in (table.note, *table.notes) if note]
    return "\n".join(lines)


def latex(table: Table, title: str = "", label: str = "") -> str:
    r"""A `table` environment; it needs \usepackage{booktabs}. Intervals are set small after their values; wide tables
    come in blocks of a few columns, one under the other."""
    caption = f"{title}: {table.caption}" if title else table.caption
    lines = [r"\begin{table}", r"\centering", rf"\caption{{{_tex(caption[:1].upper() + caption[1:])}.}}"]
    lines += [rf"\label{{{label}}}"] if label else []
    lines.append(r"\small")
    for first in range(1, max(2, len(table.columns)), _ACROSS):
        if first > 1:
            lines.append(r"\par\medskip")
        lines += _tabular(table, [0, *range(first, min(first + _ACROSS, len(table.columns)))])
    notes = [_tex(note) for note in (table.note, *table.notes) if note]
    lines += [r"\par\smallskip", r"{\footnotesize " + r"\\ ".join(notes) + "}"] if notes else []
    return "\n".join([*lines, r"\end{table}", ""])


def _tabular(table: Table, columns: list[int]) -> list[str]:
    """Some columns of a table."""
    heads = [table.columns[k].title.split("\n") for k in columns]
    depth = max(map(len, heads))
    kind = "".join("l" if table.columns[k].text else "r" for k in columns)
    lines = [rf"\begin{{tabular}}{{{kind}}}", r"\toprule"]
    for k in range(depth):
        # short heads stand at the bottom
        cells = [head[k - depth + len(head)] if k >= depth - len(head) else "" for head in heads]
        lines.append(" & ".join(map(_tex, cells)) + r" \\")
    lines.append(r"\midrule")
    lines += [" & ".join(_tex_cell(row[k]) for k in columns) + r" \\" for row in table.rows]
    return [*lines, r"\bottomrule", r"\end{tabular}"]


def document(parts: Iterable[str], heading: str) -> str:
    """Several tables in one file."""
    return "\n".join([heading, *parts])


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _plain(text: str) -> str:
    return _MARKS.sub(r"\\\1", str(text)).replace("\n", " ")


def _cell(text: str) -> str:
    # brackets of an interval are no link
    return str(text).replace("[", r"\[") if isinstance(text, Number) else _plain(text)


def _tex(text: str) -> str:
    return "".join(_SPECIAL.get(c, c) for c in str(text))


def _tex_cell(text: str) -> str:
    if not isinstance(text, Number) or " [" not in text:
        return _tex(text)
    value, _, rest = text.partition(" [")
    interval, _, more = rest.partition("]")
    value, interval = (re.sub(r"-(?=\d)", "$-$", part) for part in (value, interval))
    return rf"{value} {{\scriptsize [{interval}]{_tex(more)}}}"
