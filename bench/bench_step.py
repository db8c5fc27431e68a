"""Fused attack updates against the update lines of torchattacks and AutoAttack, 64 x 3 x 224 x 224 float32."""

from __future__ import annotations

import common  # first: it sets how idle OpenMP threads wait
import torch

from pyadvspur.native.step import step_

EPS = {"linf": 8 / 255, "l2": 3.0}


def torchattacks_linf(adv, images, grad, eps, alpha):
    """torchattacks 3.5.1, attacks/pgd.py, lines 77-79."""
    adv = adv.detach() + alpha * grad.sign()
    delta = torch.clamp(adv - images, min=-eps, max=eps)
    return torch.clamp(images + delta, min=0, max=1).detach()


def torchattacks_l2(adv, images, grad, eps, alpha):
    """torchattacks 3.5.1, attacks/pgdl2.py, lines 88-102, with its floor of 1e-10."""
    batch_size = len(images)
    grad_norms = torch.norm(grad.view(batch_size, -1), p=2, dim=1) + 1e-10
    grad = grad / grad_norms.view(batch_size, 1, 1, 1)
    adv = adv.detach() + alpha * grad
    delta = adv - images
    delta_norms = torch.norm(delta.view(batch_size, -1), p=2, dim=1)
    factor = eps / delta_norms
    factor = torch.min(factor, torch.ones_like(delta_norms))
    delta = delta * factor.view(-1, 1, 1, 1)
    return torch.clamp(images + delta, min=0, max=1).detach()


def autoattack_linf(adv, images, grad, eps, step_size, adv_old, a=0.75):
    """AutoAttack's APGD (autopgd_base.py), as ported in torchattacks 3.5.1, attacks/apgd.py, lines 180-203."""
    adv = adv.detach()
    grad2 = adv - adv_old
    adv_old = adv.clone()
    z = adv + step_size * torch.sign(grad)
    z = torch.clamp(torch.min(torch.max(z, images - eps), images + eps), 0.0, 1.0)
    z = adv + (z - adv) * a + grad2 * (1 - a)
    return torch.clamp(torch.min(torch.max(z, images - eps), images + eps), 0.0, 1.0) + 0.0


def length(d):
    return (d**2).sum(dim=(1, 2, 3), keepdim=True).sqrt()


def autoattack_l2(adv, images, grad, eps, step_size, adv_old, a=0.75):
    """The same for l2, lines 205-241. Its repeated norms are written as there: each is computed twice."""
    adv = adv.detach()
    grad2 = adv - adv_old
    adv_old = adv.clone()
    ball = eps * torch.ones(images.shape)
    z = adv + step_size * grad / (length(grad) + 1e-12)
    z = torch.clamp(
        images + (z - images) / (length(z - images) + 1e-12) * torch.min(ball, length(z - images)), 0.0, 1.0
    )
    z = adv + (z - adv) * a + grad2 * (1 - a)
    ball = eps * torch.ones(images.shape)
    z = images + (z - images) / (length(z - images) + 1e-12) * torch.min(ball, length(z - images) + 1e-12)
    return torch.clamp(z, 0.0, 1.0) + 0.0


PEERS = {"linf": (torchattacks_linf, autoattack_linf), "l2": (torchattacks_l2, autoattack_l2)}


def compare(
    run: common.Run, norm: str, x0: torch.Tensor, grad: torch.Tensor, generator: torch.Generator
) -> None:
    torchattacks, autoattack = PEERS[norm]
    eps, alpha = EPS[norm], EPS[norm] / 4
    same = {"norm": norm, "eps": torch.full(x0.shape[:1], eps), "step_size": torch.full(x0.shape[:1], alpha)}
    start = (x0 + torch.empty_like(x0).uniform_(-1, 1, generator=generator) * (8 / 255)).clamp(0, 1)

    ours, peer = start.clone(), start
    for turn in range(3):
        turned = torch.roll(grad, turn, dims=3)
        step_(ours, x0, turned, **same)
        peer = torchattacks(peer, x0, turned, eps, alpha)
    run.check(f"{norm}: three steps equal torchattacks'", (ours - peer).abs().max().item(), 5e-7)
    peer = autoattack(start, x0, grad, eps, alpha, start, a=1.0)
    ours = step_(start.clone(), x0, grad, **same)
    run.check(f"{norm}: equals AutoAttack's without momentum", (ours - peer).abs().max().item(), 5e-7)

    triad_n = 1 << (24 if run.quick else 25)
    old, state = x0.clone(), start.clone()
    times = run.measure(
        {
            "ours": lambda: step_(state, x0, grad, **same),
            "triad": common.triad(triad_n),
            "torchattacks": lambda: torchattacks(start, x0, grad, eps, alpha),
            "autoattack": lambda: autoattack(start, x0, grad, eps, alpha, old),
        }
    )
    speed = 16 * x0.numel() / times["ours"].median / 1e9
    bandwidth = common.triad_bytes(triad_n) / times["triad"].median / 1e9
    for name in ("torchattacks", "autoattack"):
        share = {"GB/s": speed, "triad_GB/s": bandwidth, "of_triad": speed / bandwidth}
        run.row(step=norm, batch=len(x0), peer=name, **common.against(times, "ours", name), **share)


def main() -> None:
    run = common.start(__doc__, "step")
    generator = torch.Generator().manual_seed(0)
    shape = (16 if run.quick else 64, 3, 224, 224)
    x0 = torch.rand(shape, generator=generator)
    grad = torch.randn(shape, generator=generator) * 1e-3
    for norm in PEERS:
        compare(run, norm, x0, grad, generator)
    run.finish()


if __name__ == "__main__":
    main()
