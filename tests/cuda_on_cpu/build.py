"""Compile the CUDA kernels' source for the CPU, with every load and store watched.

python tests/cuda_on_cpu/build.py       # prints the program's path; objects are kept in build/cuda-on-cpu
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CPU = [
    "apgd",
    "hyperplane",
    "l1",
    "loss",
    "project",
    "random",
    "random_tile",
    "render",
    "render_tile",
    "score",
]
CPU += ["square", "step", "step_l1", "step_long"]
FLAGS = ["-std=c++17", "-O1", "-g1", "-ffp-contract=off", "-fno-math-errno", "-Wall", "-Wextra"]
FLAGS += ["-Wno-unknown-pragmas", "-Wno-unused-function", "-DADVSPUR_NO_CLONES"]
# The compiler calls a hook at every access, watch.cpp has the hooks; misaligned vectors and the like stop the program.
WATCHED = ["-fsanitize=thread", "-fsanitize=alignment,bounds,shift", "-fno-sanitize-recover=all", "-x", "c++"]
# One set of numbers on every machine: the twin must not depend on where it is compiled.
PLAIN: list[str] = ["-fno-trapping-math"]


def compiler() -> str | None:
    return shutil.which(os.environ.get("CXX", "g++"))


def _sources() -> list[tuple[Path, list[str]]]:
    kernels = [*sorted((ROOT / "csrc" / "cuda").glob("*.cu")), HERE / "faults.cpp"]
    machine = [source for source in sorted(HERE.glob("*.cpp")) if source.name != "faults.cpp"]
    cpu = [ROOT / "csrc" / "cpu" / f"{name}.cpp" for name in CPU]
    return [(source, WATCHED) for source in kernels] + [(source, PLAIN) for source in machine + cpu]


def build(folder: Path, jobs: int = 4) -> Path:
    """The program, made anew where a source, a header or a flag changed. RuntimeError: in the compiler's words."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = (folder / "lock").open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)  # several tests may want it at once; let go when this process ends
    headers = [*HERE.glob("*.h"), *(ROOT / "csrc").rglob("*.h"), *(ROOT / "csrc").rglob("*.cuh")]
    common = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(headers)))
    includes = [f"-I{HERE}", f"-I{ROOT / 'csrc'}", f"-I{ROOT / 'csrc' / 'include'}"]

    def make(job: tuple[Path, list[str]]) -> Path:
        source, more = job
        command = [compiler(), *FLAGS, *includes, *more, "-c", str(source)]
        name = common.copy()
        name.update(source.read_bytes() + " ".join(command).encode())
        made = folder / f"{source.parent.name}-{source.stem}-{name.hexdigest()[:16]}.o"
        if not made.exists():
            _call(command, made)
        return made

    with ThreadPoolExecutor(jobs) as pool:
        objects = list(pool.map(make, _sources()))
    for stale in set(folder.glob("*.o")) - set(objects):
        stale.unlink()
    program = folder / "cuda-on-cpu"
    _call([compiler(), "-no-pie", *map(str, objects), "-lubsan"], program)
    return program


def _call(command: list[str], out: Path) -> None:
    part = f"{out}.{os.getpid()}"  # several may build at once
    done = subprocess.run([*command, "-o", part], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}\n{done.stderr}")
    os.replace(part, out)


if __name__ == "__main__":
    print(build(ROOT / "build" / "cuda-on-cpu", jobs=min(4, os.cpu_count() or 1)))
