"""The balls: distances, projections and uniform starts. One radius a sample."""

from __future__ import annotations

import torch

from pyadvspur.attacks.guard import check_eps, check_images, check_norm
from pyadvspur.errors import bad
from pyadvspur.native.project import project_
from pyadvspur.native.random import draw
from pyadvspur.native.step import step_
from pyadvspur.streams import START, stream


def distance(x: torch.Tensor, x0: torch.Tensor, norm: str) -> torch.Tensor:
    """||x - x0|| of every sample, differences and sums in double: float64 (B,)."""
    flat = (x.double() - x0.double()).flatten(1)
    if not flat.numel():
        return flat.new_zeros(len(flat))
    if norm == "linf":
        return flat.abs().amax(1)
    # One lone row would be summed by all threads, in another order than among others; two rows are not.
    rows = flat.expand(2, -1) if len(flat) == 1 else flat
    total = rows.abs().sum(1) if norm == "l1" else rows.square().sum(1).sqrt()
    return total[: len(flat)]


def inside(distances: torch.Tensor, eps: torch.Tensor) -> torch.Tensor:
    """Whether points lie in their balls, to 1e-6 of the radius: bool (B,)."""
    return distances <= eps.double() * (1 + 1e-6)


def _check_delta(where: str, delta) -> torch.Tensor:
    if not isinstance(delta, torch.Tensor) or not delta.is_floating_point() or delta.dim() < 2:
        got = tuple(delta.shape) if isinstance(delta, torch.Tensor) else type(delta).__name__
        raise bad(where, "delta", got, "a float tensor (B, ...)")
    if not bool(delta.isfinite().all()):
        raise bad(where, "delta", "values that are not finite", "finite values")
    return delta.detach().float().clone()


def project(delta: torch.Tensor, norm: str, eps) -> torch.Tensor:
    """The nearest point (Euclidean distance) of the ball of radius eps around 0.

    delta: float (B, ...). norm: "linf", "l2", "l1". eps: a radius or (B,) radii, [0,1] pixel units. Returns
    float32, shaped as delta. The box is not looked at (see `project_l1_box`). Raises AdvSpurError for eps <
    0, an unknown norm, values that are not finite.
    """
    where = "attacks.project"
    check_norm(where, norm)
    delta = _check_delta(where, delta)
    return project_(delta, norm=norm, eps=check_eps(where, eps, delta))


def project_l1_box(x: torch.Tensor, delta: torch.Tensor, eps) -> torch.Tensor:
    """The nearest point to delta of {u : ||u||_1 <= eps, 0 <= x + u <= 1}: exact on ball and box together.

    x: float (B, ...) in [0,1]. delta: float, same shape. eps: a radius or (B,) radii. Returns float32.
    Source: Croce & Hein 2021, solved without a sort.
    """
    where = "attacks.project_l1_box"
    x, delta = check_images(where, x), _check_delta(where, delta)
    if x.shape != delta.shape:
        raise bad(where, "delta", f"shape {tuple(delta.shape)}", f"the shape of x, {tuple(x.shape)}")
    return project_(delta, norm="l1", eps=check_eps(where, eps, x), x0=x)


def draw_start(
    x0: torch.Tensor, ids, norm: str, eps: torch.Tensor, seed: int, restart: int, mask
) -> torch.Tensor:
    """A point drawn uniformly from the ball around x0, then moved into the box and onto the free pixels: (B,
    ...).

    A sample's point depends on its id, the seed and the restart alone. linf: each component. l2: the first n
    of n + 2 coordinates of a uniform point on the sphere. l1: the first n of n + 1 normalised exponentials,
    with random signs.
    """
    n, number = x0[0:1].numel(), stream(START, restart)
    if norm == "linf":
        delta = (draw(ids, n, "uniform", seed, number) * 2 - 1) * eps[:, None]
    elif norm == "l2":
        z = draw(ids, n + 2, "normal", seed, number)
        delta = z[:, :n] * (eps.double() / distance(z, torch.zeros_like(z), "l2")).float()[:, None]
    else:
        bits = draw(ids, n + 1, "bits", seed, number)
        e = -torch.log(
            ((bits >> 8) & 0xFFFFFF).double().add(1) * 2.0**-24
        )  # the low bits stay free for the signs
        share = e / distance(e, torch.zeros_like(e), "l1")[:, None]
        delta = (share[:, :n] * eps.double()[:, None]).float() * ((bits[:, :n] & 1) * 2 - 1)
    x = (x0 + delta.view(x0.shape)).clamp_(0, 1)
    # a step of length 0 projects and masks, with the same care for rounding as every later step (with a direction:
    # a sample without one stays where it is)
    return step_(x, x0, torch.ones_like(x), norm=norm, eps=eps, step_size=0.0, mask=mask)
