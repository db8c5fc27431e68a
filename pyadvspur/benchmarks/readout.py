"""How a frozen model is given an answer to a benchmark's classes, as plain data.

A network trained on ImageNet has no output "water bird". A readout says how a linear head is fitted on its features:
on which source, how strongly penalised, and by which rule that strength is chosen. The fitting is in
`evaluation.readout`; here it is only named, because it decides outcomes and so is part of every unit's identity.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from pyadvspur.errors import bad, unknown

#: Inverse strengths of the penalty that are tried, in this order; at equal scores the first wins, as in the DFR code.
GRID = (1.0, 0.7, 0.3, 0.1, 0.07, 0.03, 0.01)
KINDS = ("probe", "dfr")
RULES = {
    "average": "plain validation accuracy (no group labels)",
    "worst-group": "worst-group validation accuracy (group labels)",
}
PENALTIES = ("l2", "l1")


@dataclass(frozen=True)
class Readout:
    """A linear head on frozen features: logistic regression on features standardised on the training source.

    name: "probe" = fit on `train`, choose C on `validation`. "dfr" = deep feature reweighting on validation data: fit
    on one half of `validation`, balanced over groups, choose C on the other half, then average `refits` heads fitted on
    balanced draws of all of it; `train` serves the standardisation alone.
    train, validation: sources of the benchmark. Without validation, the share `held_out` of every class of `train`
    (chosen by sample id) takes its place and is not fitted on.
    n_classes: how many logits the head gives. rule: what chooses C on validation data, a key of RULES.
    as_is: models with so many outputs answer by themselves and get no head. penalty: "l2", or "l1" (two classes only).
    grid: the values of C. seed: of the halves and the balanced draws.

    Sources: logistic regression on standardised features, the grid, and DFR: Kirichenko, Izmailov & Wilson, "Last layer
    re-training is sufficient for robustness to spurious correlations", ICLR 2023.
    """

    name: str
    train: str
    validation: str | None
    n_classes: int
    rule: str = "average"
    held_out: float = 0.0
    as_is: tuple[int, ...] = ()
    penalty: str = "l2"
    grid: tuple[float, ...] = GRID
    refits: int = 20
    seed: int = 0

    def __post_init__(self) -> None:
        where = "benchmarks.Readout"
        if self.name not in KINDS:
            raise unknown(where, "name", self.name, KINDS)
        if self.rule not in RULES:
            raise unknown(where, "rule", self.rule, RULES)
        if self.penalty not in PENALTIES:
            raise unknown(where, "penalty", self.penalty, PENALTIES)
        if self.n_classes < 2:
            raise bad(where, "n_classes", self.n_classes, "an integer >= 2")
        if self.penalty == "l1" and self.n_classes > 2:
            raise bad(where, "penalty", "'l1'", "'l2' where there are more than two classes")
        if self.validation is None and (self.name == "dfr" or not 0 < self.held_out < 1):
            takes = "a source of validation data, or held_out in (0, 1) for a probe"
            raise bad(where, "validation, held_out", (self.validation, self.held_out), takes)
        if self.validation is not None and self.held_out:
            raise bad(where, "held_out", self.held_out, "0 where there is a validation source")
        if not self.grid or any(not 0 < c < float("inf") for c in self.grid):
            raise bad(where, "grid", self.grid, "numbers > 0")
        if self.refits < 1:
            raise bad(where, "refits", self.refits, "an integer >= 1")

    @property
    def key(self) -> str:
        """Everything that decides the head, as text: for fingerprints."""
        return json.dumps(asdict(self), sort_keys=True)

    def applies(self, n_outputs: int) -> bool:
        """Whether a model with so many outputs gets a head."""
        return n_outputs not in self.as_is

    def __str__(self) -> str:
        """For captions: what was fitted, and by which rule it was chosen."""
        where = (
            f"{self.held_out:.0%} of {self.train} held out" if self.validation is None else self.validation
        )
        how = (
            f"frozen backbone, logistic regression ({self.penalty}) on {self.train}, "
            f"C by {RULES[self.rule]} on {where}"
        )
        if self.name == "dfr":
            how = (
                f"frozen backbone, DFR ({self.penalty}) on {where}, C by {RULES[self.rule]}, "
                f"mean of {self.refits} balanced refits"
            )
        taken = (
            "" if not self.as_is else f"; models with {' or '.join(map(str, self.as_is))} outputs as they are"
        )
        return how + taken
