"""Adversarial images of a run that kept them: clean, attacked, and what changed, magnified until it can be seen."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pyadvspur.metrics.changes import Answers, Place, answers
from pyadvspur.report import selection

if TYPE_CHECKING:
    from pyadvspur.evaluation.unit import Unit
    from pyadvspur.report.several import Part, Runs

SHOWN = 4  # images a picture
_BYTES = 1 << 20  # of pictures in a page
_WIDEST = 112  # pixels; larger images are shown smaller, by leaving pixels out: means would hide the attack
#: magnifications that people can imagine
_GAINS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


@dataclass(frozen=True)
class Example:
    """One broken image. before, after: classes answered (-1 = none; None = not known). eps: the smallest radius that
    broke it. distance: in the attack's norm. gain: what the difference is multiplied by in the picture."""

    sample: int
    label: int
    before: int | None
    after: int | None
    eps: float
    distance: float
    gain: int


@dataclass(frozen=True)
class Sheet:
    """The first broken images of a model, condition and attack: rows clean, attacked, difference; a column an image.

    source: a data URI of width x height pixels.
    """

    benchmark: str
    model: str
    condition: str
    attack: str
    source: str
    width: int
    height: int
    examples: tuple[Example, ...]


def sheets(runs: Runs) -> tuple[list[Sheet], int]:
    """Sheets of the networks that tell most first, as long as they stay small, and how many are left out."""
    found: list[Sheet] = []
    left_out = size = 0
    held = None
    for part, kind, units in _order(runs):
        if size >= _BYTES:
            left_out += 1
            continue
        if held is None:
            held = answers(runs.outcomes())
        sheet = _sheet(part, kind, units, held)
        if sheet is not None:
            found.append(sheet)
            size += len(sheet.source)
    return found, left_out


def plain(found: list[Sheet], names: list[str], benchmarks: list[str]) -> list[dict[str, Any]]:
    """Sheets as plain data for the page; models and benchmarks by their places in these lists."""
    return [
        {
            "benchmark": benchmarks.index(sheet.benchmark), "model": names.index(sheet.model),
            "condition": sheet.condition, "attack": sheet.attack, "source": sheet.source, "width": sheet.width,
            "height": sheet.height,
            "examples": [
                [e.sample, e.label, e.before, e.after, selection.radius(e.eps, selection.norm_of(sheet.attack)),
                 _distance(e.distance, selection.norm_of(sheet.attack)), e.gain]
                for e in sheet.examples
            ],
        }
        for sheet in found
    ]  # fmt: skip


def _order(runs: Runs) -> list[tuple[Part, str, list[Unit]]]:
    """Attacked units that kept their points, by model, condition and attack: standard networks and those of the largest
    radii first, then the others."""
    first: dict[str, float] = {}
    for _, _, line in selection.lines(runs.models()):
        names = list(line["model"])
        first[names[-1]] = 0
        first.setdefault(names[0], 0)
        for k, name in enumerate(names):
            first.setdefault(name, k + 1)
    found: dict[tuple, tuple[Part, str, list[Unit]]] = {}
    for part in runs.parts:
        kinds = part.run.attack_kinds()
        # which licence wants borders is written down with a run; without that no image is shown
        for unit in part.run.units_with_points() if "frames" in part.run.record else ():
            kind = part.attack.get(kinds.get(unit.attack, ""), kinds.get(unit.attack, unit.attack))
            key = (part.benchmark[unit.benchmark], part.model[unit.model], unit.condition, kind)
            found.setdefault(key, (part, kind, []))[2].append(unit)
    return [item for key, item in sorted(found.items(), key=lambda pair: first.get(pair[0][1], 99))]


def _sheet(part: Part, kind: str, units: list[Unit], held: dict[Place, Answers]) -> Sheet | None:
    unit = units[0]
    benchmark, model = part.benchmark[unit.benchmark], part.model[unit.model]
    columns, examples = [], []
    for unit in units:
        for clean, found, label, sample, eps in _points(part.run.points_of(unit), SHOWN - len(examples)):
            change = found - clean
            norm = selection.norm_of(kind)
            size = {
                "linf": np.abs(change).max(),
                "l2": np.sqrt((change**2).sum()),
                "l1": np.abs(change).sum(),
            }[norm]
            gain = next((g for g in reversed(_GAINS) if g * np.abs(change).max() <= 0.3), 1)
            columns.append(np.stack([clean, found, np.clip(0.5 + gain * change, 0, 1)]))
            before = _answer(held.get(Place(benchmark, model, unit.condition, "none", 0.0)), sample)
            after = _answer(held.get(Place(benchmark, model, unit.condition, kind, eps)), sample)
            examples.append(Example(sample, label, before, after, eps, float(size), gain))
        if len(examples) >= SHOWN:
            break
    if not examples:
        return None
    source, width, height = _picture(columns, part.run.record["frames"].get(unit.benchmark))
    return Sheet(benchmark, model, unit.condition, kind, source, width, height, tuple(examples))


def _points(path: Path, most: int):
    """The first images of a file of points that were right and then broken: clean, attacked (3, H, W) in [0, 1], label,
    sample, radius."""
    from safetensors import safe_open

    with safe_open(path, framework="np") as file:
        eps, ids, labels = (file.get_tensor(name) for name in ("eps", "ids", "y"))
        clean, found = file.get_slice("x"), file.get_slice("x_adv")
        for row in np.flatnonzero(eps > 0)[:most]:
            pair = [part[int(row) : int(row) + 1][0] for part in (clean, found)]
            before, after = (p.astype(np.float64) / (255 if p.dtype == np.uint8 else 1) for p in pair)
            yield before, after, int(labels[row]), int(ids[row]), float(eps[row])


def _distance(value: float, norm: str) -> str:
    return f"{255 * value:.3g}/255" if norm == "linf" else f"{value:.3g}"


def _answer(found: Answers | None, sample: int) -> int | None:
    if found is None:
        return None
    at = int(np.searchsorted(found.sample, sample))
    there = at < len(found.sample) and found.sample[at] == sample
    return int(found.prediction[at]) if there else None


def _picture(columns: list[np.ndarray], frame: list[int] | None) -> tuple[str, int, int]:
    """A grid as a PNG data URI: one column an image, nothing between them; a licence's border around each."""
    from PIL import Image

    step = -(-columns[0].shape[-1] // _WIDEST)
    images = np.stack(columns)[..., ::step, ::step]  # (n, 3 rows, C, H, W)
    pixels = np.round(images * 255).astype(np.uint8).transpose(1, 3, 0, 4, 2)  # (rows, H, n, W, C)
    pixels = np.repeat(pixels, 3, axis=-1) if pixels.shape[-1] == 1 else pixels
    rows, height, count, width, _ = pixels.shape
    # so wide that one pixel is left where a page shows the picture 240 pixels wide
    edge, gap = 0 if frame is None else -(-count * width // 240), max(2, height // 16)
    side, tall = width + 2 * edge, height + 2 * edge
    grid = np.zeros((rows * (tall + gap), count * (side + gap), 4), np.uint8)  # clear where no image is
    for r in range(rows):
        for k in range(count):
            top, left = r * (tall + gap), k * (side + gap)
            grid[top : top + tall, left : left + side] = (*(frame or (0, 0, 0)), 255)
            grid[top + edge : top + edge + height, left + edge : left + edge + width, :3] = pixels[r, :, k]
    held = io.BytesIO()
    Image.fromarray(grid).save(held, "PNG", optimize=True)
    source = f"data:image/png;base64,{base64.b64encode(held.getvalue()).decode()}"
    return source, grid.shape[1], grid.shape[0]
