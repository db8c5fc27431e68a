"""
Compiled kernels of pyadvspur. Use them through pyadvspur.native, which checks what it passes.
"""
from __future__ import annotations
import typing
__all__: list[str] = ['device_count', 'draw_cpu', 'draw_cuda', 'has_cuda', 'instruction_set', 'openmp', 'why_no_device']
def device_count() -> int:
    ...
def draw_cpu(*, kind: typing.SupportsInt | typing.SupportsIndex, out: typing.SupportsInt | typing.SupportsIndex, ids: typing.SupportsInt | typing.SupportsIndex, n_samples: typing.SupportsInt | typing.SupportsIndex, n: typing.SupportsInt | typing.SupportsIndex, seed: typing.SupportsInt | typing.SupportsIndex, stream: typing.SupportsInt | typing.SupportsIndex, threads: typing.SupportsInt | typing.SupportsIndex) -> None:
    ...
def draw_cuda(*, kind: typing.SupportsInt | typing.SupportsIndex, out: typing.SupportsInt | typing.SupportsIndex, ids: typing.SupportsInt | typing.SupportsIndex, n_samples: typing.SupportsInt | typing.SupportsIndex, n: typing.SupportsInt | typing.SupportsIndex, seed: typing.SupportsInt | typing.SupportsIndex, stream: typing.SupportsInt | typing.SupportsIndex, cuda_stream: typing.SupportsInt | typing.SupportsIndex) -> None:
    ...
def instruction_set() -> str:
    ...
def why_no_device() -> str:
    ...
__version__: str
has_cuda: bool
openmp: int
