"""`advspur train`: a series of networks, standard and adversarially trained, one recipe."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pyadvspur.cli.printing import Json, print_json

if TYPE_CHECKING:
    import torch

    from pyadvspur.attacks import Recipe


def train(
    model: Annotated[
        str, typer.Option("--model", "-m", help="package.module:factory, which builds the untrained network.")
    ],
    data: Annotated[
        str,
        typer.Option(
            "--data", "-d", help="FILE.npz with x and y, or package.module:factory that returns (x, y)."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder; one sub-folder a network.")],
    norm: Annotated[str, typer.Option(help="linf, l2 or l1.")] = "linf",
    eps: Annotated[str, typer.Option(help="Radii in [0,1] pixel units: 1/255,2/255.")] = "",
    standard: Annotated[bool, typer.Option("--standard", help="Also train without attacks.")] = False,
    validation: Annotated[str | None, typer.Option(help="As --data; chooses the best pass.")] = None,
    method: Annotated[str, typer.Option(help="pgd, fast or free.")] = "pgd",
    steps: Annotated[int, typer.Option(help="Of pgd; repeats of free.")] = 2,
    epochs: Annotated[int, typer.Option(help="Passes over the data.")] = 20,
    batch_size: Annotated[int, typer.Option(help="Images a step.")] = 128,
    optimizer: Annotated[str, typer.Option(help="adamw or sgd.")] = "adamw",
    lr: Annotated[float | None, typer.Option(help="Highest rate. Default: 2e-3 adamw, 0.1 sgd.")] = None,
    weight_decay: Annotated[float, typer.Option(help="Of the optimizer.")] = 1e-2,
    schedule: Annotated[str, typer.Option(help="one-cycle, cosine or constant.")] = "one-cycle",
    ramp: Annotated[float, typer.Option(help="Share of the training over which the radius grows.")] = 0.0,
    augment: Annotated[str | None, typer.Option(help="crop-flip.")] = None,
    seed: Annotated[int, typer.Option(help="Of first weights, order, starts and augmentation.")] = 0,
    device: Annotated[str | None, typer.Option(help="cpu or cuda. Default: cuda where there is one.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    json_: Json = False,
) -> None:
    """Train a series of networks with one recipe; the same command goes on after Ctrl-C.

    \b
    advspur train --model my_code:build --data train.npz --norm l2 --eps 0.25,0.5,1 --standard --out runs/series
    """
    import torch

    from pyadvspur import attacks
    from pyadvspur.errors import bad

    radii = attacks.parse(f"{norm}:{eps}").eps if eps else ()
    if not radii and not standard:
        raise bad("train", "eps", "nothing", "radii such as 1/255,2/255, or --standard")
    shared = {
        "method": method, "steps": steps, "epochs": epochs, "batch_size": batch_size, "optimizer": optimizer, "lr": lr,
        "weight_decay": weight_decay, "schedule": schedule, "augment": augment, "seed": seed,
    }  # fmt: skip
    plans: dict[str, Recipe] = {}
    if standard:
        plans["standard"] = attacks.Recipe(None, 0, **{**shared, "method": "pgd"})
    for text, radius in zip(eps.split(","), radii):
        plans[f"{norm}_eps{text.strip().replace('/', '_')}"] = attacks.Recipe(
            norm, radius, ramp=ramp, **shared
        )
    held, check = _data("data", data), None if validation is None else _data("validation", validation)
    trained = []
    for name, recipe in plans.items():
        network = _network(model, seed).to(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        try:
            done = attacks.train(network, held, recipe, validation=check, out=out / name, progress=not quiet)
        except KeyboardInterrupt:
            print(f"\nInterrupted. Run the same command again to go on (--out {out}).", file=sys.stderr)
            raise typer.Exit(130) from None
        trained.append({"name": name, "weights": out / name / "last.safetensors", "history": done.history})
        if not json_:
            last = ", ".join(f"{key} {value:.4g}" for key, value in done.history.iloc[-1].items())
            print(f"{out / name}/last.safetensors: {last}")
    if json_:
        print_json(trained)


def _network(name: str, seed: int) -> torch.nn.Module:
    """A fresh network of a factory; `advspur evaluate -m FACTORY@FILE` loads the same with trained weights."""
    import torch

    from pyadvspur import models
    from pyadvspur.errors import bad

    if ":" not in name or "@" in name:
        raise bad("train", "model", repr(name), "package.module:factory, which builds the untrained network")
    torch.manual_seed(seed)
    found = models.load(name)
    if found.mean is None:
        return found.network.requires_grad_(True)
    takes = "a factory whose network normalises its own input"
    raise bad(
        "train",
        "model",
        repr(name),
        takes,
        "Its attributes `mean` and `std` would be lost from the weights file.",
    )


def _data(option: str, text: str) -> tuple:
    """(x, y) from an .npz file or from code. Images (N, H, W, 3) are turned to (N, 3, H, W)."""
    import numpy as np
    import torch

    from pyadvspur.errors import bad

    if text.endswith(".npz"):
        try:
            with np.load(text, allow_pickle=False) as file:
                x, y = file["x"], file["y"]
        except (OSError, ValueError, KeyError, EOFError) as error:
            raise bad(
                "train", option, repr(text), "an .npz file with arrays x and y", f"({error})"
            ) from error
        if x.ndim == 4 and x.shape[-1] in (1, 3) and x.shape[1] not in (1, 3):
            x = x.transpose(0, 3, 1, 2)
        return torch.from_numpy(np.ascontiguousarray(x)), torch.from_numpy(y)
    module, colon, name = text.partition(":")
    if not colon:
        raise bad("train", option, repr(text), "FILE.npz, or package.module:factory")
    sys.path.insert(0, str(Path.cwd()))  # as with `python -m`
    try:
        x, y = getattr(importlib.import_module(module), name)()
        return torch.as_tensor(x), torch.as_tensor(y)
    except (TypeError, ValueError, RuntimeError) as error:
        takes = "a function that returns (x, y): images (N, C, H, W) and classes (N,)"
        raise bad("train", option, repr(text), takes, f"({error})") from error
    except (ImportError, AttributeError) as error:
        raise bad("train", option, repr(text), "FILE.npz, or package.module:factory", f"({error})") from error
    finally:
        sys.path.remove(str(Path.cwd()))
