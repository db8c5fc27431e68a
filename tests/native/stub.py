"""Generates the stub of the compiled module: `python tests/native/stub.py pyadvspur/_core.pyi`."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path


def generate() -> str:
    """The stub's text for the installed module, without the values that depend on the machine."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable,
            "-P",
            "-m",
            "pybind11_stubgen",
            "pyadvspur._core",
            "-o",
            folder,
            "--exit-code",
        ]
        subprocess.run(command, check=True, capture_output=True, text=True, cwd=folder)
        text = next(Path(folder).rglob("_core.pyi")).read_text()
    return re.sub(r"^(\w+: \w+) = .*$", r"\1", text, flags=re.M)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(generate())
