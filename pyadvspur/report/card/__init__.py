"""A model card: one page for one model of a run, held against a reference series.

found = card.make(evaluation.load("runs/a"), "embedded:cnn_l2_eps0.5")
card.write(found, "card.html")                     # or card.md
"""

from __future__ import annotations

from pyadvspur.report.card.content import Card, make
from pyadvspur.report.card.reference import Reference, embedded, of_run, standing
from pyadvspur.report.card.writing import check, write

__all__ = ["Card", "Reference", "check", "embedded", "make", "of_run", "standing", "write"]
