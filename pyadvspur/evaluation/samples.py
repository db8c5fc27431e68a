"""A few images of every condition, kept with a run so that its report can show what was measured."""

from __future__ import annotations

import io
from collections.abc import Iterable

import torch

from pyadvspur import masking
from pyadvspur.benchmarks.base import Benchmark, Condition
from pyadvspur.errors import AdvSpurError
from pyadvspur.evaluation.rows import usable
from pyadvspur.evaluation.store import Store

SHOWN = 6
MOST = 32  # strips a benchmark: a page that people can open
_NARROW = 240  # pixels


def strip(benchmark: Benchmark, condition: Condition, seed: int) -> bytes:
    """The first images of a condition side by side, as PNG."""
    from PIL import Image

    batch, _ = usable(benchmark.read(condition.source, 0, min(SHOWN, benchmark.size(condition.source))))
    if not len(batch):
        raise AdvSpurError(f"evaluate: none of the first images of {condition.source!r} can be shown")
    x = masking.render(
        batch.images, batch.masks, masking.Variants([condition.variant]), ids=batch.ids, seed=seed,
        trial=condition.trial, partners=batch.partners,
    )[0]  # fmt: skip
    # at most 112 pixels high in the page, so larger images are stored halved
    while x.shape[-1] > 160:
        x = torch.nn.functional.avg_pool2d(x, 2)
    rows = (x * 255).round().to(torch.uint8).permute(2, 0, 3, 1)  # (H, B, W, 3)
    if benchmark.frame is not None:
        rows = _framed(rows, benchmark.frame)
    gap = torch.full((rows.shape[0], rows.shape[1], max(2, rows.shape[2] // 16), 3), 255, dtype=torch.uint8)
    image = torch.cat([rows, gap], dim=2).flatten(1, 2)
    held = io.BytesIO()
    Image.fromarray(image.numpy()).save(held, "PNG", optimize=True)
    return held.getvalue()


def _framed(rows: torch.Tensor, colour: tuple[int, int, int]) -> torch.Tensor:
    """A border around every image of a strip (H, B, W, 3): of one pixel, or of so many more that one pixel is left
    when a page shows the strip as narrow as _NARROW."""
    height, n, width, _ = rows.shape
    edge = -(-n * width // _NARROW)
    framed = torch.tensor(colour, dtype=torch.uint8).expand(height + 2 * edge, n, width + 2 * edge, 3).clone()
    framed[edge:-edge, :, edge:-edge] = rows
    return framed


def save(store: Store, benchmarks: Iterable[Benchmark], seed: int) -> None:
    """Write samples/<benchmark>/<condition>.png for the conditions that are shown and not there yet."""
    for benchmark in benchmarks:
        for condition in chosen(benchmark):
            if not store.has_sample(benchmark.name, condition.name):
                try:
                    png = strip(benchmark, condition, seed)
                except AdvSpurError:  # an image that cannot be read: its unit says so
                    continue
                store.write_sample(benchmark.name, condition.name, png)


def chosen(benchmark: Benchmark) -> list[Condition]:
    """What a report shows: each look once, first trials only, at most MOST of them, spread evenly."""
    looks: dict[tuple[str, str], Condition] = {}
    for condition in benchmark.conditions:
        if not condition.trial and benchmark.size(condition.source):
            # conditions that differ in their label map show the same images
            looks.setdefault((condition.source, condition.variant.name), condition)
    found = list(looks.values())
    if len(found) <= MOST:
        return found
    return [found[k * (len(found) - 1) // (MOST - 1)] for k in range(MOST)]
