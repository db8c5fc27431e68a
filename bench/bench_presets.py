"""The presets of `attacks.ensemble` beside each other on the same images: what fast and standard leave, at what cost.

Needs a folder with the weights and images (--data, or the variable ADVSPUR_DEV_DATA). It takes the last images of a
file, or those from number --first on; bench_ensemble.py takes the first ones. Every find is checked by a plain call of
the model first. Columns: samples that stand under each preset; those that exhaustive breaks and standard does not;
seconds; processor seconds of all threads.

--save adds the row of a case to results/presets.json as soon as it is measured, in the place of an older one.
"""

from __future__ import annotations

import os
import time
import warnings
from pathlib import Path

import common  # first: it sets the OpenMP waiting policy
import networks
import torch
from bench_ensemble import CASES, holds, timed

from pyadvspur import attacks

PRESETS = ("fast", "standard", "exhaustive")


def options(parser) -> None:
    parser.add_argument(
        "--data", default=os.environ.get("ADVSPUR_DEV_DATA"), help="folder of weights and images"
    )
    parser.add_argument("--only", default="", help="cases whose name and norm contain this")
    parser.add_argument("--images", type=int, default=0, help="0: 100, or 30 with --quick")
    parser.add_argument(
        "--first", type=int, default=None, help="number of the first image; none: the last ones"
    )
    parser.add_argument("--radius", type=float, default=1.0, help="of the case's, times this")


def one(run: common.Run, folder: Path, name: str, norm: str, eps: float, n: int) -> dict[str, object]:
    model, x, y = networks.load(folder, name, 1_000_000)
    first = len(x) - n if run.options.first is None else run.options.first
    x, y = x[first : first + n], y[first : first + n]
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    broken, wall, cpu = {}, {}, {}
    for preset in PRESETS:
        start = time.perf_counter()
        result, cpu[preset] = timed(
            lambda preset=preset: attacks.ensemble(model, x, y, norm, eps, preset=preset)
        )
        wall[preset], broken[preset] = time.perf_counter() - start, result.broken
        stands = holds(model, x, y, result.x_adv, norm, eps, 1e-6)
        run.check(
            f"{name} {norm} {preset}: verdicts a plain call does not confirm",
            int((stands == result.broken).sum()),
        )
    row = {"network": name, "norm": norm, "eps": round(eps, 4), "images": f"{first}-{first + len(x) - 1}"}
    row |= {preset: int((~broken[preset]).sum()) for preset in PRESETS}
    row["missed by standard"] = int((broken["exhaustive"] & ~broken["standard"]).sum())
    row |= {f"{preset}_s": wall[preset] for preset in PRESETS} | {
        f"{preset}_cpu": cpu[preset] for preset in PRESETS
    }
    return row | {"threads": torch.get_num_threads(), "load": round(os.getloadavg()[0], 1)}


def place(row: dict[str, object]) -> tuple:
    names = [name for name, *_ in CASES]
    first = int(row["images"].partition("-")[0])
    return names.index(row["network"]), ("linf", "l2", "l1").index(row["norm"]), row["eps"], first


def main() -> None:
    run = common.start(__doc__, "presets", options)
    warnings.simplefilter("ignore", RuntimeWarning)
    folder = networks.folder_of(run)
    n = run.options.images or (30 if run.quick else 100)
    for name, norm, eps in CASES:
        if run.options.only in f"{name} {norm}":
            row = one(run, folder, name, norm, eps * run.options.radius, n)
            print(common.table([row]), flush=True)
            run.row(**row)
            run.keep(row, ("network", "norm", "eps", "images"), place)
    if not run.options.save:
        run.finish()


if __name__ == "__main__":
    main()
