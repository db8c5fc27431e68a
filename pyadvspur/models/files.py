"""Checkpoints that say by themselves which network they belong to: the released twenty, converted and embedded ones."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from pyadvspur.errors import AdvSpurError, bad, unknown
from pyadvspur.models import checkpoint, embedded_nets, finetuned, hub, resnet, salman
from pyadvspur.models.classifier import Classifier
from pyadvspur.models.fitting import stripped, wrap
from pyadvspur.models.registry import embedded, manifest, series
from pyadvspur.models.salman import Release
from pyadvspur.models.tensors import digest_of
from pyadvspur.models.zoo import load_resnet

FOLDERS = "ADVSPUR_MODELS"
_FACTS = ("arch", "norm", "eps", "seed", "contrast", "agreement", "images")


def find(file: str, root: str | Path | None) -> Path:
    """Where a FILE is: `hub:...` is fetched, a relative path is looked for under root."""
    if file.startswith(f"{hub.ASK}:"):
        return _from_hub(file)
    path = Path(file).expanduser()
    return Path(root).expanduser() / path if root is not None and not path.is_absolute() else path


def load_embedded(name: str, short: str) -> Classifier:
    """A shipped network of the embedded suite, or of the series beside it."""
    if (known := embedded(short)) is None:
        entries = [*manifest()["networks"], *series()["networks"]]
        raise unknown("models.load", "name", name, [f"embedded:{entry}" for entry in entries])
    path, entry = known
    found = checkpoint.sha256(path) if path.is_file() else "nothing"
    if found != entry["sha256"]:
        raise bad("models.load", str(path), f"SHA-256 {found}", entry["sha256"], "Install the package again.")
    info = {key: entry[key] for key in _FACTS if key in entry}
    return _embedded(name, checkpoint.read(path), info, found)


def load_release(name: str, root: str | Path | None) -> Classifier:
    """One of the released robust networks by its name: from root, from the folders in ADVSPUR_MODELS (joined by ":"),
    from the current directory, or from where the hub's client keeps what it fetched. The folder "hub" asks the hub."""
    release = salman.get(name)
    given = os.environ.get(FOLDERS, "")
    folders = [str(root)] if root is not None else given.split(os.pathsep) if given else ["."]
    for folder in folders:
        if folder == hub.ASK:
            return load_file(name, _fetched(release), release)
        for file in (release.file, f"{release.name}.safetensors"):
            if (path := Path(folder).expanduser() / file).is_file():
                return load_file(name, path, release)
    if path := hub.cached(hub.Address(salman.REPOSITORY, release.file)):
        return load_file(name, path, release)
    raise bad(
        "models.load", "name", repr(name), f"a folder that holds {release.file}",
        f"Looked in {', '.join(str(Path(f).expanduser().resolve()) for f in folders)}. Download it from {release.url} "
        f"and give its folder (root=, or the variable {FOLDERS}), or have it fetched: hub:{salman.REPOSITORY}/"
        f"{release.file}, or {FOLDERS}={hub.ASK}.",
    )  # fmt: skip


def load_file(
    name: str, path: Path, release: Release | None = None, *, load: Callable[[str], Classifier] | None = None
) -> Classifier:
    """A file without an architecture in the name. release: which one it has to be. load: what loads the base of a
    fine-tuned network by its name; None = such a file is refused."""
    checkpoint.check_file(path)
    digest = checkpoint.sha256(path)
    if path.suffix.lower() != ".safetensors":
        release = identify(path, digest, release)
    weights = checkpoint.read(path)
    info = weights.info
    if "base" in info:
        if load is None:
            raise bad(
                "models.load", "name", repr(name), "the released network's own file",
                f"{path} was fine-tuned from it: load it as {path}.",
            )  # fmt: skip
        return finetuned.load(name, path, info, load)
    training = {str(k): v for k, v in info.items() if isinstance(v, (str, int, float, bool))}
    arch = release.arch if release else training.get("arch")
    if arch in embedded_nets.ARCHITECTURES:
        return _embedded(name, weights, training, digest)
    if arch not in resnet.ARCHITECTURES:
        raise bad(
            "models.load",
            "name",
            repr(name),
            "a checkpoint that names its architecture",
            _named(name, weights),
        )
    how = "sha256"
    if path.suffix.lower() == ".safetensors":
        _check_converted(weights, release)
        release = salman.RELEASES.get(str(info.get("release")))
        digest, how = str(info.get("source_sha256")), "metadata"
    if release:
        # how it is known to be the published file: by its own hash, or by what its converted form says of that
        known = how if digest == release.sha256 else "no"
        training = release.training_info() | {"source_sha256": digest, "verified": known}
    return load_resnet(name, arch, weights, training_info=training)


