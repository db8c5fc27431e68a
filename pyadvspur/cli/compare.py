"""`advspur compare`: two runs, or two models of one, in pairs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pyadvspur.cli.printing import Json

if TYPE_CHECKING:
    import pandas as pd

    from pyadvspur.evaluation import Comparison
    from pyadvspur.report import Table


def compare(
    a: Annotated[str, typer.Argument(help="Folder of a run; with --run, a model of that run.")],
    b: Annotated[str, typer.Argument(help="The other one, which is subtracted.")],
    run: Annotated[Path | None, typer.Option("--run", help="One run that A and B are models of.")] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            "-m",
            help="Which model of the runs; twice = of A, of B. Default: the models of the same name, or the only ones.",
        ),
    ] = None,
    allow_different: Annotated[
        bool,
        typer.Option(
            "--allow-different",
            help="Compare runs with other data, conditions, attacks or seeds; says what differs.",
        ),
    ] = False,
    both_right: Annotated[
        str | None,
        typer.Option(help="A condition: count only images that both models get right there (same accuracy)."),
    ] = None,
    csv: Annotated[Path | None, typer.Option("--csv", help="Write both tables here, too.")] = None,
    json_: Json = False,
) -> None:
    """Every measure of A minus that of B on the same images, with paired intervals, and McNemar's test by condition.

    \b
    advspur compare runs/before runs/after
    advspur compare embedded:cnn_standard embedded:cnn_l2_eps0.5 --run advspur-demo
    """  # fmt: skip
    import sys

    from pyadvspur import evaluation
    from pyadvspur.cli.printing import print_json, print_table
    from pyadvspur.errors import AdvSpurError, bad

    if run is not None and model:
        raise bad("compare", "--model", " ".join(model), "nothing beside --run: A and B are the models then")
    if model and len(model) > 2:
        raise bad("compare", "--model", f"{len(model)} of them", "one for both runs, or one for each")
    where, models = (a, b), (model[0], model[-1]) if model else None
    if run is not None:
        where, models = (run, run), (a, b)
    options = {} if both_right is None else {"both_right": both_right}
    found = evaluation.compare(*where, models, allow_different=allow_different, **options)
    if csv is not None:
        try:
            _together(found).to_csv(csv, index=False)
        except OSError as error:
            raise AdvSpurError(
                f"compare: {str(csv)!r} cannot be written ({error.strerror or error})"
            ) from error
        print(f"wrote {csv}", file=sys.stderr)
    if json_:
        print_json(
            {
                "a": where[0], "b": where[1], "pairs": found.pairs, "different": found.different,
                "versions": found.versions, "measures": found.measures, "conditions": found.conditions,
            }
        )  # fmt: skip
        return
    for text, facts in (("Not the same experiment", found.different), ("Other software", found.versions)):
        if facts:
            print(f"{text}: {'; '.join(facts)}", file=sys.stderr)
    for pair in found.pairs:
        print(f"\nA = {pair[0]} ({where[0]})\nB = {pair[1]} ({where[1]})")
        for name, of_pair in (("measure", found.measures), ("condition", found.conditions)):
            mine = of_pair[(of_pair["model_a"] == pair[0]) & (of_pair["model_b"] == pair[1])]
            for benchmark, rows in mine.groupby("benchmark", sort=False):
                print_table(f"{benchmark}: A minus B, {_TITLES[name]}", _table(name, rows))
    if both_right is not None:
        print(
            f"Only images that both models get right in {both_right}: chosen by outcome, no sample of a population."
        )


_TITLES = {"measure": "measure by measure", "condition": "accuracy in every condition"}
_INTERVALS = "Brackets: 95 % intervals of the paired bootstrap; * where they leave 0 out. "
_NOTES = {
    "measure": f"{_INTERVALS}p: McNemar's exact test; p Holm: corrected for all rows of this pair of models.",
    "condition": f"{_INTERVALS}A alone, B alone: images that only that one gets right. p: McNemar's exact test; "
    "p Holm: corrected for all rows of this pair of models.",
}


def _table(name: str, rows: pd.DataFrame) -> Table:
    from pyadvspur.report import selection
    from pyadvspur.report.tables import Column, Table

    last = ("only_a", "only_b", "p", "p_holm") if name == "condition" else ("p", "p_holm")
    titles = {"only_a": "A alone", "only_b": "B alone", "p": "p", "p_holm": "p Holm"}
    columns = (
        Column(name, True), Column("A"), Column("B"), Column("A - B"), Column("", True), Column("n", rank=1),
        *(Column(titles[key], rank=1) for key in last),
    )  # fmt: skip
    cells, notes = [], {}
    for row in rows.itertuples():
        title = getattr(row, name)
        if row.attack != "none":
            title += f", {row.attack} {selection.radius(row.eps, selection.norm_of(row.attack))}"
        numbers = [_number(row.kind, value) for value in (row.a, row.b)]
        more = [_short(getattr(row, key)) for key in last]
        if row.note:
            notes.setdefault(row.note, []).append(title)
        cells.append((title, *numbers, _difference(row), _mark(row), str(row.n), *more))
    said = tuple(f"{', '.join(dict.fromkeys(who))}: {text}" for text, who in notes.items())
    return Table(_TITLES[name], columns, tuple(cells), _NOTES[name], said)


def _difference(row) -> str:
    from math import isnan

    if isnan(row.difference):
        return "undefined"
    texts = [_number(row.kind, value, "+") for value in (row.difference, row.low, row.high)]
    return f"{texts[0]} [{texts[1]}, {texts[2]}]"


def _mark(row) -> str:
    return "*" if row.low > 0 or row.high < 0 else ""


def _number(kind: str, value: float, sign: str = "-") -> str:
    """Per cent (points for differences) for shares of images, plain for ratios."""
    from math import isnan

    from pyadvspur.metrics.kinds import find

    if isnan(value):
        return "undefined"
    percent = find(kind).percent
    return f"{100 * value if percent else value:{sign}.{1 if percent else 2}f}" + " %" * (
        percent and sign == "-"
    )


def _short(value: float) -> str:
    """A count as it is (-1 = none), a p-value to two digits."""
    if isinstance(value, int):
        return str(value) if value >= 0 else ""
    return "" if value != value else f"{value:.2g}" if value >= 1e-4 else "<1e-4"


def _together(found: Comparison) -> pd.DataFrame:
    import pandas as pd

    measures = found.measures.assign(table="measures")
    conditions = found.conditions.assign(table="conditions").rename(columns={"condition": "measure"})
    both = pd.concat([measures, conditions], ignore_index=True)
    return both[["table", *(column for column in both if column != "table")]]
