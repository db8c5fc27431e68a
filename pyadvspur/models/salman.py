"""The released robust ImageNet networks of Salman et al. 2020 that the paper studies: a table, no torch.

ResNet-18 and ResNet-50, trained on ImageNet by PGD adversarial training in the l2 or l-infinity norm. Twenty of them,
five radii a norm and architecture, are the paper's; their standard baselines (radius 0) and the four smaller l2 radii
were released with them and load in the same way. MIT licence, https://huggingface.co/madrylab/robust-imagenet-models.

Mind the names: l2 radii that are integers are written without ".0" (`resnet50_l2_eps1`), l-infinity radii always with
one decimal (`resnet50_linf_eps1.0`).

Source: Salman, Ilyas, Engstrom, Kapoor, Madry, "Do adversarially robust ImageNet models transfer better?" (NeurIPS
2020, arXiv 2007.08489), accuracies from the tables of its repository. That these five l2 radii are the paper's is an
inference (five of nine were used, the largest five cover what its authors used elsewhere); the l-infinity radii are
all that were released.
"""

from __future__ import annotations

from dataclasses import dataclass

from pyadvspur.errors import AdvSpurError, unknown

REPOSITORY = "madrylab/robust-imagenet-models"
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
#: parameters of the whole network, 1,000 outputs
PARAMETERS = {"resnet18": 11_689_512, "resnet50": 25_557_032}
#: about how large a file is: every weight twice
BYTES = {"resnet18": 93_600_000, "resnet50": 204_818_947}

# Radii as published: l2 in [0,1] pixel units, l-infinity in 1/255. Then ImageNet top-1 without attack, per cent.
_RADII = {"l2": (0, 0.01, 0.03, 0.05, 0.1, 0.25, 0.5, 1, 3, 5), "linf": (0.5, 1, 2, 4, 8)}
_TOP1 = {
    ("resnet18", "l2"): (69.79, 69.90, 69.24, 69.15, 68.77, 67.43, 65.49, 62.32, 53.12, 45.59),
    ("resnet18", "linf"): (66.13, 63.46, 59.63, 52.49, 42.11),
    ("resnet50", "l2"): (75.80, 75.68, 75.76, 75.59, 74.78, 74.14, 73.16, 70.43, 62.83, 56.13),
    ("resnet50", "linf"): (73.73, 72.05, 69.10, 63.86, 54.53),
}
# SHA-256 of the files as hosted; four of the thirty are not known.
_SHA256 = dict(
    line.split()
    for line in """
    resnet18_l2_eps0 d762c58693a2ecaf93160060bb2c32493598540a08852fb3068e95e88f032623
    resnet18_l2_eps0.01 629a82377947785e5481eeaf4e22e3ca59a2eedeb4e385730ee2392b2678407d
    resnet18_l2_eps0.05 00912b1aa6d60cf7536b52762ed702e0b9cae822187200f42fe4f6a678771bed
    resnet18_l2_eps0.1 2477188559680d096a4eccf5bc7610317cab4b46a97094072d38a29a11bfa8fc
    resnet18_l2_eps0.25 2bed566c554755a0f6f82ddbe83c707d259801308f966e787bcd287f969c7911
    resnet18_l2_eps0.5 69a10462280f266ab855547fde0649ac909f06174ed8df83b8bf2ea0f6fc8150
    resnet18_l2_eps1 92e6c37af550167c7c49c77ad31aad027de4e1f47fbef57546a48ef43626ebcf
    resnet18_l2_eps3 b4315784a1a10257b05906aee94d6884678f7b77412d10100d7c05daa959eab0
    resnet18_l2_eps5 d3ef126afdf9144a22020988dc46f552a0c39347e954c34359a3cb6bf83df186
    resnet50_l2_eps0 72d4a99582db5d7fa86c3fd2a089f0bfd6a10f69d635bca51f6ad72ac6b458f0
    resnet50_l2_eps0.01 53d7a7c09d2733b113e255ac9fc578091f44adb8d00eee274c0e71dd1f4dc41e
    resnet50_l2_eps0.03 e375df3bf07bf1360c04b0aff5cc19bb215e850b1af713327c87cf0353a5598f
    resnet50_l2_eps0.05 e09d8763fcf825542f07389a1904adf15930451b8661a0de209c3bc39828c2ea
    resnet50_l2_eps0.1 3298f8cf689e514d096df883ab491a11ee32c3b8d456d674add29d7b50721a43
    resnet50_l2_eps0.5 a5fc6fcc54946b73af7bd74289b0003cc9d2744fa0ff55c1a3d9fb2bce8fbd30
    resnet50_l2_eps1 09f5273a568830ae23caf9162a06f4831a920293e0da1801aa182289052dcf90
    resnet50_l2_eps3 380b14e6f9750bffa1447cf7017f65da4dc5ce71a3dd112f107515dcf7b14d9d
    resnet50_l2_eps5 c50db4bbd9a61bc0e0a33290e1f07a79080e16489aa5ada869efc88306f497be
    resnet18_linf_eps0.5 48d5e933d4ec99b390a0b7c628a4303343f9517a46245cbd7d2f2c034cbd93ee
    resnet18_linf_eps1.0 b49800111d38197deefb0c236055fbdd9d91a0607e55d6cc0bce15504adc9582
    resnet18_linf_eps2.0 bf2611291cc5f792c7f8f17ff6f841f9a0ede32dbe575cbd5bc57233139ae8bd
    resnet18_linf_eps4.0 6f8ccef1ae4958c381617081e9e0fb5f50e7cccd4965192d1caa452fd6c5cd1e
    resnet50_linf_eps0.5 9612d8096ef5378b4a32746072f72fedcb02c7ff4b747bc7163274f7ec2f0fd8
    resnet50_linf_eps2.0 59f28de783a049cb4d91ba1c0a09c314db2cc4bb1e859566e023f842b02772ac
    resnet50_linf_eps4.0 9e62216975c111b8081481533b6142dec34be69abe5d90b54d7f860015c263db
    resnet50_linf_eps8.0 b907957f8e3ce209816813d8811c682e965a1b0f48455def828d35a4cc2953dc
    """.strip().splitlines()
)


