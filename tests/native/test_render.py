"""The render kernel against its twin, bit by bit where the noise allows it."""

from __future__ import annotations

import pytest
import torch

from pyadvspur.native import render as native
from pyadvspur.reference import render as reference

MEAN, SCALE = [0.485, 0.456, 0.406], [1 / 0.229, 1 / 0.224, 1 / 0.225]
# clean, every kind of noise on every region, fill and swap: kind, region, amount
TABLE = [
    (0, 2, 0.0), (1, 0, 0.25), (1, 1, 0.5), (1, 2, 0.1), (2, 0, 5.0), (2, 1, 5.0), (2, 2, 5.0),
    (3, 0, 0.5), (3, 1, 1.0), (3, 2, 0.3), (4, 0, 0.0), (4, 1, 0.0),
]  # fmt: skip
EXACT = [i for i, (kind, _, _) in enumerate(TABLE) if kind not in (1, 2)]
IDS = torch.tensor([7, -1, 2**40 + 3, 0, 7])


def _inputs(height: int, width: int, as_bytes: bool, b: int = 5):
    g = torch.Generator().manual_seed(height * 1000 + width)
    images = torch.randint(0, 256, (b, height, width, 3), dtype=torch.uint8, generator=g)
    partners = torch.randint(0, 256, images.shape, dtype=torch.uint8, generator=g)
    masks = torch.randint(0, 256, (b, height, width), dtype=torch.uint8, generator=g)
    masks[0], masks[1] = 0, 255
    if as_bytes:
        return images, masks, partners
    return reference.pixels(images), masks.float() / 255, reference.pixels(partners)


def _render(
    images,
    masks,
    partners,
    ids,
    table=TABLE,
    dtype=torch.float32,
    channels_last=False,
    mean=MEAN,
    scale=SCALE,
):
    kinds, regions, amounts = ([row[i] for row in table] for i in range(3))
    h, w = reference.pixels(images).shape[2:]
    out = native.allocate(
        len(table), len(images), h, w, dtype=dtype, channels_last=channels_last, device=images.device
    )
    empty = native.render(
        out, images, masks, partners, ids.to(images.device), kinds, regions, amounts, seed=-3, stream=1 << 24,
        mean=mean, scale=scale,
    )  # fmt: skip
    return out, empty


def _both(images, masks, partners, table=TABLE, dtype=torch.float32, channels_last=False, mean=MEAN):
    scale, ids = SCALE if mean else [], IDS[: len(images)].to(images.device)
    columns = ([row[i] for row in table] for i in range(3))
    slow = reference.render(images, masks, partners, ids, *columns, -3, 1 << 24, mean, scale, dtype)
    return _render(images, masks, partners, ids, table, dtype, channels_last, mean, scale), slow


def _compare(fast, slow, atol):
    assert torch.equal(fast[1], slow[1])
    assert torch.equal(fast[0][EXACT], slow[0][EXACT])
    torch.testing.assert_close(fast[0], slow[0], rtol=0, atol=atol)


@pytest.mark.parametrize("as_bytes", [True, False])
@pytest.mark.parametrize(
    "size", [(1, 1), (1, 5), (3, 5), (15, 17), (16, 16), (17, 31), (32, 32), (65, 67), (64, 72)]
)
def test_kernel_equals_its_twin(size, as_bytes):
    _compare(*_both(*_inputs(*size, as_bytes)), atol=3e-6)
    _compare(*_both(*_inputs(*size, as_bytes), mean=[]), atol=1e-6)


@pytest.mark.parametrize(
    "dtype, atol", [(torch.float32, 3e-6), (torch.bfloat16, 2e-2), (torch.float16, 3e-3)]
)
@pytest.mark.parametrize("channels_last", [False, True])
def test_types_and_layouts(dtype, atol, channels_last):
    inputs = _inputs(33, 35, True)
    (out, empty), slow = _both(*inputs, dtype=dtype, channels_last=channels_last)
    _compare((out, empty), slow, atol)
    assert out.dtype == dtype
    form = torch.channels_last if channels_last else torch.contiguous_format
    assert out[3].is_contiguous(memory_format=form)


def test_every_value_is_cast_as_torch_casts():
    # a normalised clean image takes on what mean and scale make of it: subnormal halves, ties, overflow
    values = torch.randn(4096, generator=torch.Generator().manual_seed(0))
    values = values * 10.0 ** torch.linspace(-9, 6, 4096)
    x = torch.tensor([0.0, 1.0]).view(2, 1, 1, 1).expand(2, 3, 1, 1)
    for dtype in (torch.float16, torch.bfloat16):
        for v in values[::16].tolist():
            out, _ = _render(x, None, None, IDS[:2], [(0, 2, 0.0)], dtype, mean=[0.0] * 3, scale=[v] * 3)
            assert torch.equal(out[0, 1, 0, 0, 0], torch.tensor(v).to(dtype))


