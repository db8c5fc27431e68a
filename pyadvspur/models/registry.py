"""Which networks are known by name, in which suites, and what is known about them. Imports no torch."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from pyadvspur import plugins
from pyadvspur.errors import unknown
from pyadvspur.models import salman

WEIGHTS = Path(__file__).parent / "weights"
SERIES = WEIGHTS / "series"  # more embedded networks: other contrasts, agreements and seeds
SUITES = (
    "embedded20", "embedded-contrast", "embedded-agreement", "embedded-images", "embedded-seed", "salman20", "salman22",
)  # fmt: skip
#: names that no plug-in may take: sources, architectures, suites and released networks
RESERVED = frozenset(
    ("embedded", "torchvision", "timm", "hub", "random", *salman.PARAMETERS, *SUITES, *salman.RELEASES)
)


@functools.cache
def manifest() -> dict:
    """Of the embedded suite: recipe, seed, and for every network its file, SHA-256, arch, norm, eps (in [0,1] pixel
    units) and name."""
    return json.loads((WEIGHTS / "manifest.json").read_text())


@functools.cache
def series() -> dict:
    """Of the embedded networks beyond the suite: as `manifest`, and for each its series ("contrast", "agreement",
    "images" or "seed", what it differs in), contrast, agreement and number of training images."""
    return json.loads((SERIES / "manifest.json").read_text())


def embedded(short: str) -> tuple[Path, dict] | None:
    """File and facts of an embedded network, by its name after "embedded:"; None for unknown ones."""
    for folder, entries in ((WEIGHTS, manifest()["networks"]), (SERIES, series()["networks"])):
        if short in entries:
            return folder / entries[short]["file"], entries[short]
    return None


def names(pattern: str = "*") -> list[str]:
    """The names that `load` knows, those that match a glob pattern: the embedded networks, the released robust ones
    (their files are fetched or found when loaded) and plug-ins. Without the series that experiments compare
    (`suite("embedded-contrast")` and so on).

    >>> names("embedded:*_standard")
    ['embedded:cnn_standard', 'embedded:resnet_standard']
    """
    known = [*suite("embedded20"), *salman.RELEASES, *plugins.names("models", RESERVED)]
    return [name for name in known if fnmatchcase(name, pattern)]


def suite(name: str) -> list[str]:
    """The names of a suite's networks, by architecture, then norm, then radius.

    "embedded20": twenty adversarially trained small ones and the two standard ones of the same architectures, which
    come first. "embedded-contrast", "embedded-agreement", "embedded-images", "embedded-seed": those trained with other
    contrasts of the background (and some against l1), other agreements (probability that a background is set to its
    label's type), on fewer images (standard ones), from other seeds.
    "salman20": the paper's twenty, ResNet-18 and ResNet-50, five l2 and five l-infinity radii each. "salman22": the
    same after their standard ones.
    """
    if name == "embedded20":
        return [f"embedded:{network}" for network in manifest()["networks"]]
    if name.startswith("embedded-") and name in SUITES:
        kind = name.removeprefix("embedded-")
        return [f"embedded:{short}" for short, e in series()["networks"].items() if e["series"] == kind]
    if name == "salman20":
        return list(salman.TWENTY)
    if name == "salman22":
        return [
            known
            for arch, standard in salman.STANDARD.items()
            for known in (standard, *(n for n in salman.TWENTY if salman.RELEASES[n].arch == arch))
        ]
    raise unknown("models.suite", "name", name, SUITES)


class Pair(NamedTuple):
    """Two networks to compare on the same samples."""

    standard: str
    adversarial: str


def pairs(norm: str | None = "l2") -> list[Pair]:
    """Standard and adversarially trained networks to compare, of the released ones.

    norm: "l2" or "linf": ten pairs, each of the five radii and two architectures against the standard network of the
    same architecture, data and recipe, so that the training alone differs. None: all twenty. "matched": across
    architectures, those whose published accuracies are within a percentage point, so that clean accuracy differs as
    little as it can: the background gap, drops and worst groups grow with it, and the first kind of pair mixes both.

    >>> pairs("matched")[0]
    Pair(standard='resnet18_l2_eps0', adversarial='resnet50_l2_eps1')
    """
    if norm not in ("l2", "linf", "matched", None):
        raise unknown("models.pairs", "norm", str(norm), ("l2", "linf", "matched"))
    releases = [salman.RELEASES[name] for name in salman.TWENTY]
    if norm == "matched":
        return [
            Pair(standard, release.name)
            for standard in salman.STANDARD.values()
            for release in releases
            if abs(release.accuracy - salman.RELEASES[standard].accuracy) <= 0.01
        ]
    return [Pair(salman.STANDARD[r.arch], r.name) for r in releases if norm in (None, r.norm)]


@dataclass(frozen=True)
class ModelInfo:
    """What is known about a network without loading it.

    source: "embedded", "released" or the package that plugs it in. norm: of its adversarial training, "" for none.
    eps: radius of that in [0,1] pixel units. published: the radius as its authors write it. accuracy: published
    ImageNet top-1 in [0,1], by its authors. file, sha256, n_bytes (about), url: of its weights. None: not known.
    """

    name: str
    source: str
    arch: str | None = None
    norm: str | None = None
    eps: float | None = None
    published: str | None = None
    accuracy: float | None = None
    file: str | None = None
    sha256: str | None = None
    n_bytes: int | None = None
    url: str | None = None


def info(name: str) -> ModelInfo:
    """What is known about a network that `names` lists. Raises AdvSpurError for others."""
    if name in salman.RELEASES:
        release = salman.RELEASES[name]
        radius = f"{release.published:g}" + ("/255" if release.norm == "linf" else "")
        return ModelInfo(
            name, "released", release.arch, "" if release.standard else release.norm, release.eps, radius,
            release.accuracy, release.file, release.sha256, salman.BYTES[release.arch], release.url,
        )  # fmt: skip
    short = name.removeprefix("embedded:")
    if short != name and (found := embedded(short)):
        path, entry = found
        eps = entry["eps"]
        radius = f"{eps * 255:g}/255" if entry["norm"] == "linf" else f"{eps:g}"
        size = path.stat().st_size
        return ModelInfo(
            name, "embedded", entry["arch"], entry["norm"], eps, radius, None, entry["file"], entry["sha256"], size
        )  # fmt: skip
    if name in plugins.names("models", RESERVED):
        return ModelInfo(name, plugins.origin("models", name))
    raise unknown("models.info", "name", name, names())
