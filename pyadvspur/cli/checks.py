"""Tables of what `verify` found."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas


def show(found: pandas.DataFrame, title: str = "") -> None:
    """Print a frame with the columns item, expected, found, ok, note.

    Text comes from files and their names: it is shown as it is, never read as markup, and a name is never cut.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from pyadvspur.cli.printing import console

    out = console()
    table = Table("item", "expected", "found", "", header_style="bold", pad_edge=False, box=box.SIMPLE_HEAD)
    table.add_column("note", overflow="fold")
    for row in found.itertuples():
        texts = [Text(_short(str(value), out.width)) for value in (row.expected, row.found)]
        state = Text("ok") if row.ok else Text("wrong", style="red")
        table.add_row(Text(row.item), *texts, state, Text(row.note))
    if title:
        out.print(Text(title, style="bold"))
    out.print(table)


def _short(text: str, width: int) -> str:
    """A hash cut short where the screen is narrow; words are kept."""
    return text if len(text) <= 24 or " " in text or width >= 200 else f"{text[:12]}..."
