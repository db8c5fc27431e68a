"""What commands print: tables on a terminal of any width, curves as one word, JSON for programs."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from math import isfinite, isnan
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from pyadvspur.report import Table

_WIDE = 200  # where output is no terminal
_BLOCKS = 3
_INTERVAL = re.compile(r"(\S+) \[(\S+), (\S+)\](.*)", re.DOTALL)
_BARS, _PLAIN_BARS = "▁▂▃▄▅▆▇█", ".:-=+*%#"

#: the option of every command that prints a table
Json = Annotated[
    bool, typer.Option("--json", help="Print JSON alone on stdout, numbers in full; the rest goes to stderr.")
]


def print_json(value: Any) -> None:
    """Print frames (as lists of rows), mappings and plain values as JSON; what is not finite becomes null."""
    import json

    print(json.dumps(_plain(value), indent=1, ensure_ascii=False, allow_nan=False))


def _plain(value: Any) -> Any:
    if hasattr(value, "to_dict") and hasattr(value, "columns"):
        value = value.to_dict(orient="records")
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):  # numpy's arrays and scalars
        return _plain(value.tolist())
    if isinstance(value, float) and not isfinite(value):
        return None
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def sparkline(values: Iterable[float]) -> str:
    """Values in [0, 1] as bars, one character each; a NaN is a gap. Plain signs where stdout cannot show bars."""
    try:
        _BARS.encode(sys.stdout.encoding or "ascii")
        bars = _BARS
    except UnicodeEncodeError:
        bars = _PLAIN_BARS
    return "".join(" " if isnan(v) else bars[min(7, max(0, int(8 * v)))] for v in values)


def aligned(cells: Sequence[str]) -> list[str]:
    """Cells "value [low, high] more" of a column with their brackets under one another; others as they are."""
    parts = [_INTERVAL.fullmatch(cell) for cell in cells]
    widths = [max((len(m[k]) for m in parts if m), default=0) for k in (1, 2, 3)]
    last = max((len(m[4]) for m in parts if m), default=0)
    return [
        f"{m[1]:>{widths[0]}} [{m[2]:>{widths[1]}}, {m[3]:>{widths[2]}}]{m[4]:<{last}}" if m else cell
        for m, cell in zip(parts, cells)
    ]


def console() -> Console:
    """Where tables go: colours and the window's width on a terminal only."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else _WIDE, highlight=False)


def print_table(title: str, table: Table) -> None:
    """Print a table; where it is too wide, intervals go under their values, and the columns come in several blocks;
    where these are more than three, columns of the last rank stay away, and it says so."""
    out = console()
    table = _lined_up(table)
    columns = list(range(len(table.columns)))
    folded = _width(table, columns, False) > out.width
    last = max((column.rank for column in table.columns), default=0)
    if len(_blocks(table, columns, folded, out.width)) > _BLOCKS and last > 1:
        columns = [k for k in columns if table.columns[k].rank < last]
    for k, block in enumerate(_blocks(table, columns, folded, out.width)):
        out.print(_rich(title if k == 0 else None, table, block, folded))
    for note in (table.note, *table.notes):
        if note:
            out.print(note, style="dim", markup=False)
    if len(columns) < len(table.columns):
        out.print(
            f"{len(table.columns) - len(columns)} columns do not fit here; the page has them.", style="dim"
        )


def _lined_up(table: Table) -> Table:
    from dataclasses import replace

    columns = [
        [row[k] for row in table.rows] if column.text else aligned([row[k] for row in table.rows])
        for k, column in enumerate(table.columns)
    ]
    return replace(table, rows=tuple(zip(*columns)))


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