def test_every_byte_is_divided_exactly():
    images = torch.arange(256, dtype=torch.uint8).view(1, 16, 16, 1).expand(1, 16, 16, 3)
    (out, _), _ = _both(images, None, None, table=[(0, 2, 0.0)], mean=[])
    assert torch.equal(out[0, 0, 0].flatten(), torch.arange(256) / 255)


def test_strides_are_honoured():
    images, masks, partners = _inputs(20, 24, True)
    floats = [reference.pixels(t) for t in (images, partners)]
    expected = _both(images, masks, partners)[0][0]
    wide = torch.zeros(5, 40, 30, 5, dtype=torch.uint8)
    wide[:, ::2, 3:27, 1:4] = images
    odd_masks = masks.transpose(1, 2).contiguous().transpose(1, 2)
    for i, p in [
        (wide[:, ::2, 3:27, 1:4], partners),
        (images.permute(0, 3, 1, 2).contiguous().permute(0, 2, 3, 1), partners.flip(0).contiguous().flip(0)),
        (floats[0].contiguous(), floats[1].contiguous(memory_format=torch.channels_last)),
        (floats[0].transpose(2, 3).contiguous().transpose(2, 3), floats[1]),
    ]:
        assert torch.equal(_both(i, odd_masks, p)[0][0], expected)


@pytest.mark.parametrize("size", [(150, 131), (160, 128)])
def test_results_do_not_depend_on_batch_or_threads(size):
    # together large enough for several parts a sample and for stores past the caches; aligned for those, or not
    images, masks, partners = _inputs(*size, True)
    together, empty = _both(images, masks, partners)[0]
    before = torch.get_num_threads()
    try:
        for count in (1, 3):
            torch.set_num_threads(count)
            assert torch.equal(_both(images, masks, partners)[0][0], together)
        for i in range(5):
            one = slice(i, i + 1)
            out, nothing = _render(images[one], masks[one], partners[one], IDS[one])
            assert torch.equal(out, together[:, one])
            assert torch.equal(nothing, empty[:, one])
    finally:
        torch.set_num_threads(before)


def test_nan_stays_nan():
    images = torch.full((1, 3, 4, 4), 0.5)
    images[0, 1, 2, 3] = torch.nan
    (out, _), _ = _both(images, torch.ones(1, 4, 4), images)
    assert torch.isnan(out[EXACT[0], 0, 1, 2, 3])
    assert torch.isnan(out).sum() <= len(TABLE)


def _operator_arguments(device="cpu"):
    images, masks, partners = (t.to(device) for t in _inputs(8, 8, True))
    kinds, regions, amounts = ([row[i] for row in TABLE] for i in range(3))
    out = torch.empty(len(TABLE), 5, 3, 8, 8, device=device)
    empty = torch.zeros(len(TABLE), 5, dtype=torch.bool, device=device)
    scratch = torch.zeros(5, 1, 3, dtype=torch.float64, device=device)
    return (
        out, empty, scratch, images, masks, partners, IDS.to(device), kinds, regions, amounts, 0, 0, MEAN, SCALE,
    )  # fmt: skip


def test_operator_is_well_formed():
    torch.library.opcheck(torch.ops.advspur.render, _operator_arguments())


@pytest.mark.gpu
@pytest.mark.parametrize("as_bytes", [True, False])
@pytest.mark.parametrize("size", [(1, 1), (3, 5), (32, 32), (65, 67), (224, 224)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("channels_last", [False, True])
def test_gpu_equals_cpu(size, as_bytes, dtype, channels_last):
    inputs = _inputs(*size, as_bytes)
    options = {"dtype": dtype, "channels_last": channels_last}
    (cpu, empty), _ = _both(*inputs, **options)
    (gpu, nothing), _ = _both(*(t.cuda() for t in inputs), **options)
    l2 = [i for i, (kind, _, _) in enumerate(TABLE) if kind == 2]
    others = [i for i in range(len(TABLE)) if i not in l2]
    assert torch.equal(nothing.cpu(), empty)
    assert torch.equal(gpu.cpu()[others], cpu[others])
    torch.testing.assert_close(gpu.cpu()[l2].float(), cpu[l2].float(), rtol=1e-2, atol=1e-5)


@pytest.mark.gpu
def test_gpu_strides_are_honoured():
    images, masks, partners = (t.cuda() for t in _inputs(20, 24, True))
    expected = _both(images, masks, partners)[0][0]
    wide = torch.zeros(5, 40, 30, 5, dtype=torch.uint8, device="cuda")
    wide[:, ::2, 3:27, 1:4] = images
    odd_masks = masks.transpose(1, 2).contiguous().transpose(1, 2)
    assert torch.equal(_both(wide[:, ::2, 3:27, 1:4], odd_masks, partners)[0][0], expected)


@pytest.mark.gpu
def test_gpu_graph_holds_it():
    args = _operator_arguments("cuda")
    torch.ops.advspur.render(*args)
    expected = args[0].clone()
    args[0].zero_()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        torch.ops.advspur.render(*args)
    graph.replay()
    assert torch.equal(args[0], expected)
