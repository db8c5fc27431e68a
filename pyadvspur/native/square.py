"""The window updates of the Square attack: windows and signs of every sample's own."""

from __future__ import annotations

import torch

from pyadvspur.errors import bad, unknown
from pyadvspur.native.core import core, has_cuda
from pyadvspur.native.layout import address, check_state, mask_bytes, mask_of, per_sample
from pyadvspur.native.ops import cuda_stream, register, signed_seed, threads
from pyadvspur.reference import square as reference

NORMS = ("linf", "l2", "l1")


def _sizes(x: torch.Tensor) -> dict[str, int]:
    return dict(zip(("samples", "channels", "height", "width"), x.shape))


def _square(x, best, x0, eps, mask, field, side, tiles, tile_at, window, ids, norm, seed, stream, query):
    pointers = {
        "x": x, "best": best, "x0": x0, "eps": eps, "mask": mask, "field": field, "side": side, "tiles": tiles,
        "tile_at": tile_at, "window": window, "ids": ids,
    }  # fmt: skip
    numbers = {"norm": norm, "seed": seed % 2**64, "stream": stream, "query": query}
    return {**{name: address(t) for name, t in pointers.items()}, **numbers, **_sizes(x)}


def _square_cpu(*args):
    core.square_cpu(**_square(*args), threads=threads())


def _square_cuda(x, best, x0, eps, mask, field, side, tiles, tile_at, window, ids, norm, seed, stream, query):
    arguments = (x, best, x0, eps, mask, field, side, tiles, tile_at, window, ids, norm, seed, stream, query)
    if has_cuda:
        with torch.cuda.device(x.device):
            core.square_cuda(**_square(*arguments), cuda_stream=cuda_stream(x.device))
        return
    start = dict(zip(map(tuple, side.tolist()), tile_at.tolist()))

    def patterns(h: int, w: int) -> torch.Tensor:
        at = start[h, w]
        return tiles[at : at + 2 * h * w].view(2, h, w)

    new, corner = reference.square(
        best, x0, NORMS[norm], eps, ids, field, side, patterns, seed, stream, query, mask_of(mask)
    )
    x.copy_(new)
    window.copy_(corner)


def _square_fake(x, best, x0, eps, mask, field, side, tiles, tile_at, window, ids, norm, seed, stream, query):
    torch._check(x.shape == best.shape and x.shape == x0.shape)


_propose = register(
    "square(Tensor(a!) x, Tensor best, Tensor x0, Tensor eps, Tensor? mask, Tensor field, Tensor side, Tensor? tiles, "
    "Tensor? tile_at, Tensor(b!) window, Tensor ids, int norm, int seed, int stream, int query) -> ()",
    cpu=_square_cpu, cuda=_square_cuda, fake=_square_fake,
)  # fmt: skip


def _settle(x, best, window, side, accepted):
    pointers = {"x": x, "best": best, "window": window, "side": side, "accepted": accepted}
    return {**{name: t.data_ptr() for name, t in pointers.items()}, **_sizes(x)}


def _settle_cpu(*args):
    core.square_settle_cpu(**_settle(*args), threads=threads())


def _settle_cuda(x, best, window, side, accepted):
    if not has_cuda:
        best.copy_(torch.where(accepted.view(-1, 1, 1, 1), x, best))
        x.copy_(best)
        return
    with torch.cuda.device(x.device):
        core.square_settle_cuda(**_settle(x, best, window, side, accepted), cuda_stream=cuda_stream(x.device))


def _settle_fake(x, best, window, side, accepted):
    torch._check(x.shape == best.shape)


_settle_op = register(
    "square_settle(Tensor(a!) x, Tensor(b!) best, Tensor window, Tensor side, Tensor accepted) -> ()",
    cpu=_settle_cpu, cuda=_settle_cuda, fake=_settle_fake,
)  # fmt: skip


def _check_images(where: str, name: str, x, like=None) -> None:
    check_state(where, name, x, like)
    if x.dim() != 4 or not x.is_contiguous():
        raise bad(
            where, name, f"shape {tuple(x.shape)}, strides {x.stride()}", "contiguous images (B, C, H, W)"
        )


