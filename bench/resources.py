"""What the CUDA compiler made of every kernel: registers, shared memory, spills, width of global memory accesses; and
how many bytes the kernels move, counted where their source runs on the CPU (docs/kernels.md).

    python bench/resources.py --save        # results/cuda_resources.md; needs nvcc, no GPU

cuobjdump: from the toolkit, or `pip install --no-deps nvidia-cuda-cuobjdump nvidia-cuda-nvdisasm`.

A spill is memory traffic nobody asked for, so the script ends with 1 if there is one. Widths are counted in the machine
code (SASS): the share of global loads and stores that move 16 bytes a thread.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FLAGS = ["-std=c++17", "-O3", "--fmad=false", "-Icsrc/include", "-Icsrc", "-cubin", "-Xptxas", "-v"]


def tool(name: str) -> str:
    folders = [Path(path) / "nvidia" for path in sys.path if path.endswith("site-packages")]
    packaged = [str(path) for folder in folders for path in folder.glob(f"*/bin/{name}")]
    found = shutil.which(name) or shutil.which(f"/usr/local/cuda/bin/{name}") or next(iter(packaged), None)
    if not found:
        sys.exit(f"{name} was not found; it comes with the CUDA toolkit")
    return found


def compile_one(source: Path, arch: str, folder: Path) -> tuple[str, Path]:
    """ptxas's report and the cubin."""
    cubin = folder / f"{source.stem}.{arch}.cubin"
    command = [tool("nvcc"), *FLAGS, f"-arch={arch}", str(source.relative_to(ROOT)), "-o", str(cubin)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return done.stderr, cubin


def resources(report: str) -> dict[str, dict[str, int]]:
    """Of every kernel in ptxas's report, by mangled name."""
    found: dict[str, dict[str, int]] = {}
    name = None
    for line in report.splitlines():
        if match := re.search(r"Compiling entry function '(\S+)'", line):
            name = match[1]
            found[name] = {"registers": 0, "shared": 0, "stack": 0, "spills": 0}
        elif name and (
            match := re.search(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes", line)
        ):
            found[name].update(stack=int(match[1]), spills=int(match[2]) + int(match[3]))
        elif name and (match := re.search(r"Used (\d+) registers", line)):
            found[name]["registers"] = int(match[1])
            if shared := re.search(r"(\d+) bytes smem", line):
                found[name]["shared"] = int(shared[1])
    return found


def accesses(cubin: Path) -> dict[str, Counter]:
    """Global loads and stores by width, by mangled name."""
    disassembler = Path(tool("nvdisasm")).parent
    environment = {**os.environ, "PATH": f"{disassembler}:{os.environ['PATH']}"}  # cuobjdump calls it
    command = [tool("cuobjdump"), "-sass", str(cubin)]
    text = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
    found: dict[str, Counter] = {}
    name = ""
    for line in text.splitlines():
        if match := re.search(r"Function : (\S+)", line):
            name = match[1]
            found[name] = Counter()
        elif match := re.search(r"\b(LDGSTS|LDG|STG)\.(\S+)", line):
            width = re.search(r"\b(64|128)\b", match[2].replace(".", " "))
            found[name]["STG" if match[1] == "STG" else "LDG", int(width[1]) if width else 32] += 1
    return found


def demangle(names: list[str]) -> list[str]:
    text = subprocess.run(["c++filt", "-p"], input="\n".join(names), capture_output=True, text=True).stdout
    return [re.sub(r"\(anonymous namespace\)::|advspur::(cuda::)?", "", line) for line in text.splitlines()]


# Of all calls that the checks make: calls of the families as they are mostly used.
SHOWN = re.compile(
    r"(step|apgd|fab_step|to_plane|square|project) (linf|l2|l1)( box| long)? 1x3x224x224|draw 2 5x8192$"
    r"|score (float32|bfloat16) 9x1000 stride 1000$|loss [02] gradient 11x1000$"
    r"|render 2x64x68 (uint8|float) to (16|32) bits (NCHW|NHWC) 5 variants$"
)


def traffic() -> list[str]:
    """A table of bytes that must move and bytes that the kernels move, by call."""
    folder = ROOT / "tests" / "cuda_on_cpu"
    program = subprocess.run(
        [sys.executable, folder / "build.py"], capture_output=True, text=True, check=True
    )
    rows, seen = (
        ["| call | on | unit | must move | moved | read | written |", "|---|---|---|---|---|---|---|"],
        set(),
    )
    for sm, families in (
        ("90", "step project apgd hyperplane square random score loss render"),
        ("80", "step project apgd hyperplane"),
    ):
        command = [program.stdout.strip(), "--traffic", "--sm", sm, *families.split()]
        for line in subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines():
            call, unit, must, *moved = line.split(" | ")
            if SHOWN.match(call) and (sm, call) not in seen:
                seen.add((sm, call))
                rows.append(f"| {call} | sm_{sm} | {unit} | {must} | {' | '.join(moved)} |")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--arch", nargs="+", default=["sm_90", "sm_80"])
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--save", action="store_true", help="write results/cuda_resources.md")
    options = parser.parse_args()
    sources = sorted((ROOT / "csrc" / "cuda").glob("*.cu"))
    rows, spilled = [], 0
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(options.jobs) as pool:
        jobs = [(source, arch) for source in sources for arch in options.arch]
        for (source, arch), (report, cubin) in zip(
            jobs, pool.map(lambda j: compile_one(*j, Path(name)), jobs)
        ):
            used, wide = resources(report), accesses(cubin)
            for plain, mangled in zip(demangle(list(used)), used):
                kernel, widths = used[mangled], wide.get(mangled, Counter())
                spilled += kernel["spills"]
                share = [
                    f"{widths[kind, 128]}/{sum(n for (k, _), n in widths.items() if k == kind)}"
                    for kind in ("LDG", "STG")
                ]
                cells = [
                    source.name,
                    plain,
                    arch,
                    kernel["registers"],
                    kernel["shared"],
                    kernel["stack"],
                    kernel["spills"],
                ]
                rows.append([*map(str, cells), *share])
    version = subprocess.run([tool("nvcc"), "--version"], capture_output=True, text=True).stdout.splitlines()[
        -1
    ]
    head = [
        "file",
        "kernel",
        "arch",
        "registers",
        "shared bytes",
        "stack",
        "spill bytes",
        "16-byte loads",
        "16-byte stores",
    ]
    table = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    table += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    text = "\n".join([
        "# CUDA kernels as compiled", "", f"{version}; `python bench/resources.py --save`. No GPU was involved.", "",
        "16-byte loads, stores: of the global accesses in the machine code (an unrolled loop counts each copy; the",
        "rest are scalars, tails and unaligned paths; copies to shared memory, LDGSTS, are among the loads). Shared",
        "bytes: static only; kernels that hold a sample on chip take up to 227 KB more, cuda/column.cuh.",
        "", *table, "",
        "## Bytes moved", "",
        "Bytes a unit, counted at every load and store of the kernels' source as it runs on the CPU. Must move: every",
        "input read once, every output written once (APGD: with a new best point). Arrays of up to 8 KB, such as one",
        "number a sample or score's codes, stay in a cache and are not counted. On sm_80 there are no clusters:",
        "3x224x224 goes in passes through the L2 cache, whose traffic is counted here too.", "", *traffic(), "",
    ])  # fmt: skip
    print(text)
    if options.save:
        (ROOT / "bench" / "results" / "cuda_resources.md").write_text(text)
    if spilled:
        sys.exit(f"{spilled} bytes of spills")


if __name__ == "__main__":
    main()
