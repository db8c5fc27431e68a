"""Tables, figures and one self-contained HTML page, all pure functions of the outcomes of one run or several."""

from __future__ import annotations

from pyadvspur.report.drawing import figures, save
from pyadvspur.report.page import write
from pyadvspur.report.papers import write_tables
from pyadvspur.report.several import Runs
from pyadvspur.report.tables import Table, details, trade_off

__all__ = ["Runs", "Table", "details", "figures", "save", "trade_off", "write", "write_tables"]
