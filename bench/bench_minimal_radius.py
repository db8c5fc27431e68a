"""`attacks.minimal_radius` against the standard ensemble at five radii: one search, or a sweep, or AutoAttack 5 times.

Needs a folder with the weights and images (--data, or the variable ADVSPUR_DEV_DATA), and with --peer autoattack
`pip install --no-deps pyautoattack`. Every radius found is checked by a plain call of the model first: its point breaks
the sample, lies in the box, and at that distance. Columns: robust accuracy at five radii from the minimal radii and
from the sweep (the peer where asked), and seconds; cpu: processor seconds of all threads.

--save adds the row of a case to results/minimal_radius.json as soon as it is measured, in the place of an older one.
"""

from __future__ import annotations

import os
import time
import warnings
from pathlib import Path

import bench_ensemble
import common  # first: it sets the OpenMP waiting policy
import networks
import torch

from pyadvspur import attacks

LINF_CIFAR = (1, 2, 4, 6, 8)
CASES = {
    ("cifar_resnet20", "linf"): [k / 1020 for k in LINF_CIFAR],
    ("cifar_resnet20", "l2"): [0.03, 0.06, 0.12, 0.18, 0.25],
    ("cifar_resnet20", "l1"): [0.5, 1.0, 2.0, 3.0, 4.0],
    ("cifar_cnn_adv", "linf"): [k / 255 for k in LINF_CIFAR],
    ("cifar_cnn_adv", "l2"): [0.125, 0.25, 0.5, 0.75, 1.0],
    ("cifar_cnn_adv", "l1"): [3.0, 6.0, 9.0, 12.0, 15.0],
    ("mnist_lenet5_clean", "linf"): [0.05, 0.1, 0.15, 0.2, 0.25],
    ("mnist_lenet5_clean", "l2"): [0.5, 1.0, 1.5, 2.0, 2.5],
    ("mnist_lenet5_clean", "l1"): [3.0, 6.0, 9.0, 12.0, 16.0],
    ("mnist_cnn_pgd", "linf"): [0.1, 0.2, 0.25, 0.3, 0.35],
    ("mnist_cnn_pgd", "l2"): [1.0, 1.5, 2.0, 2.5, 3.0],
    ("mnist_cnn_pgd", "l1"): [4.0, 8.0, 12.0, 16.0, 20.0],
}
ORDER = {"linf": torch.inf, "l2": 2, "l1": 1}


def options(parser) -> None:
    parser.add_argument(
        "--data", default=os.environ.get("ADVSPUR_DEV_DATA"), help="folder of weights and images"
    )
    parser.add_argument("--only", default="", help="cases whose name and norm contain this")
    parser.add_argument("--images", type=int, default=0, help="0: 50, or 20 with --quick")
    parser.add_argument("--peer", default="none", choices=["autoattack", "none"])


def worst(model, x, y, norm: str, found: attacks.MinimalRadius) -> int:
    """Radii that a plain call does not confirm."""
    with torch.no_grad():
        wrong = model(found.x_adv).argmax(1) != y
    known = found.radius.isfinite()
    far = (found.x_adv.double() - x.double()).flatten(1).norm(p=ORDER[norm], dim=1)
    off = (far - found.radius).abs() > 1e-6 * found.radius
    outside = ((found.x_adv < 0) | (found.x_adv > 1)).flatten(1).any(1)
    return int((known & (~wrong | off | outside)).sum())


def shares(values) -> str:
    return " ".join(f"{v:.3g}" for v in values)


def one(run: common.Run, folder: Path, name: str, norm: str, eps: list[float], n: int) -> dict[str, object]:
    model, x, y = networks.load(folder, name, n)
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    work = {
        "radius": lambda: attacks.minimal_radius(model, x, y, norm, eps_max=eps[-1]),
        "sweep": lambda: attacks.sweep(model, x, y, norm, eps, "ensemble"),
    }
    if run.options.peer == "autoattack":
        work["peer"] = lambda: [bench_ensemble.autoattack(model, x, y, norm, e) for e in eps]
    found, wall, cpu = {}, {}, {}
    for who, do in work.items():
        start = time.perf_counter()
        found[who], cpu[who] = bench_ensemble.timed(do)
        wall[who] = time.perf_counter() - start
    run.check(
        f"{name} {norm}: radii a plain call does not confirm", worst(model, x, y, norm, found["radius"])
    )
    curve = [found["radius"].accuracy_at(e) for e in eps]
    swept = (found["sweep"].clean_correct & ~found["sweep"].broken).double().mean(1).tolist()
    row = {
        "network": name, "norm": norm, "eps": shares(eps), "n": n, "minimal radius": shares(curve),
        "sweep": shares(swept),
    }  # fmt: skip
    if "peer" in found:
        stands = (
            bench_ensemble.holds(model, x, y, points, norm, e, 1e-3) for e, points in zip(eps, found["peer"])
        )
        row["AutoAttack"] = shares(s.float().mean() for s in stands)
    above = max(c - s for c, s in zip(curve, swept))
    row |= {"above the sweep": round(max(above, 0) * n), **{f"{who}_s": wall[who] for who in wall}}
    row |= {f"{who}_cpu": cpu[who] for who in cpu}
    return row | {"threads": torch.get_num_threads(), "load": round(os.getloadavg()[0], 1)}


def place(row: dict[str, object]) -> int:
    return list(CASES).index((row["network"], row["norm"]))


def main() -> None:
    run = common.start(__doc__, "minimal_radius", options)
    warnings.simplefilter("ignore", RuntimeWarning)
    folder = networks.folder_of(run)
    n = run.options.images or (20 if run.quick else 50)
    for (name, norm), eps in CASES.items():
        if run.options.only in f"{name} {norm}":
            row = one(run, folder, name, norm, eps, n)
            print(common.table([row]), flush=True)
            run.row(**row)
            run.keep(row, ("network", "norm"), place)
    if not run.options.save:
        run.finish()


if __name__ == "__main__":
    main()
