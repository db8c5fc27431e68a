"""Forward and gradient of a model whose bits, per sample, do not depend on the batch or on the thread count.

torch's CPU kernels give a sample other last bits when the batch has another size (matrix products choose
another code path) or when there are more threads (they split sums over them). So batches are cut into calls
of sizes that are known to give the same bits (chunking.py), the last one padded; a call runs on one thread, several
at a time. Measured on convolution, linear, pooling and normalisation layers, a sample's logits and input gradient then
do not depend on its place in the call or on its neighbours either.

Images above 64x64 reach the model channels last, on CUDA under autocast only: convolutions of that size then run 1.2 to
1.5 times as fast (ResNet-18, ResNet-50, one core). Smaller ones gain nothing and come contiguous. Whatever layout a
caller's images have, a model sees this one.
"""

from __future__ import annotations

import contextlib
import copy
import itertools
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from weakref import WeakKeyDictionary

import torch

from pyadvspur.attacks.acceleration import Compiled, Graphs
from pyadvspur.attacks.chunking import (
    LARGEST,
    NARROW,
    NARROWEST,
    PATIENCE,
    STEP,
    WIDE,
    WIDEST,
    cuts,
    same_bits,
)
from pyadvspur.attacks.lanes import single_threads
from pyadvspur.attacks.layout import LastWeights
from pyadvspur.errors import AdvSpurError, bad, unknown

CHUNK_CPU = (
    STEP  # at least; a multiple of 16: matrix kernels treat the rows of a smaller remainder differently
)
CHUNK_CUDA = 256
_room: WeakKeyDictionary = WeakKeyDictionary()  # model -> samples a call, once memory was short
_PRECISIONS = {"float32": None, "bfloat16": torch.bfloat16, "float16": torch.float16}


def settle_precision(precision: str, device: torch.device) -> str:
    """What "auto" means on a device: bfloat16 where the hardware multiplies it (CUDA, AVX512-BF16), else float32."""
    if precision != "auto":
        return precision
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float32"
    native = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    return "bfloat16" if device.type == "cpu" and native() else "float32"


class NoGradientError(AdvSpurError):
    """A gradient was asked of a model that is not differentiable in its input."""


