"""Robust accuracy must not know the scale of the logits: every attack, norm and network at 1e-3, .1, 5, 20, 1e4 times.

Multiplying a classifier's logits changes no decision, but it moves most tools' results by tens of points (saturated
softmax, floors under gradient norms). Allowed here: half a point. Needs a folder with the weights and images (--data,
or the variable ADVSPUR_DEV_DATA). --save puts every row into the saved table at once, in the place of an older one.
"""

from __future__ import annotations

import os
import warnings

import common  # first: it sets the OpenMP waiting policy
import networks
from torch import nn

from pyadvspur import attacks

FACTORS = (1.0, 1e-3, 0.1, 5.0, 20.0, 1e4)
NETWORKS = {
    "mnist_lenet5_clean": {"linf": 0.1, "l2": 1.5, "l1": 8.0},
    "mnist_cnn_pgd": {"linf": 0.3, "l2": 2.0, "l1": 10.0},
    "cifar_cnn_adv": {"linf": 6 / 255, "l2": 0.75, "l1": 6.0},
    "cifar_resnet20": {"linf": 1 / 255, "l2": 0.125, "l1": 1.0},
}
ATTACKS = {
    "pgd": "pgd(steps=20)",
    "pgd dlr": "pgd(steps=20,loss=dlr)",
    "apgd": "apgd(steps=20)",
    "apgd dlr": "apgd(steps=20,loss=dlr)",
    "apgd targeted": "apgd(steps=20,loss=dlr_targeted,n_targets=3)",
    "fab": "fab(steps=20,n_targets=2)",
    "square": "square(queries=200)",
}
ALLOWED = 0.005


class Scaled(nn.Module):
    """The same classifier with its logits multiplied by a factor."""

    def __init__(self, network: nn.Module, factor: float):
        super().__init__()
        self.network, self.factor = network, factor

    def forward(self, x):
        return self.network(x) * self.factor


def options(parser) -> None:
    parser.add_argument(
        "--data", default=os.environ.get("ADVSPUR_DEV_DATA"), help="folder of weights and images"
    )
    parser.add_argument("--only", default="", help="cases whose network, norm and attack contain this")
    parser.add_argument("--images", type=int, default=0, help="0: 200, or 60 with --quick")


def place(row: dict[str, object]) -> tuple:
    norms = NETWORKS[row["network"]]
    return list(NETWORKS).index(row["network"]), list(norms).index(row["norm"]), row["attack"]


def main() -> None:
    run = common.start(__doc__, "scale_invariance", options)
    warnings.simplefilter("ignore", RuntimeWarning)
    folder = networks.folder_of(run)
    n = run.options.images or (60 if run.quick else 200)
    for name, radii in NETWORKS.items():
        model, x, y = networks.load(folder, name, n)
        for norm, eps in radii.items():
            for label, stage in ATTACKS.items():
                if run.options.only not in f"{name} {norm} {label}":
                    continue
                accuracy = []
                for factor in FACTORS:
                    scaled = Scaled(model, factor).eval()
                    broken = attacks.ensemble(scaled, x, y, norm, eps, preset=[stage]).broken
                    accuracy.append(1 - float(broken.float().mean()))
                moved = max(abs(a - accuracy[0]) for a in accuracy)
                run.row(
                    network=name, norm=norm, eps=round(eps, 4), attack=label, n=n, moved=moved,
                    **{f"x{factor:g}": a for factor, a in zip(FACTORS, accuracy)},
                )  # fmt: skip
                print(common.table(run.rows[-1:]), flush=True)
                run.keep(
                    run.rows[-1], ("network", "norm", "attack"), place
                )  # a failed row belongs to the table
    if not run.options.save:
        run.finish()
    for row in run.rows:
        what = f"{row['network']} {row['norm']} {row['attack']}: robust accuracy moved"
        run.check(what, float(row["moved"]), allowed=max(ALLOWED, 1 / row["n"]) + 1e-9)


if __name__ == "__main__":
    main()
