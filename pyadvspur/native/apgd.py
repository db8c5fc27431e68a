"""One step of APGD, fused and in place: the record of each sample, its checkpoint, the momentum step, projections."""

from __future__ import annotations

import torch

from pyadvspur.errors import unknown
from pyadvspur.native.core import core, has_cuda
from pyadvspur.native.layout import address, batch_arguments, check_match, check_state, mask_bytes, mask_of
from pyadvspur.native.ops import cuda_stream, register, threads
from pyadvspur.native.step import NORMS
from pyadvspur.reference import apgd as reference

#: The state of a batch, in the kernel's order: images, then numbers a sample.
IMAGES = ("x", "old", "best", "best_grad")
FLOATS = ("best_loss", "last_loss", "checked_loss", "size")
COUNTS = ("rises", "halved")  # int32
WIDTHS = ("width", "count")  # int64; l1
STATE = (*IMAGES, *FLOATS, *COUNTS, *WIDTHS)

_SCHEMA = (
    "apgd(Tensor(a!) x, Tensor(b!) old, Tensor(c!) best, Tensor(d!) best_grad, Tensor(e!) grad, Tensor x0, "
    "Tensor loss, Tensor eps, Tensor(f!) best_loss, Tensor(g!) last_loss, Tensor(h!) checked_loss, Tensor(i!) size, "
    "Tensor(j!) rises, Tensor(k!) halved, Tensor(l!) width, Tensor(m!) count, Tensor(n!) moved, Tensor? mask, "
    "int norm, int window, float share) -> ()"
)


def _arguments(*args):
    *tensors, norm, window, share = args
    return {
        "norm": norm,
        "addresses": tuple(address(t) for t in tensors),
        "window": window,
        "share": share,
        **{name: value for name, value in batch_arguments(tensors[0], tensors[-1]).items() if name != "mask"},
    }


def _apgd_cpu(*args):
    core.apgd_cpu(**_arguments(*args), threads=threads())


def _apgd_cuda(*args):
    x, old, best, best_grad, grad, x0, loss, eps, *numbers, moved, mask, norm, window, share = args
    if not has_cuda:
        state = dict(zip(STATE, (x, old, best, best_grad, *numbers)))
        new, went = reference.apgd(state, grad, loss, x0, eps, NORMS[norm], window, share, mask_of(mask))
        for name, value in state.items():
            value.copy_(new[name])
        moved.copy_(went)
        return
    with torch.cuda.device(x.device):
        chunks = -(-x.shape[1:].numel() // 2048)
        doubles = 2 + (4 * chunks if NORMS[norm] == "l2" else 0)
        scratch = torch.empty(doubles * len(x), dtype=torch.float64, device=x.device)
        core.apgd_cuda(**_arguments(*args), scratch=address(scratch), cuda_stream=cuda_stream(x.device))


def _apgd_fake(*args):
    torch._check(args[0].shape == args[4].shape and args[6].shape == args[7].shape)


_apgd = register(_SCHEMA, cpu=_apgd_cpu, cuda=_apgd_cuda, fake=_apgd_fake)


def apgd_(
    state: dict[str, torch.Tensor],
    grad: torch.Tensor,
    loss: torch.Tensor,
    *,
    x0: torch.Tensor,
    norm: str,
    eps: torch.Tensor,
    window: int = 0,
    share: float = 0.75,
    mask: torch.Tensor | None = None,
    moved: torch.Tensor | None = None,
) -> None:
    """Take the loss and gradient at state["x"] into the record, then move x.

    state: tensors named by STATE, all changed in place: float32 images (B, ...) contiguous; float32, int32 (COUNTS)
    and int64 (WIDTHS) of shape (B,). grad: float32, like x; its scale never matters; it may be overwritten. loss, eps:
    float32 (B,). window: 0, or the number of steps since the last checkpoint: this is one. share: of the new step in
    the move, 1 for no momentum. mask: as in `step_`. moved: bool (B,), set to whether the sample had a direction. The
    rules are those of csrc/include/advspur/apgd.h. Results do not depend on threads or on how a batch is cut.
    """
    where = "native.apgd"
    if norm not in NORMS:
        raise unknown(where, "norm", norm, NORMS)
    x = state["x"]
    check_state(where, "x", x)
    for name in IMAGES:
        check_state(where, name, state[name], x)
        if not state[name].is_contiguous():
            state[name] = state[name].contiguous()
    check_state(where, "x0", x0, x)
    check_match(where, "grad", grad, x)
    if moved is None:
        moved = torch.empty(len(x), dtype=torch.bool, device=x.device)
    _apgd(
        *(state[name] for name in IMAGES), grad.to(torch.float32).contiguous(), x0.contiguous(), loss.contiguous(),
        eps.contiguous(), *(state[name] for name in (*FLOATS, *COUNTS, *WIDTHS)), moved,
        mask_bytes(where, mask, x), NORMS.index(norm), window, share,
    )  # fmt: skip
