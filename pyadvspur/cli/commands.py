"""The commands by name: where each is, and its line in `advspur --help`. Imports nothing, so that help is instant."""

from __future__ import annotations

#: name -> (module:function, or module:app for a group; what it does)
COMMANDS = {
    "demo": ("demo:demo", "Evaluate the 22 embedded networks, clean and attacked; no download."),
    "evaluate": (
        "evaluate:evaluate",
        "Evaluate models on benchmarks, clean and attacked; goes on after Ctrl-C.",
    ),
    "attack": ("attack:app", "Recheck the adversarial points that a run has kept."),
    "train": ("train:train", "Train a series of networks, standard and adversarially; goes on after Ctrl-C."),
    "report": (
        "report:report",
        "Write one self-contained page of one run or several; also tables and figures.",
    ),
    "card": (
        "card:card",
        "One page for one model: how robust, on what it leans, against a reference series.",
    ),
    "compare": ("compare:compare", "Two runs, or two models of one, in pairs: differences with intervals."),
    "theory": ("theory:theory", "Solve the Gaussian linear model of adversarial training exactly."),
    "experiment": ("experiment:experiment", "Run one of the experiments, or list them."),
    "models": ("models:app", "List models; verify, convert and fine-tune checkpoints."),
    "datasets": (
        "datasets:app",
        "List benchmarks, verify data on disk, or make a small sample in the true layout.",
    ),
    "challenge": (
        "challenge:challenge",
        "Search, for every object of ImageNet-9, a background that hides it.",
    ),
    "info": ("info:info", "Show versions, devices, instruction sets and the kernels built in."),
}


def overview() -> str:
    """The text of `advspur --help`."""
    lines = [f"  {name:<12}{what}" for name, (_, what) in COMMANDS.items()]
    return "\n".join(
        [
            "Usage: advspur COMMAND [OPTIONS]",
            "",
            "  Measure the price of adversarial robustness.",
            "",
            "Commands:",
            *lines,
            "",
            "  advspur COMMAND --help   what a command takes",
            "  advspur --version        the version",
        ]
    )
