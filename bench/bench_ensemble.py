"""The standard ensemble at one radius: `attacks.ensemble` against AutoAttack on networks with trained weights.

Needs a folder with the weights and images (--data, or the variable ADVSPUR_DEV_DATA), and for the comparison
`pip install --no-deps pyautoattack` (the AutoAttack of its authors) or, with --peer torchattacks, torchattacks 3.5.1
(linf and l2). Without them our own columns are filled only.

One checker judges both: a sample counts as broken where a plain call of the model misclassifies the point and it lies
in ball and box, to 1e-6 of the radius for us, to 1e-3 for the peer, whose projections round. Ours must confirm every
find; the accuracies are compared before any time is printed.

--save adds the row of a case, network, norm and preset, to results/ensemble.json as soon as it is measured, in the
place of an older one: cases can be run one by one (--only), and a run that was cut off goes on where it stopped with
--missing. cpu_ratio: of processor seconds of all threads, which other work on the machine disturbs less than time.
"""

from __future__ import annotations

import logging
import os
import time
import warnings
from pathlib import Path

import common  # first: it sets the OpenMP waiting policy
import networks
import torch

from pyadvspur import attacks

CASES = [
    ("cifar_resnet20", "linf", 8 / 255),
    ("cifar_resnet20", "l2", 0.5),
    ("cifar_resnet20", "l1", 6.0),
    ("cifar_cnn_adv", "linf", 8 / 255),
    ("cifar_cnn_adv", "l2", 1.0),
    ("cifar_cnn_adv", "l1", 12.0),
    ("mnist_lenet5_clean", "linf", 0.3),
    ("mnist_lenet5_clean", "l2", 2.0),
    ("mnist_lenet5_clean", "l1", 12.0),
    ("mnist_cnn_pgd", "linf", 0.3),
    ("mnist_cnn_pgd", "l2", 2.5),
    ("mnist_cnn_pgd", "l1", 12.0),
]
NORMS = ("linf", "l2", "l1")
ALLOWED = 0.002  # of all images, above the peer


def holds(model, x, y, found, norm: str, eps: float, slack: float) -> torch.Tensor:
    """Samples that stand: right at the point found, or wrong only at a point outside ball or box."""
    with torch.no_grad():
        right = torch.cat([model(part).argmax(1) for part in found.split(100)]) == y
    delta = (found.double() - x.double()).flatten(1)
    far = {"linf": delta.abs().amax(1), "l2": delta.square().sum(1).sqrt(), "l1": delta.abs().sum(1)}[norm]
    outside = (far > eps * (1 + slack)) | ((found < 0) | (found > 1)).flatten(1).any(1)
    return right | outside


def autoattack(model, x, y, norm: str, eps: float) -> torch.Tensor:
    from pyautoattack import AutoAttack

    logging.getLogger("auto-attack").setLevel(logging.ERROR)
    attack = AutoAttack(model, norm=norm.capitalize(), eps=eps, seed=0, version="standard")
    attack.verbose = False
    return attack.run_standard_evaluation(x, y, batch_size=250)[0]


def torchattacks_one(model, x, y, norm: str, eps: float) -> torch.Tensor:
    import torchattacks

    torch.manual_seed(0)
    return torchattacks.AutoAttack(model, norm=norm.capitalize(), eps=eps, version="standard", seed=0)(x, y)


PEERS = {"autoattack": autoattack, "torchattacks": torchattacks_one}


def options(parser) -> None:
    parser.add_argument(
        "--data", default=os.environ.get("ADVSPUR_DEV_DATA"), help="folder of weights and images"
    )
    parser.add_argument(
        "--only", default="", help="cases whose name and norm contain this: 'mnist_cnn_pgd l1'"
    )
    parser.add_argument("--norm", default="", choices=["", "linf", "l2", "l1"])
    parser.add_argument("--images", type=int, default=0, help="0: 500, or 50 with --quick")
    parser.add_argument("--preset", default="standard", help="what runs on our side; others with --peer none")
    parser.add_argument(
        "--missing", action="store_true", help="leave out cases that results/ensemble.json has"
    )
    parser.add_argument("--peer", default="autoattack", choices=[*PEERS, "none"])


def key(row: dict[str, object]) -> tuple:
    names = [name for name, *_ in CASES]
    return row["preset"] != "standard", row["preset"], names.index(row["network"]), NORMS.index(row["norm"])


def timed(work):
    """What work returns, and its processor seconds."""
    start = time.process_time()
    return work(), time.process_time() - start


def main() -> None:
    run = common.start(__doc__, "ensemble", options)
    warnings.simplefilter("ignore", RuntimeWarning)
    folder = networks.folder_of(run)
    n, preset = run.options.images or (50 if run.quick else 500), run.options.preset
    have = {key(row) for row in run.kept()} if run.options.missing else set()
    for name, norm, eps in CASES:
        if run.options.only not in f"{name} {norm}" or run.options.norm not in ("", norm):
            continue
        if key({"preset": preset, "network": name, "norm": norm}) in have:
            continue
        row = one(run, folder, name, norm, eps, n, preset)
        run.row(**row)
        print(common.table([row]), flush=True)
        run.keep(row, ("network", "norm", "preset"), key)
    if not run.options.save:
        run.finish()


def one(
    run: common.Run, folder: Path, name: str, norm: str, eps: float, n: int, preset: str
) -> dict[str, object]:
    model, x, y = networks.load(folder, name, n)
    for parameter in model.parameters():
        parameter.requires_grad_(False)  # a courtesy to the peer; ours never asks for their gradients
    found: dict[str, object] = {}
    cpu: dict[str, float] = {}

    def ours() -> None:
        found["ours"], cpu["ours"] = timed(lambda: attacks.ensemble(model, x, y, norm, eps, preset=preset))

    def peer() -> None:
        found["peer"], cpu["peer"] = timed(lambda: PEERS[run.options.peer](model, x, y, norm, eps))

    compared = run.options.peer != "none" and (norm != "l1" or run.options.peer == "autoattack")
    times = run.measure(
        {"ours": ours} | ({"peer": peer} if compared else {}), run.options.repeats or 1, warmup=0
    )
    result = found["ours"]
    stands = {"ours": holds(model, x, y, result.x_adv, norm, eps, 1e-6)}
    unconfirmed = int((stands["ours"] == result.broken).sum())
    run.check(f"{name} {norm}: verdicts a plain call does not confirm", unconfirmed)
    robust = {"ours": float((~result.broken).float().mean())}
    columns = {"ours_ms": times["ours"].median * 1e3}
    if compared:
        robust["peer"] = float(holds(model, x, y, found["peer"], norm, eps, 1e-3).float().mean())
        excess = max(robust["ours"] - robust["peer"], 0.0)
        run.check(f"{name} {norm}: robust accuracy above the peer's", excess, allowed=ALLOWED + 1e-9)
        columns = common.against(times, "ours", "peer") | {"cpu_ratio": cpu["peer"] / cpu["ours"]}
        columns.pop("spread")
    by = {m: int((result.broken_by == i).sum()) for i, m in enumerate(result.members)}
    return {
        "network": name, "norm": norm, "eps": round(eps, 4), "n": n, "preset": preset, "ours": robust["ours"],
        "peer": robust.get("peer", float("nan")), **columns, "threads": torch.get_num_threads(),
        "load": round(os.getloadavg()[0], 1), "broken_by": " ".join(f"{m}:{k}" for m, k in by.items() if k),
    }  # fmt: skip


if __name__ == "__main__":
    main()