def _check_numbers(where: str, name: str, t, x, width: int, dtype: torch.dtype) -> None:
    shape = (len(x), width) if width else (len(x),)
    if not isinstance(t, torch.Tensor) or t.dtype != dtype or t.shape != shape or not t.is_contiguous():
        got = f"{t.dtype} {tuple(t.shape)}" if isinstance(t, torch.Tensor) else type(t).__name__
        raise bad(where, name, got, f"a contiguous {dtype} tensor {shape}")


def square_(
    x: torch.Tensor,
    best: torch.Tensor,
    x0: torch.Tensor,
    *,
    norm: str,
    eps: float | torch.Tensor,
    ids: torch.Tensor,
    field: torch.Tensor,
    side: torch.Tensor,
    window: torch.Tensor,
    seed: int,
    stream: int,
    query: int,
    tiles: torch.Tensor | None = None,
    tile_at: torch.Tensor | None = None,
    mask: torch.Tensor | None = None,
) -> torch.Tensor:
    """Write to x the candidate of one query; returns x. `best` stays as it is.

    x, best, x0: float32 (B, C, H, W), contiguous; for linf x must equal best on entry. eps: a number or (B,). ids:
    int64 (B,). field: int32 (B, 4): first and last + 1 row, first and last + 1 column in which windows are wanted.
    side: int32 (B, 2), height and width of the windows, at most those of the image. window: int32 (B, 2), receives
    the top left corners. seed, stream, query: what a sample draws depends on these and its id alone; query >= 0.
    tiles, tile_at (l2, l1): float32 values and int64 (B,): the two patterns (2, h, w) of a sample's window start at
    tile_at. mask: (B,H,W), non-zero = may change; elsewhere best must equal x0.

    linf: the window goes to x0 + eps or x0 - eps (as far as the box allows), one sign a channel; where that would
    change nothing, the opposite signs. l2, l1: a first window gets the pattern, plus what it had, at the norm that it
    and a second one had and that was left over; the second is cleared; l2 is brought to the sphere, then the box; l1
    is projected exactly on ball and box. Source: Andriushchenko et al. 2020, algorithms 2 and 3; l1 as in AutoAttack.
    """
    where = "native.square"
    if norm not in NORMS:
        raise unknown(where, "norm", norm, NORMS)
    _check_images(where, "x", x)
    for name, t in (("best", best), ("x0", x0)):
        _check_images(where, name, t, x)
    for name, t, width, dtype in (
        ("ids", ids, 0, torch.int64), ("field", field, 4, torch.int32), ("side", side, 2, torch.int32),
        ("window", window, 2, torch.int32),
    ):  # fmt: skip
        _check_numbers(where, name, t, x, width, dtype)
    if norm != "linf":
        _check_numbers(where, "tile_at", tile_at, x, 0, torch.int64)
        if not isinstance(tiles, torch.Tensor) or tiles.dtype != torch.float32 or not tiles.is_contiguous():
            raise bad(where, "tiles", type(tiles).__name__, "a contiguous float32 tensor")
    _propose(
        x, best, x0, per_sample(where, "eps", eps, x), mask_bytes(where, mask, x), field, side, tiles, tile_at, window,
        ids, NORMS.index(norm), signed_seed(seed), stream, query,
    )  # fmt: skip
    return x


def settle_(
    x: torch.Tensor, best: torch.Tensor, window: torch.Tensor, side: torch.Tensor, accepted: torch.Tensor
) -> None:
    """linf, once the candidates are judged: x and best equal again inside the windows, both x where accepted (bool
    (B,)), both best elsewhere. The rest of the image is not touched.
    """
    where = "native.square"
    _check_images(where, "x", x)
    _check_images(where, "best", best, x)
    _check_numbers(where, "window", window, x, 2, torch.int32)
    _check_numbers(where, "side", side, x, 2, torch.int32)
    _check_numbers(where, "accepted", accepted, x, 0, torch.bool)
    _settle_op(x, best, window, side, accepted)
