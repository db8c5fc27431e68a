"""Tables, figures and one self-contained HTML page, all pure functions of a run's outcomes."""

from __future__ import annotations

from pyadvspur.report.drawing import figures, save
from pyadvspur.report.page import write
from pyadvspur.report.tables import Table, details, trade_off

__all__ = ["Table", "details", "figures", "save", "trade_off", "write"]
