"""`models.load`: one function, one string.

| name | what |
|---|---|
| embedded:cnn_l2_eps0.5 | a network of the embedded suite, shipped with the package |
| package.module:factory | your own code: factory() returns the network |
| package.module:factory@FILE | the same with weights from a checkpoint |
| torchvision:resnet50, torchvision:resnet50@FILE | an architecture with its published weights, or with a checkpoint's |
| timm:resnet50.a1_in1k, timm:resnet50@FILE | likewise |
| FILE.safetensors | a checkpoint of an embedded architecture that names it in its metadata |
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import inspect
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from torch import nn

from pyadvspur.errors import AdvSpurError, bad, unknown
from pyadvspur.models import checkpoint, embedded_nets
from pyadvspur.models.classifier import Classifier, fingerprint_of
from pyadvspur.models.registry import WEIGHTS, manifest

_FORMS = (
    "'embedded:NAME', 'package.module:factory', 'package.module:factory@FILE', 'torchvision:NAME', 'timm:NAME' "
    f"or a checkpoint ending in {', '.join(checkpoint.SUFFIXES)}"
)


def load(name: str, root: str | Path | None = None) -> Classifier:
    """A classifier in eval mode: pixels in [0,1], float (B, 3, H, W) -> logits (B, K); normalisation is inside.

    name: see the table above. root: folder in which a relative checkpoint FILE is looked for. A factory is called
    without arguments and returns an `nn.Module`. Its optional attributes `mean` and `std`, three plain numbers each,
    are applied to the pixels before it (buffers of that name are the network's own business); `input_size` says what it
    expects. Modules in the current directory can be named. Checkpoints are safetensors or torch files read with
    `weights_only=True`; nothing is ever unpickled.

    Raises AdvSpurError for unknown names, files that do not fit and weights that do not match their SHA-256.
    """
    if not isinstance(name, str) or not name:
        raise bad("models.load", "name", repr(name), _FORMS)
    source, colon, rest = name.partition(":")
    if source == "embedded" and colon:
        return _load_embedded(name, rest)
    if not colon and name.lower().endswith(checkpoint.SUFFIXES):
        return _load_file(name, _find(name, root))
    target, at, file = rest.rpartition("@")
    target, file = (target, _find(file, root)) if at else (rest, None)
    if source == "torchvision" and colon:
        return _load_torchvision(name, target, file)
    if source == "timm" and colon:
        return _load_timm(name, target, file)
    if colon and re.fullmatch(r"[A-Za-z_][\w.]*", source) and target:
        return _load_factory(name, source, target, file)
    raise unknown(
        "models.load",
        "name",
        name,
        [f"embedded:{known}" for known in manifest()["networks"]],
        f"Takes {_FORMS}.",
    )


def _find(file: str, root: str | Path | None) -> Path:
    path = Path(file).expanduser()
    return Path(root).expanduser() / path if root is not None and not path.is_absolute() else path


def _load_embedded(name: str, short: str) -> Classifier:
    entries = manifest()["networks"]
    if short not in entries:
        raise unknown("models.load", "name", name, [f"embedded:{known}" for known in entries])
    entry = entries[short]
    path = WEIGHTS / entry["file"]
    found = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "nothing"
    if found != entry["sha256"]:
        raise bad("models.load", str(path), f"SHA-256 {found}", entry["sha256"], "Install the package again.")
    info = {key: entry[key] for key in ("arch", "norm", "eps", "seed")}
    return _embedded_network(name, checkpoint.read(path), info, fingerprint=found)


def _embedded_network(name: str, weights: checkpoint.Checkpoint, info: dict, fingerprint: str) -> Classifier:
    network = embedded_nets.build(info["arch"], norm=False)
    checkpoint.fit(network, weights)
    network.requires_grad_(False)
    return Classifier(network, name, n_outputs=10, input_size=32, fingerprint=fingerprint, training_info=info)


def _load_file(name: str, path: Path) -> Classifier:
    weights = checkpoint.read(path)
    info = json.loads(weights.metadata.get("advspur", "{}"))
    arch = info.get("arch")
    if arch not in embedded_nets.ARCHITECTURES:
        raise bad(
            "models.load", "name", repr(name), "a checkpoint that names its architecture",
            f"This one holds weights only; say which network they belong to: package.module:factory@{path.name}, "
            f"or torchvision:NAME@{path.name}.",
        )  # fmt: skip
    return _embedded_network(name, weights, info, fingerprint=hashlib.sha256(path.read_bytes()).hexdigest())


def _load_factory(name: str, module: str, attribute: str, file: Path | None) -> Classifier:
    with _current_directory():
        code = _import(name, module)
        factory = getattr(code, attribute, None)
        if not callable(factory):
            public = [key for key, value in vars(code).items() if callable(value) and not key.startswith("_")]
            raise unknown("models.load", "name", name, [f"{module}:{key}" for key in public])
        try:
            network = factory()
        except Exception as error:
            raise AdvSpurError(
                f"models.load: {name}: {attribute}() raised {type(error).__name__}: {error}"
            ) from error
    if not isinstance(network, nn.Module):
        hint = f"{attribute}() returned {type(network).__name__}."
        raise bad("models.load", "name", repr(name), "a factory that returns a torch.nn.Module", hint)
    # Plain numbers ask to be applied; tensors are buffers that the network applies itself.
    mean, std = (
        v if isinstance(v := getattr(network, key, None), (tuple, list)) else None for key in ("mean", "std")
    )
    return _wrap(name, network, file, mean, std, getattr(network, "input_size", None), _source(code))


def _wrap(name, network, file, mean, std, input_size, source: bytes) -> Classifier:
    if file is not None:
        weights = checkpoint.read(file)
        checkpoint.fit(network, weights)
        if mean is None and weights.statistics is not None:
            mean, std = weights.statistics
    network.requires_grad_(False)
    fingerprint = fingerprint_of(network, source + repr((mean, std)).encode())
    return Classifier(network, name, mean=mean, std=std, input_size=input_size, fingerprint=fingerprint)


@contextlib.contextmanager
def _current_directory() -> Iterator[None]:
    """The current directory is where a user's own modules are looked for first, as with `python -m`."""
    here = str(Path.cwd())
    sys.path.insert(0, here)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(here)


def _import(name: str, module: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name and (module == error.name or module.startswith(error.name + ".")):
            hint = f"There is no module {error.name!r} on the Python path or in {Path.cwd()}."
        else:
            hint = f"It imports {error.name!r}, which is not installed."
        raise bad("models.load", "name", repr(name), _FORMS, hint) from error
    except Exception as error:
        raise AdvSpurError(
            f"models.load: {name}: importing {module} raised {type(error).__name__}: {error}"
        ) from error


def _source(code: ModuleType) -> bytes:
    try:
        return inspect.getsource(code).encode()
    except (OSError, TypeError):
        return b""


def _extra(package: str, name: str) -> ModuleType:
    try:
        return importlib.import_module(package)
    except (
        ImportError,
        RuntimeError,
    ) as error:  # RuntimeError: a torchvision that was built for another torch
        hint = f"Install the extra: pip install 'pyadvspur[vision]'. ({type(error).__name__}: {error})"
        raise bad(
            "models.load", "name", repr(name), f"{package} to be installed and to import", hint
        ) from error


def _load_torchvision(name: str, target: str, file: Path | None) -> Classifier:
    _extra("torchvision", name)
    from torchvision import models as zoo

    arch, _, version = target.partition(".")
    if arch not in zoo.list_models():
        raise unknown("models.load", "name", name, [f"torchvision:{known}" for known in zoo.list_models()])
    # The first published weights are the default: the literature's numbers are theirs.
    choices = {entry.name: entry for entry in zoo.get_model_weights(arch)}
    version = version or next(iter(choices))
    if version not in choices:
        raise unknown("models.load", "name", name, [f"torchvision:{arch}.{known}" for known in choices])
    transform = choices[version].transforms()
    network = _fetch(name, lambda: zoo.get_model(arch, weights=None if file else choices[version]))
    return _wrap(name, network, file, transform.mean, transform.std, transform.crop_size[0], b"")


def _load_timm(name: str, target: str, file: Path | None) -> Classifier:
    timm = _extra("timm", name)
    if target.partition(".")[0] not in timm.list_models():
        raise unknown("models.load", "name", name, [f"timm:{known}" for known in timm.list_models()])
    network = _fetch(name, lambda: timm.create_model(target, pretrained=file is None))
    settings = network.pretrained_cfg
    return _wrap(name, network, file, settings["mean"], settings["std"], settings["input_size"][-1], b"")


def _fetch(name: str, build) -> nn.Module:
    try:
        return build()
    except (OSError, RuntimeError) as error:
        hint = f"({type(error).__name__}: {error}) Without a network, give a file: {name}@FILE."
        raise bad("models.load", "name", repr(name), "weights that can be fetched", hint) from error
