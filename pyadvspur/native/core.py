"""The compiled module itself. Every other module reaches it through here."""

from __future__ import annotations

try:
    from pyadvspur import _core as core
except ImportError as error:  # pragma: no cover - only without a build
    raise ImportError(
        "pyadvspur: the compiled module pyadvspur._core is missing or does not load "
        f"({error}). Install the package (`pip install .`), or run from outside its source folder."
    ) from error

has_cuda: bool = core.has_cuda


def info() -> dict[str, object]:
    """What was built and what this machine offers: version, instruction set, OpenMP, CUDA and devices."""
    count = core.device_count()
    return {
        "version": core.__version__,
        "instruction_set": core.instruction_set(),
        "openmp": core.openmp,
        "cuda_built": core.has_cuda,
        "cuda_devices": count,
        "cuda_note": "" if count else core.why_no_device(),
    }
