"""What needs a GPU, step by step: tests, sanitizers, benchmarks. Goes on after a failure, ends with a summary.

    make gpu        # or: python bench/gpu_steps.py [--quick]

Says first what this machine has and lacks. Each step has its own time limit.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
KERNELS = ROOT / "build" / "bench" / "bench" / "native" / "advspur-bench-kernels"
TOOLS = ("memcheck", "racecheck", "initcheck", "synccheck")


def first_line(*command: str) -> str:
    """The first line a command prints, or why there is none."""
    if not shutil.which(command[0]):
        return "not found"
    done = subprocess.run(command, capture_output=True, text=True)
    text = (done.stdout or done.stderr).strip()
    return (
        text.splitlines()[0] if done.returncode == 0 and text else f"failed: {text[:200] or done.returncode}"
    )


def machine() -> dict[str, str]:
    """What is here, by name."""
    query = "name,compute_cap,driver_version,memory.total"
    shown = (
        subprocess.run(["nvcc", "--version"], capture_output=True, text=True).stdout
        if shutil.which("nvcc")
        else ""
    )
    release = re.search(r"release [\d.]+", shown)
    torch = "import torch; print(torch.__version__, 'CUDA', torch.version.cuda, '| devices', torch.cuda.device_count())"
    built = "from pyadvspur.native.core import core; print('yes' if core.has_cuda else 'no', '|', core.why_no_device())"
    return {
        "GPU": first_line("nvidia-smi", f"--query-gpu={query}", "--format=csv,noheader"),
        "nvcc": release[0] if release else "not found",
        "compute-sanitizer": first_line("compute-sanitizer", "--version"),
        "cmake": first_line("cmake", "--version"),
        "torch": first_line(sys.executable, "-c", torch),
        "kernels built in": first_line(sys.executable, "-c", built),
    }


def lacking(found: dict[str, str]) -> list[str]:
    """What stands in the way of any step that needs a GPU, with the next step."""
    words = []
    if found["GPU"].startswith(("not found", "failed")):
        words.append("nvidia-smi finds no GPU: install the driver, or run this on a machine with one")
    else:
        capability = float(found["GPU"].split(",")[1])
        if capability < 8.0:
            words.append(
                f"compute capability {capability}: set CUDAARCHS for it, the default kernels start at 8.0"
            )
    if found["nvcc"] == "not found":
        words.append("nvcc is not on the PATH: install the CUDA toolkit (12 or newer)")
    if found["kernels built in"].startswith(("no", "failed")):
        words.append(
            "pyadvspur is built without CUDA: ADVSPUR_CUDA=ON pip install --force-reinstall --no-deps ."
        )
    elif not found["kernels built in"].endswith("|"):
        words.append(f"the kernels find no device: {found['kernels built in'].split('|')[1].strip()}")
    if found["torch"].endswith("devices 0"):
        words.append("torch finds no GPU: install a CUDA build of torch that this driver can run")
    return words


def steps(quick: bool) -> list[tuple[str, list[str], int]]:
    """Name, command, limit in seconds."""
    python, build = sys.executable, str(ROOT / "build" / "bench")
    options = ["-DADVSPUR_BENCH=ON", "-DADVSPUR_PYTHON=OFF", "-DADVSPUR_CUDA=ON"]
    done = [
        ("kernels' tests", [python, "-m", "pytest", "-q", "-m", "gpu", "tests/native"], 240),
        ("other GPU tests", [python, "-m", "pytest", "-q", "-m", "gpu", "tests", "--ignore=tests/native"], 120),
        ("binaries: configure", ["cmake", "-S", ".", "-B", build, *options], 60),
        ("binaries: build", ["cmake", "--build", build, "-j", "8", "--target", "advspur-bench-kernels"], 240),
    ]  # fmt: skip
    for tool in TOOLS:  # only the checks against the twins, at small sizes: nothing is timed
        command = [
            "compute-sanitizer",
            "--tool",
            tool,
            "--error-exitcode",
            "9",
            str(KERNELS),
            "--cuda",
            "--no-cpu",
        ]
        done.append((f"sanitizer: {tool}", [*command, "--benchmark_list_tests"], 120))
    shown = [str(KERNELS), "--cuda", "--no-cpu", "--batch", "256", "--benchmark_min_time=0.05s"]
    out = ROOT / "bench" / "results" / "kernels_cuda.json"
    saved = [f"--benchmark_out={out}", "--benchmark_out_format=json"]
    done.append(("kernels timed", shown if quick else [*shown, *saved], 120))
    save = ["--quick"] if quick else ["--save"]
    done.append(("bench_gpu.py", [python, "bench/bench_gpu.py", *save], 120))
    done.append(("bench_gpu_attacks.py", [python, "bench/bench_gpu_attacks.py", *save], 150))
    network = ["--network", "resnet50"]
    done.append(("bench_evaluate.py", [python, "bench/bench_evaluate.py", *network, *save], 120))
    return done


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="small sizes, nothing is saved")
    options = parser.parse_args()
    found = machine()
    for name, words in found.items():
        print(f"{name:18} {words}", flush=True)
    words = lacking(found)
    if words:
        sys.exit("\n".join(["make gpu cannot run here:", *(f"* {line}" for line in words)]))
    summary, start = [], time.monotonic()
    for name, command, limit in steps(options.quick):
        print(f"\n== {name}: {' '.join(command)}", flush=True)
        begun = time.monotonic()
        if not shutil.which(command[0]):
            verdict = f"skipped: {Path(command[0]).name} was not found"
        else:
            try:
                code = subprocess.run(command, cwd=ROOT, timeout=limit).returncode
                verdict = "ok" if code == 0 else f"FAILED ({code})"
            except subprocess.TimeoutExpired:
                verdict = f"FAILED (no end in {limit} s)"
        summary.append((name, verdict, time.monotonic() - begun))
    print(f"\n== summary, {time.monotonic() - start:.0f} s")
    for name, verdict, seconds in summary:
        print(f"{name:22} {seconds:5.0f} s  {verdict}")
    if any("FAILED" in verdict for _, verdict, _ in summary):
        sys.exit(1)


if __name__ == "__main__":
    main()
