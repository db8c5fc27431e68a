"""Networks in series: by norm and architecture, from standard training to the largest radius."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pyadvspur.claims.options import Options

if TYPE_CHECKING:
    import pandas as pd

    from pyadvspur.evaluation import Run


def described(run: Run, options: Options) -> pd.DataFrame:
    """`Run.models()` with what --trained says of models that do not say it themselves. norm is "" for standard ones."""
    frame = run.models()
    for name, (norm, eps) in options.trained.items():
        mine = frame["model"] == name
        frame.loc[mine, ["norm", "eps"]] = [norm, eps]
        frame.loc[mine, "arch"] = frame.loc[mine, "arch"].fillna("own")
    return frame


def lines_of(networks: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """(norm, arch, networks by ascending radius, the standard one of that architecture first)."""
    known = networks[networks["norm"].notna()]
    for (norm, arch), mine in known[known["norm"] != ""].groupby(["norm", "arch"], sort=True):
        import pandas as pd

        standard = known[(known["norm"] == "") & (known["arch"] == arch)]
        yield norm, arch, pd.concat([standard.assign(eps=0.0), mine.sort_values("eps")])


def values_of(run: Run, networks: pd.DataFrame, measures) -> pd.DataFrame:
    """Every measure of every network with its 95 % interval, and how the network was trained."""
    table = run.metrics(measures)
    table = table[table["model"].isin(networks["model"]) & (table["attack"] == "none")]
    about = networks[["model", "arch", "norm", "eps"]].rename(columns={"eps": "radius"})
    columns = ["benchmark", "model", "arch", "norm", "radius", "measure", "value", "low", "high", "n", "note"]
    return table.merge(about, on="model")[columns]
