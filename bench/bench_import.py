"""How long the door takes: `import pyadvspur` and `advspur --help`, in fresh processes.

python bench/bench_import.py [--quick] [--save]
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import common

_LIMIT = 0.15
_LIMITED = ("import pyadvspur", "advspur --help")  # a command's own help pays for typer and pydantic
_HEAVY = "torch, pandas, numpy, matplotlib, scipy, sklearn, pyarrow, rich"


def main() -> None:
    run = common.start(__doc__, "import")
    command = shutil.which("advspur", path=str(Path(sys.executable).parent)) or "advspur"
    cases = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "import pyadvspur": [sys.executable, "-c", "import pyadvspur"],
        "advspur --help": [command, "--help"],
        "advspur evaluate --help": [command, "evaluate", "--help"],
        "advspur theory --help": [command, "theory", "--help"],
    }
    for statement in ("import pyadvspur", "import pyadvspur.cli.commands"):
        run.check(f"{statement} brings in none of {_HEAVY}", float(_loaded(statement)))
    times = run.measure(
        {
            name: lambda argv=argv: subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
            for name, argv in cases.items()
        }
    )
    for name in cases:
        median = times[name].median
        limited = name in _LIMITED
        ok = ("yes" if median <= _LIMIT else "NO") if limited else ""
        run.row(case=name, seconds=round(median, 4), limit=_LIMIT if limited else "", ok=ok)
    run.finish()


def _loaded(statement: str) -> int:
    code = f"{statement}\nimport sys\nprint(sum(name in sys.modules for name in {_HEAVY.split(', ')!r}))"
    return int(
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    )


if __name__ == "__main__":
    main()
