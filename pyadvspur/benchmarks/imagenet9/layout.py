"""How a copy of ImageNet-9 lies on disk, in numbers and names."""

from __future__ import annotations

import os

VARIATIONS = (
    "original", "mixed_same", "mixed_rand", "mixed_next", "only_fg", "only_bg_b", "only_bg_t", "no_fg",
)  # fmt: skip
PER_CLASS = 450
SIZE = 224
READERS = min(8, os.cpu_count() or 1)  # threads that decode files
