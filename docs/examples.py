"""Docstrings are plain prose: what Markdown would read otherwise is shown as it is. An extension of griffe."""

from __future__ import annotations

import re

import griffe

_CODE = re.compile(r"(`[^`]*`)")


class Examples(griffe.Extension):
    def on_object(self, *, obj, **options) -> None:
        """Every docstring of the API reference, before it is rendered."""
        if obj.docstring:
            obj.docstring.value = shown(obj.docstring.value)


def shown(text: str) -> str:
    """Brackets are no links; an example, from `>>>` to the next empty line, is a block of code."""
    lines, inside = [], False
    for line in text.split("\n"):
        if line.lstrip().startswith(">>> ") and not inside:
            lines += ["", "```pycon"]
            inside = True
        elif inside and not line.strip():
            lines.append("```")
            inside = False
        lines.append(line if inside or line.startswith("    ") else _escaped(line))
    return "\n".join([*lines, *(["```"] if inside else [])])


def _escaped(line: str) -> str:
    parts = _CODE.split(line)
    return "".join(part if k % 2 else re.sub(r"([\[\]<])", r"\\\1", part) for k, part in enumerate(parts))
