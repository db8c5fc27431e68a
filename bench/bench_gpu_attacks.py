"""PGD on a GPU against torchattacks on the same GPU: a large network, and one so small that launches dominate.

    python bench/bench_gpu_attacks.py --save                      # ResNet-50, 224 x 224, batch 256, PGD-20
    python bench/bench_gpu_attacks.py --device cpu --quick         # tries the script where there is no GPU

The networks have random weights and the labels are their own answers, so that every sample begins right. Radius `tiny`
breaks nothing: every step has the whole batch, and the ratio counts no dropped sample. The other radius drops what is
broken, ours alone. Checked first: what is claimed to be broken is misclassified by a plain float32 call inside ball and
box, and robust accuracy is no higher than the peer's, judged likewise. The rows `graph` are CUDA graphs against eager.
"""

from __future__ import annotations

import common  # first: it sets the OpenMP waiting policy
import networks
import torch

from pyadvspur import attacks
from pyadvspur.models import resnet

TINY, LARGE = 1e-7, 4 / 255


def prepared(network: torch.nn.Module, n: int, side: int, device: str):
    """A network in eval mode with frozen weights, images, and its own answers to them."""
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(n, 3, side, side, generator=generator).to(device)
    model = network.to(device).eval().requires_grad_(False)
    with torch.no_grad():
        y = torch.cat([model(part).argmax(1) for part in x.split(64)])
    return model, x, y


def right(model, x, y) -> torch.Tensor:
    with torch.no_grad():
        return torch.cat([model(part).argmax(1) == label for part, label in zip(x.split(64), y.split(64))])


def check(run: common.Run, what: str, model, x, y, eps: float, found: attacks.AttackResult) -> float:
    """Robust accuracy of ours, after the checks."""
    inside = ((found.x_adv - x).abs().amax((1, 2, 3)) <= eps * (1 + 1e-6)) & (
        (found.x_adv >= 0) & (found.x_adv <= 1)
    ).flatten(1).all(1)
    unconfirmed = found.broken & (right(model, found.x_adv, y) | ~inside)
    run.check(f"{what}: broken points that a plain call does not confirm", int(unconfirmed.sum()))
    return float((~found.broken).float().mean())


def against_torchattacks(run: common.Run, name: str, model, x, y, steps: int) -> None:
    import torchattacks

    for eps in (TINY, LARGE):
        theirs = torchattacks.PGD(model, eps=eps, alpha=eps / 4, steps=steps, random_start=True)
        for precision in ("float32", "auto"):

            def ours(precision=precision, eps=eps):
                found = attacks.pgd(model, x, y, "linf", eps, steps=steps, precision=precision)
                torch.cuda.synchronize() if x.is_cuda else None
                return found

            def peer(theirs=theirs):
                found = theirs(x, y)
                torch.cuda.synchronize() if x.is_cuda else None
                return found

            what = f"{name} {eps:.3g} {precision}"
            accuracy = check(run, what, model, x, y, eps, ours())
            other = float(right(model, peer(), y).float().mean())
            run.check(
                f"{what}: robust accuracy above the peer's", max(accuracy - other, 0.0), allowed=0.5 / len(y)
            )
            times = run.measure({"ours": ours, "peer": peer}, run.options.repeats or 3, warmup=1)
            run.row(
                case=name, eps=eps, drops=eps != TINY, precision=precision, steps=steps, n=len(y), ours=accuracy,
                peer=other, steps_per_s=steps / times["ours"].median, **common.against(times, "ours", "peer"),
            )  # fmt: skip


def graphs(run: common.Run, model, x, y, steps: int) -> None:
    """CUDA graphs against eager on a small network, nothing dropped."""

    def search(mode: str):
        with attacks.accelerate(mode):
            found = attacks.pgd(model, x, y, "linf", TINY, steps=steps)
        torch.cuda.synchronize()
        return found

    run.check(
        "graph: other outcomes than eager", int((search("graph").broken != search("none").broken).sum())
    )
    times = run.measure(
        {"graph": lambda: search("graph"), "eager": lambda: search("none")}, run.options.repeats or 5
    )
    run.row(case="graph", eps=TINY, steps=steps, n=len(y), **common.against(times, "graph", "eager"))


def options(parser) -> None:
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--batch", type=int, default=256)


def main() -> None:
    run = common.start(__doc__, "gpu_attacks", options)
    device = run.options.device
    if device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("gpu_attacks: torch finds no GPU here; --device cpu --quick tries the script")
    torch.manual_seed(0)
    large, side, n = (
        (resnet.ResNet(*resnet.ARCHITECTURES["resnet18"], 1000), 64, 8)
        if run.quick
        else (resnet.ResNet(*resnet.ARCHITECTURES["resnet50"], 1000), 224, run.options.batch)
    )
    steps = 3 if run.quick else 20
    against_torchattacks(run, "large network", *prepared(large, n, side, device), steps)
    small = prepared(networks.ResNet20(), min(n, 64), 32, device)
    against_torchattacks(run, "small network", *small, 2 * steps)
    if device == "cuda":
        graphs(run, *small, 2 * steps)
    run.finish()


if __name__ == "__main__":
    main()
