"""PGD-40 at five radii: `attacks.sweep` against torchattacks (one run a radius) on networks with trained weights.

Needs a folder with the weights and images (--data, or the variable ADVSPUR_DEV_DATA), and for the comparison
`pip install --no-deps torchattacks==3.5.1`; --no-peer fills our own columns only. torchattacks has no l1 attack; there
the peer is APGD-CE with its three radii from `pip install --no-deps pyautoattack`, the AutoAttack of its authors.
--our-steps N: as strong in fewer steps? Ours then takes N, the peer --steps.

Checked first: every sample counted as broken is misclassified by a plain call of the model at a point inside ball and
box, and no radius has a higher robust accuracy than the peer's.
"""

from __future__ import annotations

import os

import common  # first: it sets the OpenMP waiting policy
import networks
import torch

from pyadvspur import attacks

BYTES = tuple(k / 255 for k in (1, 2, 4, 6, 8))
CASES = [
    ("cifar_resnet20", "linf", BYTES),
    ("cifar_resnet20", "l2", (0.125, 0.25, 0.5, 0.75, 1.0)),
    ("cifar_cnn_adv", "linf", BYTES),
    ("cifar_cnn_adv", "l2", (0.125, 0.25, 0.5, 0.75, 1.0)),
    ("cifar_cnn_adv", "l1", (3.0, 6.0, 9.0, 12.0, 15.0)),
    ("mnist_cnn_pgd", "linf", (0.1, 0.2, 0.25, 0.3, 0.35)),
    ("mnist_cnn_pgd", "l2", (1.0, 1.5, 2.0, 2.5, 3.0)),
    ("mnist_cnn_pgd", "l1", (4.0, 8.0, 12.0, 16.0, 20.0)),
    ("mnist_lenet5_clean", "linf", (0.05, 0.1, 0.15, 0.2, 0.3)),
    ("cifar_resnet20", "l1", (1.0, 3.0, 6.0, 9.0, 12.0)),
]
QUICK = CASES[:1]


def ours(model, x, y, norm: str, radii, steps: int) -> list[float]:
    result = attacks.sweep(model, x, y, norm, radii, steps=steps)
    return [round(float(row.float().mean()), 4) for row in result.clean_correct & ~result.broken]


def peer(model, x, y, norm: str, radii, steps: int) -> list[float]:
    import torchattacks

    accuracy = []
    for eps in radii:
        torch.manual_seed(0)
        kind = torchattacks.PGD if norm == "linf" else torchattacks.PGDL2
        attack = kind(model, eps=eps, alpha=2.5 * eps / steps, steps=steps, random_start=True)
        found = attack(x, y)
        with torch.no_grad():
            accuracy.append(round(float((model(found).argmax(1) == y).float().mean()), 4))
    return accuracy


def peer_l1(model, x, y, norm: str, radii, steps: int) -> list[float]:
    from pyautoattack.autopgd_base import APGDAttack

    accuracy = []
    for eps in radii:
        attack = APGDAttack(
            model, n_iter=steps, norm="L1", n_restarts=1, eps=eps, seed=0, loss="ce", device="cpu"
        )
        attack.use_largereps = True
        found = attack.perturb(x, y)
        with torch.no_grad():
            accuracy.append(round(float((model(found).argmax(1) == y).float().mean()), 4))
    return accuracy


def check_finds(run: common.Run, model, x, y, norm: str, radii, steps: int) -> None:
    result = attacks.sweep(model, x, y, norm, radii, steps=steps)
    with torch.no_grad():
        right = model(result.x_adv).argmax(1) == y
    first = result.broken.float().argmax(0)  # the smallest breaking radius
    eps = torch.tensor([0.0, *radii], dtype=torch.float64)[torch.where(result.clean_correct, first + 1, 0)]
    delta = (result.x_adv.double() - x.double()).flatten(1)
    far = {"linf": delta.abs().amax(1), "l2": delta.square().sum(1).sqrt(), "l1": delta.abs().sum(1)}[norm]
    outside = (far > eps * (1 + 1e-6)) | ((result.x_adv < 0) | (result.x_adv > 1)).flatten(1).any(1)
    run.check(f"{norm}: finds that a plain call does not confirm", int((right & result.broken[-1]).sum()))
    run.check(f"{norm}: finds outside ball or box", int((outside & result.broken[-1]).sum()))


def options(parser) -> None:
    parser.add_argument(
        "--data", default=os.environ.get("ADVSPUR_DEV_DATA"), help="folder of weights and images"
    )
    parser.add_argument(
        "--only", default="", help="cases whose name and norm contain this, e.g. 'resnet20 linf'"
    )
    parser.add_argument("--images", type=int, default=0, help="0: 500, or 100 with --quick")
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--our-steps", type=int, default=0, help="0: as many as the peer")
    parser.add_argument("--no-peer", action="store_true", help="our own columns only")


def main() -> None:
    run = common.start(__doc__, "pgd", options)
    folder = networks.folder_of(run)
    n, steps = run.options.images or (100 if run.quick else 500), run.options.steps
    for name, norm, radii in CASES if run.options.only or not run.quick else QUICK:
        if run.options.only not in f"{name} {norm}":
            continue
        model, x, y = networks.load(folder, name, n)
        mine = run.options.our_steps or steps
        check_finds(run, model, x[:100], y[:100], norm, radii, mine)
        found: dict[str, list[float]] = {}

        def case(what, work, steps, found=found, given=(model, x, y, norm, radii)):
            return lambda: found.__setitem__(what, work(*given, steps))

        compared = not run.options.no_peer
        cases = {"ours": case("ours", ours, mine)}
        if compared:
            cases["peer"] = case("peer", peer_l1 if norm == "l1" else peer, steps)
        times = run.measure(cases, run.options.repeats or 1, warmup=0)
        columns = (
            common.against(times, "ours", "peer") if compared else {"ours_ms": times["ours"].median * 1e3}
        )
        if compared:
            worse = max(a - b for a, b in zip(found["ours"], found["peer"]))
            run.check(f"{name} {norm}: robust accuracy above the peer's", max(worse, 0.0), allowed=0.5 / n)
        text = {what: " ".join(f"{a:.3f}" for a in values) for what, values in found.items()}
        about = {"threads": torch.get_num_threads(), "load": round(os.getloadavg()[0], 1)}
        run.row(
            network=name,
            norm=norm,
            n=n,
            steps=mine,
            ours=text["ours"],
            peer=text.get("peer", ""),
            **columns,
            **about,
        )
        print(common.table(run.rows[-1:]), flush=True)
        run.keep(run.rows[-1], ("network", "norm", "n", "steps"), order)
    if not run.options.save:
        run.finish()


def order(row: dict[str, object]) -> tuple:
    place = [(name, norm) for name, norm, _ in CASES].index((row["network"], row["norm"]))
    return place, -int(row["steps"]), int(row["n"])


if __name__ == "__main__":
    main()
