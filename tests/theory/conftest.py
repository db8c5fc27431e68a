"""Lets the tests here import their helpers, `oracle` and `samples`.

This folder only, never the project's root: worker processes inherit the path, and would find the source folder without
its compiled module before the installed package.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
