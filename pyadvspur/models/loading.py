"""`models.load`: one function, one string.

| name | what |
|---|---|
| embedded:cnn_l2_eps0.5 | a network of the embedded suite, shipped with the package |
| resnet50_l2_eps3 | a released robust ImageNet network: its file in `root`, in ADVSPUR_MODELS, or on the hub |
| FILE.ckpt, FILE.safetensors | a file that is one of the released networks, or that was converted or embedded |
| hub:OWNER/NAME/FILE | the same from the Hugging Face hub |
| resnet18@FILE, resnet50@FILE | our own ResNet (torchvision's layers and names) with a checkpoint's weights |
| package.module:factory, package.module:factory@FILE | your own code: factory() returns the network |
| torchvision:resnet50, torchvision:resnet50@FILE | an architecture with its published weights, or with a checkpoint's |
| timm:resnet50.a1_in1k, timm:resnet50@FILE | likewise |
| random:1000 | a small fixed random network with so many outputs, for dry runs |
| NAME, NAME@FILE | a plug-in's network |

Every FILE may be `hub:OWNER/NAME/FILE`.
"""

from __future__ import annotations

import re
from pathlib import Path

from pyadvspur import plugins
from pyadvspur.errors import bad, unknown
from pyadvspur.models import checkpoint, factory, files, hub, resnet, salman, zoo
from pyadvspur.models.classifier import Classifier
from pyadvspur.models.registry import RESERVED, names

_FORMS = (
    "'embedded:NAME', a released network such as 'resnet50_l2_eps3', 'package.module:factory', 'torchvision:NAME', "
    "'timm:NAME', 'resnet50', any of the last four with '@FILE', 'hub:OWNER/NAME/FILE', 'random:K' or a checkpoint "
    f"ending in {', '.join(checkpoint.SUFFIXES)}"
)


def load(name: str, root: str | Path | None = None) -> Classifier:
    """A classifier in eval mode: pixels in [0,1], float (B, 3, H, W) -> logits (B, K); normalisation is inside.

    name: see the table above. root: folder in which a relative checkpoint FILE, or the file of a released network, is
    looked for; "hub" stands for the Hugging Face hub. Nothing is downloaded unless the name or the folder says so. A
    factory is called without arguments and returns an `nn.Module`. Its optional attributes `mean` and `std`, three
    plain numbers each, are applied to the pixels before it (buffers of that name are the network's own business);
    `input_size` says what it expects. Modules in the current directory can be named. Checkpoints are safetensors or
    torch files read with `weights_only=True`; nothing is ever unpickled.

    Raises AdvSpurError for unknown names, files that do not fit and weights that do not match their SHA-256.
    """
    if not isinstance(name, str) or not name:
        raise bad("models.load", "name", repr(name), _FORMS)
    target, file = _split(name)
    source, colon, rest = target.partition(":")
    if colon and source == "embedded" and file is None:
        return files.load_embedded(name, rest)
    if colon and source == "random" and file is None:
        from pyadvspur.models.random_net import load_random

        return load_random(name, rest)
    if not target:
        return files.load_file(name, files.find(file, root), load=load)
    if not colon and file is None and salman.looks_like(target):
        return files.load_release(target, root)
    if not colon and target in resnet.ARCHITECTURES and file:
        return zoo.load_resnet(name, target, checkpoint.read(files.find(file, root)))
    is_plugin = not colon and target in plugins.names("models", RESERVED)
    if not is_plugin and not (colon and rest and re.fullmatch(r"[A-Za-z_][\w.]*", source)):
        raise unknown("models.load", "name", name, [*names(), "random:1000"], f"Takes {_FORMS}.")
    path = files.find(file, root) if file else None
    if is_plugin:
        built = plugins.load("models", target)
        return factory.from_callable(name, built, path, plugins.identity("models", target))
    if source == "torchvision":
        return zoo.load_torchvision(name, rest, path)
    if source == "timm":
        return zoo.load_timm(name, rest, path)
    return factory.load_factory(name, source, rest, path, _FORMS)


def _split(name: str) -> tuple[str, str | None]:
    """ "TARGET@FILE" -> (TARGET, FILE); a file alone -> ("", FILE)."""
    if name.startswith(f"{hub.ASK}:"):
        return "", name
    target, at, rest = name.partition(f"@{hub.ASK}:")  # a revision may have an @ of its own
    if at:
        return target, f"{hub.ASK}:{rest}"
    target, at, file = name.rpartition("@")
    is_file = ":" not in name and (not at or "/" in target or Path(name).is_file())
    if is_file and name.lower().endswith(checkpoint.SUFFIXES):
        return "", name
    return (target, file) if at else (name, None)
