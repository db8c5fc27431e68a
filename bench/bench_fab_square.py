"""The kernels of FAB and Square against pyautoattack's: projection onto plane and box, FAB's step, Square's queries.

Peer: `pip install --no-deps pyautoattack==0.2.0`; without it our own columns are filled only. Square is timed around a
model that costs nothing and never breaks: what is left is the update, a query.

Checked first: our projections lie on the plane and in the box to float32's precision, and are no longer than the
peer's; our FAB step equals one made of the peer's projections; Square's candidates lie in ball and box.
"""

from __future__ import annotations

from functools import partial

import common  # first: it sets how idle OpenMP threads wait
import torch

from pyadvspur import attacks
from pyadvspur.native.hyperplane import fab_step_, to_plane

NORMS = ("linf", "l2", "l1")
PEER_NAME = {"linf": "Linf", "l2": "L2", "l1": "L1"}
SHAPES = ((64, 3, 32, 32), (8, 3, 224, 224))
EPS = {"linf": 8 / 255, "l2": 0.5, "l1": 12.0}


def length(d: torch.Tensor, norm: str) -> torch.Tensor:
    return d.double().flatten(1).norm(p={"linf": torch.inf, "l2": 2, "l1": 1}[norm], dim=1)


def problem(shape: tuple[int, ...]):
    """Images with a tenth of the pixels at the walls, slopes, and planes a 40th of the way to what the box allows."""
    g = torch.Generator().manual_seed(0)
    x0 = (torch.rand(shape, generator=g) * 1.2 - 0.1).clamp(0, 1)
    w = torch.randn(shape, generator=g)
    gap = w.abs().double().flatten(1).sum(1) * 0.0125
    x = (x0 + 0.02 * torch.randn(shape, generator=g)).clamp(0, 1)
    return x0, x, w, gap


def check_projection(run: common.Run, peer, x, w, gap, norm: str) -> None:
    d = to_plane(x, w, gap, norm)
    gained = (w.double() * d).flatten(1).sum(1)
    run.check(f"{norm} {tuple(x.shape)} on the plane", float(((gained - gap) / gap).abs().max()), 1e-5)
    outside = torch.maximum(-(x.double() + d), x.double() + d - 1).max()
    run.check(f"{norm} {tuple(x.shape)} in the box", float(outside), 1e-7)
    if peer is not None:
        theirs = peer(x, w, gap, norm)
        longer = (length(d, norm) / length(theirs.view_as(x), norm) - 1).max()
        run.check(
            f"{norm} {tuple(x.shape)} no longer than the peer's", float(longer), 2e-3
        )  # theirs: float32 sums


def peer_projection():
    try:
        from pyautoattack import fab_projections as theirs
    except ImportError:
        return None

    def project(x, w, gap, norm: str):
        flat, slopes = x.flatten(1), w.flatten(1)
        level = ((slopes.double() * flat).sum(1) + gap).float()
        return getattr(theirs, f"projection_{norm}")(flat, slopes, level)

    return project


def our_step(x, x0, w, value, norm: str) -> torch.Tensor:
    return fab_step_(x.clone(), x0, w, value, norm=norm)


def peer_step(project, x, x0, w, value, norm: str, eta: float = 1.05, alpha_max: float = 0.1) -> torch.Tensor:
    """FAB's step in eager torch around the peer's projection of x and x0 in one call, as its attack does."""
    away = (w * (x - x0)).flatten(1).sum(1)
    both, slopes = torch.cat([x, x0]), torch.cat([w, w])
    d, d0 = project(both, slopes, torch.cat([-value, away - value]), norm).view_as(both).chunk(2)
    a, a0 = (length(part, norm).float().clamp(min=1e-8).view(-1, 1, 1, 1) for part in (d, d0))
    alpha = (a / (a + a0)).clamp(max=alpha_max)
    return ((x + eta * d) * (1 - alpha) + (x0 + eta * d0) * alpha).clamp(0, 1)


def measure_projections(run: common.Run) -> None:
    project = peer_projection()
    for shape in SHAPES[:1] if run.quick else SHAPES:
        x0, x, w, gap = problem(shape)
        value = -gap.float()
        for norm in NORMS:
            check_projection(run, project, x, w, gap, norm)
            ours = {"ours": partial(to_plane, x, w, gap, norm)}
            step = {"ours": partial(our_step, x, x0, w, value, norm)}
            if project is not None:
                off = (step["ours"]() - peer_step(project, x, x0, w, value, norm)).abs().max()
                run.check(f"{norm} {shape} FAB step", float(off), 2e-3)
                ours["peer"] = partial(project, x, w, gap, norm)
                step["peer"] = partial(peer_step, project, x, x0, w, value, norm)
            for what, cases in (("projection", ours), ("FAB step", step)):
                row(run, what, norm, shape, run.measure(cases))


class Unmoved(torch.nn.Module):
    """Always class 0: a model that costs nothing and never breaks."""

    def __init__(self):
        super().__init__()
        self.register_buffer("logits", torch.tensor([[1.0, 0.0]]))

    def forward(self, x):
        return self.logits.expand(len(x), 2).clone()


def measure_square(run: common.Run) -> None:
    try:
        from pyautoattack.square import SquareAttack
    except ImportError:
        SquareAttack = None
    queries = 20 if run.quick else 100
    for shape in SHAPES[:1] if run.quick else SHAPES:
        x = problem(shape)[0]
        y = torch.zeros(len(x), dtype=torch.int64)
        for norm in NORMS:
            r = attacks.square(Always(x), x, y, norm, EPS[norm], queries=2)
            over = (length(r.x_adv - x, norm) / EPS[norm] - 1).max()
            run.check(f"square {norm} {shape} in ball", float(over), 1e-6)
            run.check(f"square {norm} {shape} in box", float(torch.maximum(-r.x_adv, r.x_adv - 1).max()))
            options = {"queries": queries, "chunk": len(x)}
            cases = {"ours": partial(attacks.square, Unmoved(), x, y, norm, EPS[norm], **options)}
            if SquareAttack is not None:
                kind = {"norm": PEER_NAME[norm], "n_queries": queries, "eps": EPS[norm], "device": "cpu"}
                cases["peer"] = partial(SquareAttack(Unmoved(), **kind).perturb, x, y)
            times = run.measure(cases, repeats=3 if run.quick else 7)
            row(run, "square query", norm, shape, times, queries)


class Always(torch.nn.Module):
    """Broken by anything that is not the clean image: shows the first candidates."""

    def __init__(self, x: torch.Tensor):
        super().__init__()
        self.total = sorted(float(v) for v in x.double().flatten(1).sum(1))

    def forward(self, x):
        sums = x.double().flatten(1).sum(1)
        known = torch.tensor(self.total, dtype=torch.float64)
        clean = (sums[:, None] - known).abs().amin(1) < 1e-9
        return torch.stack([clean.float(), 1 - clean.float()], 1)


def row(run: common.Run, what: str, norm: str, shape, times, calls: int = 1) -> None:
    scaled = {name: common.Times(tuple(s / calls for s in t.seconds)) for name, t in times.items()}
    if "peer" in scaled:
        columns = common.against(scaled, "ours", "peer")
    else:
        columns = {"ours_ms": scaled["ours"].median * 1e3}
    run.row(case=what, norm=norm, shape="x".join(map(str, shape)), **columns)


def main() -> None:
    run = common.start(__doc__, "fab_square")
    measure_projections(run)
    measure_square(run)
    run.finish()


if __name__ == "__main__":
    main()
