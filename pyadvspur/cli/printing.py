"""Tables on a terminal of any width."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyadvspur.report import Table

_WIDE = 200  # where output is no terminal
_BLOCKS = 3


def print_table(title: str, table: Table) -> None:
    """Print a table; where it is too wide, intervals go under their values, and the columns come in several blocks;
    where these are more than three, columns of the last rank stay away, and it says so."""
    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else _WIDE, highlight=False)
    columns = list(range(len(table.columns)))
    folded = _width(table, columns, False) > console.width
    last = max((column.rank for column in table.columns), default=0)
    if len(_blocks(table, columns, folded, console.width)) > _BLOCKS and last > 1:
        columns = [k for k in columns if table.columns[k].rank < last]
    for k, block in enumerate(_blocks(table, columns, folded, console.width)):
        console.print(_rich(title if k == 0 else None, table, block, folded))
    for note in (table.note, *table.notes):
        if note:
            console.print(note, style="dim", markup=False)
    if len(columns) < len(table.columns):
        console.print(
            f"{len(table.columns) - len(columns)} columns do not fit here; the page has them.", style="dim"
        )


def _blocks(table: Table, columns: list[int], folded: bool, width: int) -> list[list[int]]:
    """The columns, first of all the model, in as few parts as fit the width."""
    found = [[columns[0]]]
    for k in columns[1:]:
        if len(found[-1]) > 1 and _width(table, [*found[-1], k], folded) > width:
            found.append([columns[0]])
        found[-1].append(k)
    return found


def _rich(title: str | None, table: Table, columns: list[int], folded: bool):
    from rich import box
    from rich.table import Table as RichTable

    shown = RichTable(
        title=title, title_justify="left", title_style="bold", header_style="bold", box=box.SIMPLE_HEAD, padding=(0, 1),
    )  # fmt: skip
    for k in columns:
        text = table.columns[k].text
        shown.add_column(
            _head(table.columns[k].title, folded), justify="left" if text else "right", no_wrap=True
        )
    prefix = _shared_prefix([row[0] for row in table.rows])
    for row in table.rows:
        shown.add_row(*(_cell(row[k].removeprefix(prefix) if k == 0 else row[k], folded) for k in columns))
    return shown


def _width(table: Table, columns: list[int], folded: bool) -> int:
    prefix = _shared_prefix([row[0] for row in table.rows])
    total = 0
    for k in columns:
        cells = [_head(table.columns[k].title, folded)]
        cells += [_cell(row[k].removeprefix(prefix) if k == 0 else row[k], folded) for row in table.rows]
        total += 3 + max(len(line) for cell in cells for line in cell.split("\n"))  # padding and divider
    return total + 1


def _head(title: str, folded: bool) -> str:
    return title.replace(" ", "\n", 1) if folded and len(title.split("\n")[0]) > 16 else title


def _cell(text: str, folded: bool) -> str:
    return text.replace(" [", "\n[") if folded else text


def _shared_prefix(names: list[str]) -> str:
    """What all names begin with, up to a colon: said once, in the title, not in every row."""
    prefixes = {name.partition(":")[0] + ":" for name in names if ":" in name}
    return prefixes.pop() if len(prefixes) == 1 and len(names) > 1 and all(":" in n for n in names) else ""
