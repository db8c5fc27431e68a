"""A card as one self-contained page, or as Markdown."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pyadvspur.errors import AdvSpurError, bad
from pyadvspur.report import selection
from pyadvspur.report.card import drawing

if TYPE_CHECKING:
    from pyadvspur.report.card.content import Card, Row

SUFFIXES = (".html", ".md")


def write(card: Card, path: str | os.PathLike) -> Path:
    """Write a card; the name's end, .html or .md, says how. Raises AdvSpurError if it cannot be written."""
    path = Path(path)
    text = render(card, path.suffix)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise AdvSpurError(f"card: {str(path)!r} cannot be written ({error.strerror or error})") from error
    return path


def render(card: Card, suffix: str) -> str:
    """The card's text for a file that ends in .html or .md."""
    check(suffix)
    return _page(card) if suffix == ".html" else _markdown(card)


def check(suffix: str) -> None:
    """Refuse another kind of file."""
    if suffix not in SUFFIXES:
        raise bad("card", "out", f"a file that ends in {suffix or 'nothing'}", ".html or .md")


def place(row: Row) -> str:
    """Where a value stands, in words."""
    if row.place is None:
        return "-"
    found = row.place
    equal = f", equal to {found.equal}" if found.equal else ""
    return f"{found.percentile:.0f} (higher than {found.lower} of {found.n}{equal})"


def _page(card: Card) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("pyadvspur.report.card", "."), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template("card.html").render(
        card=card, curve=drawing.curve, strip=drawing.strip, place=place, leaning=leaning, unit=unit
    )


def leaning(row: Row) -> str:
    """Which way is more reliance."""
    return {"up": "higher leans more", "down": "lower leans more"}.get(row.leans, "")


def unit(row: Row) -> str:
    """What follows a title whose values are shown per cent."""
    from pyadvspur.metrics.kinds import find

    return ", %" if find(row.kind).percent else ""


def _markdown(card: Card) -> str:
    lines = [f"# Model card: {card.model}", ""]
    lines += [f"* **{name}**: {_escaped(text)}" for name, text in card.facts]
    if card.reference:
        lines += ["", f"Percentiles are among {card.reference}."]
    for section in card.sections:
        lines += ["", f"## {section.name}", ""]
        lines += [f"* {name}: {_escaped(text)}" for name, text in section.facts]
        for title, rows in (
            ("How right", section.accuracies), ("On what it leans", section.reliance),
            ("How robust", section.robust),
        ):  # fmt: skip
            if rows:
                lines += ["", f"### {title}", "", *_table(rows)]
        for found in section.curves:
            steps = ", ".join(
                f"{selection.radius(e, found.norm)}: {100 * v:.1f}" for e, v in zip(found.radii, found.values)
            )
            lines += ["", f"{_escaped(found.measure)} (%) against the {found.norm} radius: {steps}."]
    lines += ["", "## Caveats", "", *(f"* {_escaped(text)}" for text in card.caveats), ""]
    return "\n".join(lines)


def _table(rows: tuple[Row, ...]) -> list[str]:
    head = ["| measure | value [95 % interval] | n | percentile | reading |", "|---|---|---|---|---|"]
    body = []
    for row in rows:
        reading = "; ".join(part for part in (row.meaning or leaning(row), row.note) if part)
        cells = (row.title + unit(row), row.text, str(row.n), place(row), reading)
        body.append(f"| {' | '.join(map(_escaped, cells))} |")
    return head + body


def _escaped(text: str) -> str:
    """Text that Markdown shows as it is, in a table too."""
    for sign in ("\\", "|", "*", "_", "`", "<"):
        text = text.replace(sign, "\\" + sign)
    return text.replace("\n", " ")
