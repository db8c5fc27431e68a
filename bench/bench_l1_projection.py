"""The exact projection on l1 ball and box, no sort, against the sort-based one in torch, 8 x 150,528 float32."""

from __future__ import annotations

import common  # first: it sets how idle OpenMP threads wait
import torch

from pyadvspur.native.project import project_l1_box_
from pyadvspur.reference.project import room_of, soft, threshold_l1


def sorted_projection(x, y, eps1):
    """AutoAttack, autopgd_base.py, L1_projection: sorts 2 d breakpoints, then bisects over their prefix sums.

    x: clean points (bs, d), y: the wanted perturbation; returns the change that makes y the projection.
    """
    u = torch.min(1 - x - y, x + y)
    u = torch.min(torch.zeros_like(y), u)
    low = -torch.clone(y).abs()
    d = u.clone()
    breakpoints, order = torch.sort(-torch.cat((u, low), 1), dim=1)
    following = torch.zeros(breakpoints.shape)
    following[:, :-1] = breakpoints[:, 1:]
    sign = 2 * (order < u.shape[1]).float() - 1
    slope = sign.cumsum(dim=1)
    total = -u.sum(dim=1)
    c = eps1 - y.abs().sum(dim=1)
    c5 = total + c < 0
    which = c5.nonzero().squeeze(1)
    value = total.unsqueeze(-1) + torch.cumsum((following - breakpoints) * slope, dim=1)
    if which.numel():
        low_end = torch.zeros_like(which).float()
        high_end = torch.ones_like(which) * (breakpoints.shape[1] - 1)
        for _ in range(int(torch.ceil(torch.log2(torch.tensor(float(breakpoints.shape[1])))))):
            middle = torch.floor((low_end + high_end) / 2).long()
            above = value[which, middle] + c[which] < 0
            low_end = torch.where(above, middle.float(), low_end)
            high_end = torch.where(above, high_end, middle)
        at = low_end.long()
        alpha = (-value[which, at] - c[which]) / slope[which, at + 1] + following[which, at]
        d[which] = -torch.min(torch.max(-u[which], alpha.unsqueeze(-1)), -low[which])
    return torch.sign(y) * d


def torch_projection(x0, delta, eps):
    """The shortest sort-based projection torch allows: sort the 2 d breakpoints once, prefix sums in double."""
    v, x = delta.flatten(1), x0.flatten(1)
    size, room = v.abs(), room_of(v, x)
    level, order = torch.cat([size, (size - room).clamp(min=0)], 1).sort(dim=1, descending=True)
    change = torch.where(order < v.shape[1], 1.0, -1.0).double()
    slope = change.cumsum(1)
    mass = torch.cat([torch.zeros(len(v), 1), (slope[:, :-1] * (level[:, :-1] - level[:, 1:]))], 1).cumsum(1)
    at = (mass < eps).sum(1, keepdim=True) - 1
    t = level.gather(1, at) - (eps - mass.gather(1, at)) / slope.gather(1, at)
    inside = torch.minimum(size, room).double().sum(1, keepdim=True) <= eps
    t = torch.where(inside, 0.0, t)
    return (torch.sign(v) * (size - t).clamp(min=0).minimum(room)).float().view_as(delta)


def compare(run: common.Run, name: str, x0: torch.Tensor, delta: torch.Tensor, eps: float) -> None:
    ours = project_l1_box_(x0, delta.clone(), eps)
    exact = soft(
        delta, room_of(delta, x0), threshold_l1(delta, room_of(delta, x0), torch.full((len(x0),), eps))
    )
    used = ours.double().abs().flatten(1).sum(1)
    wanted = exact.abs().flatten(1).sum(1)
    run.check(
        f"{name}: l1 norm against float64 bisection", ((used - wanted).abs() / wanted).max().item(), 1e-6
    )
    cost, best = ((u.double() - delta).square().flatten(1).sum(1) for u in (ours, exact))
    run.check(f"{name}: objective against float64 bisection", ((cost - best) / best).max().item(), 1e-6)
    peer = torch_projection(x0, delta, eps)
    run.check(f"{name}: equals the sort in torch", (peer - ours).abs().max().item(), 1e-5)

    flat_x, flat_v, state = x0.flatten(1), delta.flatten(1), delta.clone()
    autoattack = flat_v + sorted_projection(flat_x, flat_v, eps)
    off = ((autoattack.double().abs().sum(1) - wanted).abs() / wanted).max().item()
    print(f"note   {name}: AutoAttack's l1 norm is off by {off:.2g} of eps")
    times = run.measure(
        {
            "ours": lambda: project_l1_box_(x0, state.copy_(delta), eps),
            "torch sort": lambda: torch_projection(x0, delta, eps),
            "autoattack": lambda: sorted_projection(flat_x, flat_v, eps),
        },
        repeats=run.options.repeats or (3 if run.quick else 11),
    )
    for peer_name in ("torch sort", "autoattack"):
        size = f"{len(x0)}x{flat_v.shape[1]}"
        run.row(
            perturbation=name, size=size, eps=eps, peer=peer_name, **common.against(times, "ours", peer_name)
        )


def main() -> None:
    run = common.start(__doc__, "l1_projection")
    generator = torch.Generator().manual_seed(0)
    for shape, eps in (((8, 3, 224, 224), 60.0), ((64, 3, 32, 32), 12.0)):
        x0 = torch.rand(shape, generator=generator)
        wild = torch.randn(shape, generator=generator)
        compare(run, "gaussian start", x0, wild, eps)
        step = project_l1_box_(x0, wild.clone(), eps)
        chosen = torch.rand(shape, generator=generator) < 0.05
        step += chosen * torch.sign(wild) * (eps / chosen.flatten(1).sum(1).view(-1, 1, 1, 1))
        compare(run, "after an attack step", x0, step, eps)
    run.finish()


if __name__ == "__main__":
    main()
