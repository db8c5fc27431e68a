"""Random numbers keyed by (seed, sample id, stream, element)."""

from __future__ import annotations

import torch

from pyadvspur.errors import bad
from pyadvspur.native.core import core, has_cuda
from pyadvspur.native.memory import empty
from pyadvspur.native.ops import cuda_stream, register, signed_seed, threads
from pyadvspur.reference import random as reference

_KINDS = {"bits": 0, "uniform": 1, "normal": 2}
_SCHEMA = "draw(Tensor(a!) out, Tensor ids, int kind, int seed, int stream) -> ()"


def _sizes(out: torch.Tensor) -> dict[str, int]:
    return {"n_samples": out.shape[0], "n": out.shape[1]}


def _draw_cpu(out, ids, kind, seed, stream):
    core.draw_cpu(
        kind=kind,
        out=out.data_ptr(),
        ids=ids.data_ptr(),
        seed=seed % 2**64,
        stream=stream,
        threads=threads(),
        **_sizes(out),
    )


def _draw_cuda(out, ids, kind, seed, stream):
    if not has_cuda:
        out.copy_(reference.draw(ids, out.shape[1], tuple(_KINDS)[kind], seed, stream))
        return
    with torch.cuda.device(out.device):
        core.draw_cuda(
            kind=kind, out=out.data_ptr(), ids=ids.data_ptr(), seed=seed % 2**64, stream=stream,
            cuda_stream=cuda_stream(out.device), **_sizes(out),
        )  # fmt: skip


def _draw_fake(out, ids, kind, seed, stream):
    torch._check(out.dim() == 2 and ids.dim() == 1 and out.shape[0] == ids.shape[0])


_draw = register(_SCHEMA, cpu=_draw_cpu, cuda=_draw_cuda, fake=_draw_fake)


def draw(ids: torch.Tensor, n: int, kind: str, seed: int, stream: int) -> torch.Tensor:
    """Draw n numbers for each sample.

    ids: int64 (B,), any values. kind: "bits" (int32 patterns of the 32-bit words), "uniform" ([0, 1), 24 bits) or
    "normal" (Box-Muller, float32). seed: any integer, taken modulo 2**64. stream: see `pyadvspur.streams`.
    Returns (B, n) on the device of `ids`; element e of a row depends on (seed, id, stream, e) alone.

    Source: Salmon et al. 2011 (Philox4x32-10).
    """
    if kind not in _KINDS:
        raise bad("native.draw", "kind", repr(kind), "'bits', 'uniform' or 'normal'")
    if ids.dtype != torch.int64 or ids.dim() != 1:
        raise bad("native.draw", "ids", f"{ids.dtype} {tuple(ids.shape)}", "an int64 tensor of shape (B,)")
    if not 0 <= n < 2**34:
        raise bad("native.draw", "n", n, "an integer in [0, 2**34), the length of one stream")
    dtype = torch.int32 if kind == "bits" else torch.float32
    out = empty(len(ids), n, dtype=dtype, device=ids.device)
    _draw(out, ids.contiguous(), _KINDS[kind], signed_seed(seed), stream)
    return out
