"""Forward and gradient of a model whose bits per sample do not depend on the batch or on the thread count.

torch's CPU kernels give a sample other last bits when the batch has another size (matrix products choose
another code path) or when the thread count is another (they split sums over threads). So batches are cut into
chunks of one fixed size, the last one padded; each chunk runs on one thread, and several chunks run at a
time. Measured on convolution, linear, pooling and normalisation layers, a sample's logits and input gradients
then do not depend on its place in the chunk or on its neighbours either.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch

from pyadvspur.errors import bad

CHUNK_CPU = 16  # a multiple of 16: matrix kernels treat the rows of a smaller remainder differently
CHUNK_CUDA = 256
_PRECISIONS = {"float32": None, "bfloat16": torch.bfloat16, "float16": torch.float16}


class Forward:
    """Calls a model chunk by chunk. Use as a context manager: it owns worker threads.

    model: pixels in [0,1] (n, C, H, W) -> logits (n, K), already in eval mode. chunk: samples a call (None:
    16 on the CPU, 256 on CUDA). precision: "float32", or "bfloat16"/"float16" under autocast (logits come
    back in float32).
    """

    def __init__(self, model: Callable, chunk: int | None = None, precision: str = "float32"):
        if precision not in _PRECISIONS:
            raise bad("attacks", "precision", repr(precision), "one of " + ", ".join(map(repr, _PRECISIONS)))
        if chunk is not None and chunk < 1:
            raise bad("attacks", "chunk", chunk, "an integer >= 1")
        self.model, self.chunk, self.autocast = model, chunk, _PRECISIONS[precision]
        self._pool: ThreadPoolExecutor | None = None
        self.n_forward = self.n_gradient = 0  # samples, padding not counted

    def __enter__(self) -> Forward:
        return self

    def __exit__(self, *_) -> None:
        if self._pool:
            self._pool.shutdown()
            self._pool = None

    def logits(self, x: torch.Tensor) -> torch.Tensor:
        """float32 logits (B, K), detached."""
        self.n_forward += len(x)
        return self._map(self._logits, x)[0]

    def gradient(self, x: torch.Tensor, loss: Callable, *args: torch.Tensor | None):
        """Logits (B, K), loss (B,) and the gradient of every sample's own loss, shaped as x.

        loss(logits, *args) -> (n,) must treat samples one by one; args hold one row a sample (or are None).
        """
        self.n_gradient += len(x)
        return self._map(lambda model, part, *rest: self._gradient(model, loss, part, *rest), x, *args)

    # one chunk

    def _call(self, model: Callable, x: torch.Tensor) -> torch.Tensor:
        with torch.autocast(
            x.device.type, dtype=self.autocast or torch.bfloat16, enabled=self.autocast is not None
        ):
            out = model(x)
        if (
            not isinstance(out, torch.Tensor)
            or out.dim() != 2
            or len(out) != len(x)
            or not out.is_floating_point()
        ):
            got = f"{out.dtype} {tuple(out.shape)}" if isinstance(out, torch.Tensor) else type(out).__name__
            raise bad(
                "attacks",
                "model",
                f"output {got} for input {tuple(x.shape)}",
                "a model that returns logits (n, K)",
            )
        if out.shape[1] < 2:
            raise bad("attacks", "model", f"output {tuple(out.shape)}", "a model with two or more outputs")
        return out.float()

    def _logits(self, model: Callable, x: torch.Tensor):
        with torch.no_grad():
            return (self._call(model, x),)

    def _gradient(self, model: Callable, loss: Callable, x: torch.Tensor, *args):
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            logits = self._call(model, x)
            if not logits.requires_grad:
                raise bad(
                    "attacks",
                    "model",
                    "logits without a gradient",
                    "a model that is differentiable in its input",
                )
            values = loss(logits, *args)
            (grad,) = torch.autograd.grad(values.sum(), x)
        return logits.detach(), values.detach(), grad

    # all chunks

    def _map(self, work: Callable, x: torch.Tensor, *args):
        size = self.chunk or (CHUNK_CUDA if x.is_cuda else CHUNK_CPU)
        starts = range(0, max(len(x), 1), size)  # an empty batch still asks the model for K
        jobs = [(x[s : s + size], *(None if a is None else a[s : s + size] for a in args)) for s in starts]
        jobs = [tuple(None if t is None else _pad(t, size) for t in job) for job in jobs]
        if x.is_cuda:
            parts = [work(self.model, *job) for job in jobs]
        else:
            parts = self._on_threads(work, jobs)
        return tuple(torch.cat(column)[: len(x)] for column in zip(*parts))

    def _on_threads(self, work: Callable, jobs: list):
        n = torch.get_num_threads()
        if self._pool is None or self._pool._max_workers != n:
            self.__exit__()
            self._models = [self.model] + [_twin(self.model) for _ in range(n - 1)]
            self._pool = ThreadPoolExecutor(n, initializer=torch.set_num_threads, initargs=(1,))
            self._spawn(n)
        # job i runs on model i % n; jobs of one model run one after another
        shares = [range(k, len(jobs), n) for k in range(min(n, len(jobs)))]
        futures = [
            self._pool.submit(lambda k=k, share=share: [(i, work(self._models[k], *jobs[i])) for i in share])
            for k, share in enumerate(shares)
        ]
        parts = [None] * len(jobs)
        for future in futures:
            for i, part in future.result():
                parts[i] = part
        return parts

    def _spawn(self, n: int) -> None:
        # A worker's set_num_threads(1) also sets the default of threads born later; set ours back.
        import threading

        gate = threading.Barrier(n)
        list(self._pool.map(lambda _: gate.wait(), range(n)))
        torch.set_num_threads(n)


def _twin(model: Callable) -> Callable:
    """A second object with the same weights, so that a model that keeps state on `self` cannot race with
    itself.
    """
    if not isinstance(model, torch.nn.Module):
        return model
    shared = {id(t): t for t in (*model.parameters(), *model.buffers())}
    return copy.deepcopy(model, shared)


def _pad(t: torch.Tensor, size: int) -> torch.Tensor:
    missing = size - len(t)
    if not missing:
        return t
    if not len(t):
        return t.new_zeros(size, *t.shape[1:])
    return torch.cat([t, t[:1].expand(missing, *t.shape[1:])])