class Forward:
    """A model called chunk by chunk. A context manager: on the CPU it owns worker threads.

    model: pixels in [0,1] (n, C, H, W) -> logits (n, K), in eval mode (`guard.evaluating`). chunk: samples a
    call (None: 16 on the CPU, 4 to 64 where that gives the same bits; 256 on CUDA); halved where memory is short, for
    this and for every later Forward of the model.
    precision: "float32", or "bfloat16"/"float16" under autocast; logits come back float32. acceleration: as in
    `attacks.accelerate`. weights: those that the model has while it is called (None: its own).

    Workers hold their own copy of the module tree (weights shared), so a module that keeps things on `self`
    cannot race with itself. A model that cannot be copied, or that is no Module, runs on one worker: same
    bits, less speed.
    """

    def __init__(
        self,
        model: Callable,
        chunk: int | None = None,
        precision: str = "float32",
        acceleration: str = "none",
        weights: LastWeights | None = None,
    ):
        if precision not in _PRECISIONS:
            raise unknown("attacks", "precision", precision, ("auto", *_PRECISIONS))
        if chunk is not None and chunk < 1:
            raise bad("attacks", "chunk", chunk, "an integer >= 1")
        self.kind, self.autocast = precision, _PRECISIONS[precision]
        self.models, self.chunk = [model], chunk
        self.weights = weights
        self.can_copy = isinstance(model, torch.nn.Module)
        self.graphs = Graphs() if acceleration == "graph" else None
        self.compiled: dict[int, Compiled] | None = {} if acceleration == "compile" else None
        self.pool: ThreadPoolExecutor | None = None
        self.n_forward = self.n_gradient = 0  # samples asked for, padding not counted
        self.fits: dict[tuple[int, ...], bool] = {}  # whether calls may have these sizes too (chunking.py)
        self.sparse = 0  # calls that were nearly empty
        self.channels_last = True  # until a model says that it cannot
        self.note = ""  # what went otherwise than asked
        self.known_as = getattr(model, "known_as", model)  # a wrapper has its model's room
        if (room := _room_of(self.known_as)) is not None:
            self._shrink(min(room, chunk or room))

    def __enter__(self) -> Forward:
        return self

    def __exit__(self, *_) -> None:
        if self.pool:
            self.pool.shutdown()
            self.pool = None

    def logits(self, x: torch.Tensor) -> torch.Tensor:
        """float32 logits (B, K) of images (B, C, H, W)."""
        self.n_forward += len(x)
        return self._map(self._logits, x)[0]

    def values(self, x: torch.Tensor, loss: Callable, *args: torch.Tensor | None) -> tuple[torch.Tensor, ...]:
        """Logits (B, K) and loss (B,)."""
        self.n_forward += len(x)
        return self._map(lambda model, *job: self._values(model, loss, *job), x, *args)

    def gradient(
        self, x: torch.Tensor, loss: Callable, *args: torch.Tensor | None
    ) -> tuple[torch.Tensor, ...]:
        """Logits (B, K), loss (B,), every sample's gradient at mean size 1 (shaped as x), and whether it has
        one (B,).

        loss(logits, *args) -> (n,) must treat samples one by one; args have one row a sample, or are None. A Loss
        (losses.py) brings its own gradient, which saves a graph over it. A gradient of the input that is zero or not
        finite comes back as zero, and False.
        """
        self.n_gradient += len(x)

        def work(model: Callable, *job: torch.Tensor | None) -> tuple[torch.Tensor, ...]:
            if self.graphs is None:
                return self._gradient(model, loss, *job)
            return self.graphs((id(model), loss), lambda *held: self._gradient(model, loss, *held), *job)

        return self._map(work, x, *args)

    def linearised(
        self, x: torch.Tensor, work: Callable, *args: torch.Tensor | None
    ) -> tuple[torch.Tensor, ...]:
        """work(x, logits, *args) of every chunk, where logits still know their gradient in x: what it returns, one
        row a sample. For attacks that need other derivatives than `gradient` gives.
        """
        self.n_gradient += len(x)
        return self._map(lambda model, *job: self._linearised(model, work, *job), x, *args)

    def expect(self, n: int, device: torch.device) -> None:
        """Batches of n samples come: on CUDA, where calls are padded to one size, that is the size."""
        if device.type == "cuda" and not self.note:
            self.chunk = min(max(n, 1), CHUNK_CUDA)

    # one chunk

    def _call(self, model: Callable, x: torch.Tensor) -> torch.Tensor:
        # autocast is stated either way: a worker thread would not see the caller's setting
        dtype = self.autocast or torch.bfloat16
        with torch.autocast(x.device.type, dtype=dtype, enabled=self.autocast is not None):
            out = self._ask(self._fast(model), x)
        if (
            not isinstance(out, torch.Tensor)
            or not out.is_floating_point()
            or out.dim() != 2
            or len(out) != len(x)
        ):
            got = f"{out.dtype} {tuple(out.shape)}" if isinstance(out, torch.Tensor) else type(out).__name__
            raise bad(
                "attacks",
                "model",
                f"output {got} for input {tuple(x.shape)}",
                "a model giving float logits (n, K)",
            )
        if out.shape[1] < 2:
            raise bad("attacks", "model", f"output {tuple(out.shape)}", "a model with two or more outputs")
        return out.float()

    def _ask(self, model: Callable, x: torch.Tensor) -> torch.Tensor:
        """The model's answer to images in the layout that a model of this size is called with."""
        large = x.dim() == 4 and x.shape[1:].numel() > LARGEST
        if self.channels_last and large and (self.autocast is not None or not x.is_cuda):
            try:
                return model(x.contiguous(memory_format=torch.channels_last))
            except RuntimeError as error:
                if "view size is not compatible" not in str(error):
                    raise
                self.channels_last = False  # a network that counts on memory order
        return model(x.contiguous())

    def _fast(self, model: Callable) -> Callable:
        if self.compiled is None:
            return model
        if id(model) not in self.compiled:
            self.compiled[id(model)] = Compiled(model)
        return self.compiled[id(model)]

    def _logits(self, model: Callable, x: torch.Tensor):
        with torch.no_grad():
            return (self._call(model, x),)

    def _values(self, model: Callable, loss: Callable, x: torch.Tensor, *args):
        with torch.no_grad():
            logits = self._call(model, x)
            return logits, loss(logits, *args)

    def _gradient(self, model: Callable, loss: Callable, x: torch.Tensor, *args):
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            logits = self._differentiable(model, x)
            if hasattr(loss, "gradient"):  # the backward pass starts from the loss's own gradient
                values, start = loss.gradient(logits.detach(), *args)
                (grad,) = torch.autograd.grad(logits, x, start, allow_unused=True)
            else:
                values = loss(logits, *args)
                # parameters get no gradients
                (grad,) = torch.autograd.grad(values.sum(), x, allow_unused=True)
        if grad is None:  # the logits' gradient is the parameters' only
            raise _no_gradient()
        return logits.detach(), values.detach(), *unit_size(grad)

    def _differentiable(self, model: Callable, x: torch.Tensor) -> torch.Tensor:
        logits = self._call(model, x)
        if not logits.requires_grad:
            raise _no_gradient()
        return logits

    def _linearised(self, model: Callable, work: Callable, x: torch.Tensor, *args):
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            return work(x, self._differentiable(model, x), *args)

    # all chunks

    def _map(self, work: Callable, x: torch.Tensor, *args) -> tuple[torch.Tensor, ...]:
        while True:
            try:
                with self.weights or contextlib.nullcontext():
                    return self._map_chunks(work, x, *args)
            except (torch.OutOfMemoryError, RuntimeError) as error:
                if not _out_of_memory(error):
                    raise
                self._halve(len(x), x.is_cuda, error)

    def _map_chunks(self, work: Callable, x: torch.Tensor, *args) -> tuple[torch.Tensor, ...]:
        threads = 1 if x.is_cuda else torch.get_num_threads()
        jobs, start = [], 0
        for size in self._sizes(x, threads):  # an empty batch still asks the model for K
            parts = (None if a is None else _pad(a[start : start + size], size) for a in (x, *args))
            jobs.append(tuple(parts))
            start += size
        if threads == 1:
            done = [work(self.models[0], *job) for job in jobs]
        else:
            done = self._on_threads(work, jobs, threads)
        if len(done) == 1:
            return tuple(column[: len(x)] for column in done[0])
        return tuple(torch.cat(column)[: len(x)] for column in zip(*done))

    def _sizes(self, x: torch.Tensor, threads: int) -> list[int]:
        """Samples of every call."""
        if self.chunk or x.is_cuda:
            size = self.chunk or CHUNK_CUDA
            return [size] * max(-(-len(x) // size), 1)
        lanes = threads if self.can_copy else 1
        widest = WIDEST if len(x) > CHUNK_CPU and self._fit(x, threads, WIDE) else CHUNK_CPU
        return cuts(len(x), lanes, widest, NARROWEST if self._narrow(x, threads, lanes) else CHUNK_CPU)

    def _narrow(self, x: torch.Tensor, threads: int, lanes: int) -> bool:
        """Whether the few samples of x go in calls of under 16."""
        if 4 * len(x) <= 3 * STEP * lanes:
            self.sparse += 1
        return self.sparse > PATIENCE and len(x) <= STEP * lanes and self._fit(x, threads, NARROW)

    def _fit(self, x: torch.Tensor, threads: int, sizes: tuple[int, ...]) -> bool:
        if self.compiled is not None or self.graphs is not None:
            return False
        if sizes not in self.fits:
            kind = self.autocast, self.weights is None
            self.fits[sizes] = same_bits(
                self.models[0], x, lambda part: self._look(part, threads), kind, sizes
            )
        return self.fits[sizes]

    def _look(self, x: torch.Tensor, threads: int) -> tuple[torch.Tensor, ...]:
        """Logits and, if there is one, the gradient of their largest in one call of the model, on one thread."""

        def work(model: Callable, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
            with torch.enable_grad():
                x = x.detach().requires_grad_()
                logits = self._call(model, x)
                if not logits.requires_grad:
                    return (logits,)
                (grad,) = torch.autograd.grad(logits.amax(1).sum(), x, allow_unused=True)
            return (logits.detach(),) if grad is None else (logits.detach(), grad)

        return work(self.models[0], x) if threads == 1 else self._on_threads(work, [(x,)], threads)[0]

    def _halve(self, n: int, cuda: bool, error: BaseException) -> None:
        """Half the samples a call from now on; the error again where a call has one already."""
        used = min(self.chunk or (CHUNK_CUDA if cuda else WIDEST), max(n, 1))
        if used == 1:
            raise error
        first = not self.note
        self._shrink((used + 1) // 2)
        with contextlib.suppress(TypeError):  # cannot be referred to weakly
            _room[self.known_as] = self.chunk
        if cuda:
            torch.cuda.empty_cache()
        if first:
            warnings.warn(
                f"attacks: out of memory with {used} samples a model call, going on with fewer",
                RuntimeWarning,
                stacklevel=6,
            )

    def _shrink(self, chunk: int) -> None:
        self.chunk, self.note = chunk, f"out of memory: {chunk} samples a model call"

    def _on_threads(self, work: Callable, jobs: list, threads: int) -> list:
        if self.pool is None or self.pool._max_workers != threads:
            self.__exit__()
            self.pool = single_threads(threads)
        lanes = min(len(jobs), threads)
        while self.can_copy and len(self.models) < lanes:
            self.can_copy = self._add_copy()
        lanes = min(lanes, len(self.models))

        turns, done = itertools.count(), [None] * len(jobs)

        def run(lane: int) -> None:
            # on the lane's own copy, whatever is next: a lane that is held up gets fewer
            while (k := next(turns)) < len(jobs):
                done[k] = work(self.models[lane], *jobs[k])

        for future in [self.pool.submit(run, lane) for lane in range(lanes)]:
            future.result()
        return done

    def _add_copy(self) -> bool:
        shared = {id(t): t for t in (*self.models[0].parameters(), *self.models[0].buffers())}
        try:
            self.models.append(copy.deepcopy(self.models[0], shared))
        except Exception:  # whatever a foreign module raises: it is then run on one worker
            return False
        return True


def _room_of(model: Callable) -> int | None:
    try:
        return _room.get(model)
    except TypeError:
        return None


def _no_gradient() -> NoGradientError:
    refusal = bad("attacks", "model", "logits without a gradient", "a model differentiable in its input")
    return NoGradientError(f"{refusal} The attack 'square' needs no gradient.")


def unit_size(grad: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Gradients (n, ...) divided by their mean absolute value, however small; zero where that is
    impossible.
    """
    shape, flat = (-1, *[1] * (grad.dim() - 1)), grad.flatten(1)
    mean = torch.linalg.vector_norm(flat, 1, 1) / max(flat.shape[1], 1)
    fits = mean.isfinite() & (mean > 0)
    if not grad.is_cuda and fits.all():  # nearly always: one pass less to look, one less to select
        return grad / mean.view(shape), fits
    top = torch.linalg.vector_norm(flat, float("inf"), 1) if flat.shape[1] else flat.new_zeros(len(flat))
    usable = (top > 0) & top.isfinite()
    mean = torch.where(fits, mean, top)  # out of the floats: the largest is a scale too
    return torch.where(usable.view(shape), grad, 0) / torch.where(usable, mean, 1).view(shape), usable


def _out_of_memory(error: BaseException) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def _pad(part: torch.Tensor, size: int) -> torch.Tensor:
    missing = size - len(part)
    if not missing:
        return part
    filler = part[:1] if len(part) else part.new_zeros(1, *part.shape[1:])
    return torch.cat([part, filler.expand(missing, *part.shape[1:])])