@dataclass(frozen=True)
class Release:
    """One released network. published: the radius as its file name has it (l2: [0,1] pixel units at 224x224,
    l-infinity: 1/255). accuracy: published ImageNet top-1 in [0,1]. sha256: of the file, None where not known."""

    arch: str
    norm: str
    published: float
    accuracy: float
    sha256: str | None

    @property
    def name(self) -> str:
        radius = f"{self.published:g}" if self.norm == "l2" else f"{self.published:.1f}"
        return f"{self.arch}_{self.norm}_eps{radius}"

    @property
    def eps(self) -> float:
        """The radius in [0,1] pixel units."""
        return self.published / 255 if self.norm == "linf" else float(self.published)

    @property
    def standard(self) -> bool:
        return self.published == 0

    @property
    def file(self) -> str:
        return f"{self.name}.ckpt"

    @property
    def url(self) -> str:
        return f"https://huggingface.co/{REPOSITORY}/resolve/main/{self.file}"

    def training_info(self) -> dict[str, object]:
        """What runs record: a standard network has no norm, whatever its file name says."""
        return {
            "arch": self.arch, "norm": "" if self.standard else self.norm, "eps": self.eps, "dataset": "imagenet",
            "published_accuracy": self.accuracy, "release": self.name,
        }  # fmt: skip


def _releases() -> dict[str, Release]:
    found = {}
    for (arch, norm), accuracies in _TOP1.items():
        for radius, top1 in zip(_RADII[norm], accuracies, strict=True):
            plain = Release(arch, norm, radius, top1 / 100, None)
            found[plain.name] = Release(arch, norm, radius, top1 / 100, _SHA256.get(plain.name))
    return found


#: all thirty, by name: by architecture, then norm, then radius
RELEASES = _releases()
STANDARD = {arch: f"{arch}_l2_eps0" for arch in PARAMETERS}
#: the paper's, without the standard ones
TWENTY = tuple(r.name for r in RELEASES.values() if r.norm == "linf" or r.published >= 0.25)
_BY_SHA256 = {release.sha256: release for release in RELEASES.values() if release.sha256}


def of_digest(sha256: str) -> Release | None:
    """The release whose file has this SHA-256, if it is known."""
    return _BY_SHA256.get(sha256)


def looks_like(name: str) -> bool:
    """Whether a name can only mean one of these, right or mistyped."""
    return name in RELEASES or (name.startswith(tuple(f"{arch}_" for arch in PARAMETERS)) and "_eps" in name)


def get(name: str, where: str = "models.load") -> Release:
    """The release of that name. Raises AdvSpurError, which says so where only the way to write the radius is wrong."""
    if name in RELEASES:
        return RELEASES[name]
    for release in RELEASES.values():
        head, _, radius = name.rpartition("_eps")
        try:
            same = head == f"{release.arch}_{release.norm}" and float(radius) == release.published
        except ValueError:
            same = False
        if same:
            raise AdvSpurError(
                f"{where}: name got {name!r}; the release is called {release.name!r}: l2 radii have no '.0', "
                "l-infinity radii always have one decimal."
            )
    raise unknown(where, "name", name, RELEASES)