def _named(name: str, weights: checkpoint.Checkpoint) -> str:
    """What to write for a file that holds weights only: the architecture that they fit, if it is one of ours."""
    if arch := resnet.recognise(stripped(weights)[1]):
        return f"This one holds weights only. They look like a {arch}: say {arch}@{name}."
    return (
        f"This one holds weights only; say which network they belong to: package.module:factory@{name}, "
        f"resnet50@{name}, or torchvision:NAME@{name}."
    )


def identify(path: Path, digest: str, release: Release | None = None) -> Release | None:
    """Which release a file is, by its SHA-256, else by its name. release: which it has to be.

    Raises AdvSpurError where the SHA-256 of what it should be is known and is another."""
    found = salman.of_digest(digest)
    expected = release or salman.RELEASES.get(path.stem)
    if expected is None or (found is expected):
        return found
    if expected.sha256 is None and found is None:
        return expected
    is_what = (
        f"That is {found.name}"
        if found
        else "It was cut short in the download, or is another file; if it is a network of your own, name its "
        f"architecture: {expected.arch}@{path.name}"
    )
    raise bad(
        "models.load", str(path), f"SHA-256 {digest}", f"{expected.sha256 or 'that of another file'} ({expected.name})",
        f"{is_what}.",
    )  # fmt: skip


def check_digest(weights: checkpoint.Checkpoint) -> None:
    """Refuse a converted file whose weights are not those that its metadata was written for."""
    said = weights.info.get("weights_sha256")
    if said is not None and said != digest_of(weights.tensors):
        raise bad(
            "models.load", "checkpoint", str(weights.path), "the weights that its metadata was written for",
            "Their SHA-256 is another: convert the original again.",
        )  # fmt: skip


def _check_converted(weights: checkpoint.Checkpoint, release: Release | None) -> None:
    """A file of `advspur models convert`: unharmed, and what it has to be."""
    check_digest(weights)
    info = weights.info
    if release and info.get("release") != release.name:
        raise AdvSpurError(
            f"models.load: {weights.path} is called {release.name} but says of itself that it is "
            f"{info.get('release') or 'no release'}; name an architecture to load it as it is: "
            f"{release.arch}@{weights.path.name}."
        )


def _embedded(name: str, weights: checkpoint.Checkpoint, info: dict, fingerprint: str) -> Classifier:
    network = embedded_nets.build(info["arch"], norm=False)
    model = wrap(name, network, weights, n_outputs=10, input_size=32, training_info=info)
    model.fingerprint = fingerprint
    return model


def _fetched(release: Release) -> Path:
    """A release from the cache where its SHA-256 there is right, else from the hub."""
    address = hub.Address(salman.REPOSITORY, release.file)
    path = hub.cached(address)
    if path and release.sha256 and checkpoint.sha256(path) == release.sha256:
        return path
    return hub.fetch(address)


def _from_hub(text: str) -> Path:
    address = hub.parse(text)
    release = salman.RELEASES.get(address.file.removesuffix(".ckpt"))
    if release and address == hub.Address(salman.REPOSITORY, release.file):
        return _fetched(release)
    return hub.fetch(address)
