"""ObjectNet: 113 classes of ImageNet in odd places, turned, and seen from odd sides.

Layout, as its authors ship it: <root>/images/<class folder>/<15 hex digits>.png. Images of folders that ImageNet does
not know are left out. Two readings of the same logits are recorded, because papers differ by ten points over them:

| condition | reading |
|---|---|
| objectnet/125-way | the best of the 125 outputs of the 113 classes (imagenet-testbed, wise-ft, robustness papers) |
| objectnet/1000-way | the best of all 1,000; another class's output is an error (the data's paper and template) |

With a folder of ImageNet's validation images, imagenet/125-way and imagenet/1000-way are accuracies on the 6,250
images of the same classes, and the drops and the effective robustness follow.

Its licence forbids tuning any parameter of any model on it, and wants a red border of one pixel around every image
that is shown online; this benchmark is never a readout's source, and strips of its images in reports have the border.

Source: Barbu et al., "ObjectNet", NeurIPS 2019; Taori et al., NeurIPS 2020 (the restricted reading, the trend).
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from pyadvspur import pixels
from pyadvspur.benchmarks import imagenet_val
from pyadvspur.benchmarks.base import Batch, Benchmark, Condition
from pyadvspur.benchmarks.imagenet_wnids import WNIDS
from pyadvspur.benchmarks.objectnet import layout
from pyadvspur.benchmarks.objectnet.classes import (
    FOLDERS,
    N_OUTPUTS,
    RESTRICTED,
    all_compete,
    class_of_output,
    only_known_compete,
)
from pyadvspur.errors import bad, unknown
from pyadvspur.metrics import Measure

if TYPE_CHECKING:
    import pandas

    from pyadvspur.labels import LabelMap

READINGS = ("125-way", "1000-way")


class ObjectNet(Benchmark):
    """113 classes, 18,574 images, for models with ImageNet's 1,000 outputs.

    root: the folder that holds `images` (or objectnet-1.0 with it). imagenet: None, or a folder with
    val/<wnid>/*.JPEG. preprocessing: None = "border2+pil-bilinear-256-224" (2 pixels cut from every side, because of
    the red border; then as for ImageNet), which the official template does with 224 in place of 256:
    "border2+pil-bilinear-224-224". ImageNet's images get the same without the border. size: None, or another side to
    which it is scaled.
    Samples are ordered by turns through the classes, so that a limit keeps them balanced.
    """

    name = "objectnet"
    class_names = FOLDERS
    attack_size = 10 * len(FOLDERS)
    shown = ("accuracy 1000-way", "ImageNet accuracy 125-way", "relative drop 125-way", "drop 1000-way")
    frame = layout.RED
    homepage = "https://objectnet.dev"
    licence = "CC BY 4.0; never tune any parameter of any model on it; images shown online keep a 1-pixel red border"

    def __init__(
        self,
        root: str | Path,
        *,
        imagenet: str | Path | None = None,
        preprocessing: str | None = None,
        size: int | None = None,
    ) -> None:
        self.root, self.images = layout.find(Path(root).expanduser())
        chosen = pixels.preprocessing(preprocessing or layout.PREPROCESSING)
        chosen = chosen.scaled(size) if size is not None else chosen
        self.preprocessing, self.input_size = chosen.name, chosen.size
        bare = re.sub(r"^border\d+\+?", "", chosen.name) or f"exact-{chosen.size}"
        self._preprocessing = {"objectnet": chosen, "imagenet": pixels.preprocessing(bare)}
        self.imagenet = None if imagenet is None else imagenet_val.find(imagenet, "benchmarks.ObjectNet")
        self.sources = ("objectnet",) if imagenet is None else ("objectnet", "imagenet")
        self.conditions = tuple(
            Condition(f"{source}/{reading}", source, label_map=reading)
            for source in self.sources
            for reading in READINGS
        )
        self.attacked = tuple(f"{source}/{READINGS[0]}" for source in self.sources)
        self.measures = _measures(self.sources)
        self._listed: dict[str, list] = {}

    def size(self, source: str) -> int:
        return len(self.entries(source))

    def read(self, source: str, start: int, stop: int) -> Batch:
        """Samples of "objectnet" or "imagenet". No masks, no groups; what cannot be read is in `errors`."""
        self.check_range(source, start, stop)
        chosen = self.entries(source)[start:stop]
        images, errors = pixels.read_images([entry.path for entry in chosen], self._preprocessing[source])
        return Batch(
            ids=torch.tensor([entry.id for entry in chosen], dtype=torch.int64),
            images=torch.from_numpy(images),
            masks=None,
            labels=torch.tensor([entry.label for entry in chosen], dtype=torch.int64),
            groups=torch.full((len(chosen),), -1, dtype=torch.int64),
            errors=errors,
        )

    def label_map(self, n_outputs: int, name: str = READINGS[0]) -> LabelMap:
        """The reading of that name, for ImageNet's 1,000 outputs; other models are refused."""
        if n_outputs != N_OUTPUTS:
            raise bad("benchmarks.objectnet", "n_outputs", n_outputs, f"{N_OUTPUTS}, ImageNet's")
        if name not in READINGS:
            raise unknown("benchmarks.objectnet", "label map", name, READINGS)
        return only_known_compete() if name == READINGS[0] else all_compete()

    def fingerprint(self) -> str:
        """SHA-256 over readings, file names and sizes in bytes; reading every pixel would take minutes."""
        keys = [self.label_map(N_OUTPUTS, reading).key() for reading in READINGS]
        digest = hashlib.sha256(f"objectnet {self.preprocessing} {keys}".encode())
        for source in self.sources:
            for number, label, path in self.entries(source):
                digest.update(f"{source}/{label}/{path.name} {number} {path.stat().st_size}\n".encode())
        return digest.hexdigest()

    def verify(self) -> pandas.DataFrame:
        """Folders, counts, the copy's own mapping files, red borders, and whether every file can be read."""
        from pyadvspur.benchmarks.objectnet.verify import verify

        sources = {source: (self.entries(source), self._preprocessing[source]) for source in self.sources}
        return verify(self.root, self.images, sources)

    def entries(self, source: str) -> list[layout.Entry]:
        """(id, label, path) of a source's samples, in their order."""
        if source not in self.sources:
            raise unknown("benchmarks.objectnet", "source", source, self.sources)
        if source not in self._listed:
            self._listed[source] = layout.entries(self.images) if source == "objectnet" else self._val()
        return self._listed[source]

    def _val(self) -> list[layout.Entry]:
        """ImageNet's validation images of the 125 outputs."""
        label = class_of_output()
        wnids = [WNIDS[output] for output in RESTRICTED]
        found = imagenet_val.entries(self.imagenet, wnids)
        return [layout.Entry(image.id, label[RESTRICTED[image.position]], image.path) for image in found]

    def __getstate__(self) -> dict:
        return {**vars(self), "_listed": {}}


def _measures(sources: tuple[str, ...]) -> tuple[Measure, ...]:
    titles = {"objectnet": "accuracy", "imagenet": "ImageNet accuracy"}
    found = [
        Measure("accuracy", f"{titles[source]} {reading}", condition=f"{source}/{reading}")
        for source in sources
        for reading in READINGS
    ]
    if "imagenet" in sources:
        for reading in READINGS:
            pair = {"reference": f"imagenet/{reading}", "shifted": f"objectnet/{reading}"}
            found.append(Measure("drop", f"drop {reading}", **pair))
            found.append(Measure("relative_drop", f"relative drop {reading}", **pair))
        # the trend was fitted on restricted readings; the other has none
        pair = {"reference": f"imagenet/{READINGS[0]}", "shifted": f"objectnet/{READINGS[0]}"}
        found.append(Measure("effective_robustness", "effective robustness", **pair))
    for source in sources:
        title = titles[source].replace("accuracy", "robust accuracy")
        found.append(Measure("robust_accuracy", title, condition=f"{source}/{READINGS[0]}"))
    return tuple(found)
