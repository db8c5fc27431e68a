"""The balls: distances, projections and uniform starts. Tensors are float32, one radius a sample."""

from __future__ import annotations

import torch

from pyadvspur.attacks.guard import check_eps, check_images, check_norm
from pyadvspur.errors import bad
from pyadvspur.native.random import draw
from pyadvspur.streams import START, stream


def each(v: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """(B,) -> (B, 1, ..., 1), to multiply `like` sample by sample."""
    return v.view(-1, *[1] * (like.dim() - 1))


def length(delta: torch.Tensor, norm: str) -> torch.Tensor:
    """Norm of every sample, summed in double, float64 (B,)."""
    flat = delta.flatten(1).double()
    if norm == "linf":
        return flat.abs().amax(1) if flat.shape[1] else flat.new_zeros(len(flat))
    return flat.abs().sum(1) if norm == "l1" else flat.square().sum(1).sqrt()


def project(delta: torch.Tensor, norm: str, eps) -> torch.Tensor:
    """The nearest point (Euclidean distance) of the ball of radius eps around 0.

    delta: float (B, ...). eps: a radius or (B,) radii, [0,1] pixel units. Returns float32, shaped as delta.
    The box is not looked at: see `project_l1_box`. Raises AdvSpurError for eps < 0, unknown norms, non-finite
    values.
    """
    where = "attacks.project"
    check_norm(where, norm)
    delta = _check_delta(where, delta)
    eps = check_eps(where, eps, delta)
    if norm == "linf":
        return delta.clamp(-each(eps, delta), each(eps, delta))
    if norm == "l2":
        return (
            delta * each((eps.double() / length(delta, "l2").clamp_min(1e-300)).clamp_max(1), delta)
        ).float()
    return _project_l1(delta, eps, None)


def project_l1_box(x: torch.Tensor, delta: torch.Tensor, eps) -> torch.Tensor:
    """The nearest point to delta of {u : ||u||_1 <= eps, 0 <= x + u <= 1}: exact on ball and box together.

    x: float (B, ...) in [0,1]. delta: float, same shape. eps: a radius or (B,) radii. Returns float32.
    Source: Croce & Hein 2021 ("Mind the box"), solved without a sort.
    """
    where = "attacks.project_l1_box"
    x, delta = check_images(where, x), _check_delta(where, delta)
    if x.shape != delta.shape:
        raise bad(where, "delta", f"shape {tuple(delta.shape)}", f"the shape of x, {tuple(x.shape)}")
    return _project_l1(delta, check_eps(where, eps, x), x)


def _check_delta(where: str, delta) -> torch.Tensor:
    if not isinstance(delta, torch.Tensor) or not delta.is_floating_point() or delta.dim() < 2:
        raise bad(where, "delta", getattr(delta, "shape", type(delta).__name__), "a float tensor (B, ...)")
    if not bool(delta.isfinite().all()):
        raise bad(where, "delta", "non-finite values", "finite values")
    return delta.detach().float()


def _project_l1(delta: torch.Tensor, eps: torch.Tensor, x: torch.Tensor | None) -> torch.Tensor:
    v = delta.flatten(1).double().abs()
    if x is None:
        room = torch.full_like(v, float("inf"))
    else:
        flat = x.flatten(1).double()
        room = torch.where(delta.flatten(1) > 0, 1 - flat, flat)
    low, high = (
        torch.zeros(len(v), dtype=v.dtype, device=v.device),
        v.amax(1) if v.shape[1] else v.new_zeros(len(v)),
    )
    threshold = low.clone()
    for _ in range(60):
        u = (v - threshold[:, None]).clamp_min(0).minimum(room)
        over = u.sum(1) - eps
        slope = ((u > 0) & (u < room)).sum(1)
        low, high = torch.where(over > 0, threshold, low), torch.where(over > 0, high, threshold)
        newton = threshold + over / slope
        inside = (newton > low) & (newton < high)
        new = torch.where(inside, newton, (low + high) / 2)
        new = torch.where((over == 0) | ((over < 0) & (threshold == 0)), threshold, new)
        if bool((new == threshold).all()):
            break
        threshold = new
    u = (v - threshold[:, None]).clamp_min(0).minimum(room)
    u = u * (eps / u.sum(1).clamp_min(1e-300)).clamp_max(1)[:, None]
    return (u.view_as(delta) * delta.sign()).float()


def draw_start(
    x: torch.Tensor, ids, norm: str, eps: torch.Tensor, seed: int, restart: int, mask
) -> torch.Tensor:
    """A point drawn uniformly from the ball around x (on the free pixels), then moved into the box: (B, ...).

    A sample's point depends on its id, the seed and the restart alone. linf: componentwise. l2: normal
    direction at eps u^(1/n). l1: the first n of n + 1 normalised exponentials with random signs.
    """
    n = x[0].numel()
    number = stream(START, restart)
    if norm == "linf":
        delta = (draw(ids, n, "uniform", seed, number) * 2 - 1) * eps[:, None]
    elif norm == "l2":
        # the first n of n + 2 coordinates of a uniform point on the sphere are uniform in the ball
        z = draw(ids, n + 2, "normal", seed, number)
        delta = z[:, :n] * (eps.double() / length(z, "l2")).float()[:, None]
    else:
        bits = draw(ids, n + 1, "bits", seed, number)
        e = -torch.log(((bits >> 8) & 0xFFFFFF).double().add(1) * 2.0**-24)
        delta = (e[:, :n] / e.sum(1, keepdim=True) * eps.double()[:, None]).float() * (
            (bits[:, :n] & 1) * 2 - 1
        )
    delta = delta.view(x.shape)
    if mask is not None:
        delta = delta * mask
    return (x + delta).clamp_(0, 1)
