"""Share of an attack's time that is not the model: losses, updates, bookkeeping, copies; and the same of peers.

ResNet-20 with random weights, batch 256, one thread, processor time. The clock runs inside the model: from its input to
its logits, and in the backward pass from the logits' gradient to the input's. The rest of a run is the attack. The
radius is so small that no sample breaks: every step has the whole batch. Peers: torchattacks' PGD and pyautoattack's
APGD, where they are installed.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import common  # first: it sets the OpenMP waiting policy
import networks
import torch
from torch import nn

from pyadvspur import attacks

EPS = {"linf": 1e-6, "l2": 1e-5, "l1": 1e-4}
TARGET = {"linf": 0.03, "l2": 0.03, "l1": 0.06}


class Stamp(torch.autograd.Function):
    """Identity that calls `tell` when the gradient passes."""

    @staticmethod
    def forward(ctx, x, tell):
        ctx.tell = tell
        return x.view_as(x)

    @staticmethod
    def backward(ctx, grad):
        ctx.tell()
        return grad, None


class Timed(nn.Module):
    """A model that adds up the time spent in it."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network, self.seconds, self.began = network, 0.0, 0.0

    def start(self) -> None:
        self.began = time.process_time()

    def stop(self) -> None:
        self.seconds += time.process_time() - self.began

    def forward(self, x):
        self.start()
        logits = Stamp.apply(self.network(Stamp.apply(x, self.stop)), self.start)
        self.stop()
        return logits


def peers(model, x, y, norm: str, steps: int) -> dict[str, Callable[[], object]]:
    found: dict[str, Callable[[], object]] = {}
    try:
        import torchattacks

        if norm != "l1":
            kind = torchattacks.PGD if norm == "linf" else torchattacks.PGDL2
            attack = kind(model, eps=EPS[norm], alpha=EPS[norm] / 4, steps=steps)
            found["torchattacks pgd"] = lambda: attack(x, y)
    except ImportError:
        pass
    try:
        from pyautoattack.autopgd_base import APGDAttack

        auto = APGDAttack(model, norm=norm.capitalize(), eps=EPS[norm], n_iter=steps, device="cpu", seed=0)
        found["autoattack apgd"] = lambda: auto.perturb(x, y)
    except ImportError:
        pass
    return found


def main() -> None:
    run = common.start(
        __doc__,
        "attack_share",
        lambda p: p.add_argument("--no-peer", action="store_true", help="our own rows only"),
    )
    torch.set_num_threads(1)
    torch.manual_seed(0)
    n, steps = (64, 4) if run.quick else (256, 10)
    model = Timed(networks.ResNet20()).eval()
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    x = torch.rand(n, 3, 32, 32)
    with torch.no_grad():
        y = model(x).argmax(1)
    for norm in EPS:
        cases: dict[str, Callable[[], object]] = {
            "pgd": lambda norm=norm: attacks.pgd(model, x, y, norm, EPS[norm], steps=steps),
            "apgd": lambda norm=norm: attacks.apgd(model, x, y, norm, EPS[norm], steps=steps),
        }
        for name, case in cases.items():
            run.check(f"{norm} {name}: samples that left early", int(case().broken.sum()))
        if not run.options.no_peer:
            cases |= peers(model, x, y, norm, steps)
        for name, case in cases.items():
            shares, milliseconds = [], []
            for _ in range(run.options.repeats or (3 if run.quick else 5)):
                model.seconds, began = 0.0, time.process_time()
                case()
                whole = time.process_time() - began
                shares.append(1 - model.seconds / whole)
                milliseconds.append(whole * 1e3 / steps)
            run.row(
                norm=norm, attack=name, step_ms=statistics.median(milliseconds), outside=statistics.median(shares),
                spread=max(shares) - min(shares), target=TARGET[norm],
            )  # fmt: skip
            print(common.table(run.rows[-1:]), flush=True)
    run.finish()


if __name__ == "__main__":
    main()
