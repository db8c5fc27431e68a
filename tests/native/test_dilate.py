"""The dilation of masks: equal to its twin, and to a ball written out; independent of threads and batches."""

from __future__ import annotations

import pytest
import torch

from pyadvspur import AdvSpurError
from pyadvspur.native.dilate import dilate
from pyadvspur.reference.dilate import dilate as twin

SIZES = [(1, 1), (1, 9), (7, 1), (5, 6), (33, 31), (65, 130)]


def _masks(b, h, w, seed=0):
    generator = torch.Generator().manual_seed(seed)
    masks = torch.randint(0, 256, (b, h, w), generator=generator, dtype=torch.uint8)
    return masks * (torch.rand(b, h, w, generator=generator) < 0.03)


@pytest.mark.parametrize("h, w", SIZES)
@pytest.mark.parametrize("rounds, reach", [(0, 2), (1, 1), (2, 3), (3, 2), (4, 1), (7, 3), (15, 2), (40, 1)])
def test_equals_its_twin(h, w, rounds, reach):
    masks = _masks(3, h, w)
    masks[0] = 0
    masks[0, 0, 0] = 200  # a corner grows along two borders
    assert torch.equal(dilate(masks, rounds, reach), twin(masks, rounds, reach))


@pytest.mark.parametrize("rounds, reach", [(1, 2), (3, 2), (5, 3), (9, 1), (14, 2), (15, 2), (16, 2)])
def test_one_pixel_becomes_a_ball(rounds, reach):
    side = 2 * rounds * reach + 3
    mask = torch.zeros(1, side, side, dtype=torch.uint8)
    mask[0, side // 2, side // 2] = 9
    away = (torch.arange(side) - side // 2).abs().add(reach - 1).div(reach, rounding_mode="floor")
    ball = (away[:, None] + away[None] <= rounds).to(torch.uint8) * 9
    assert torch.equal(dilate(mask, rounds, reach)[0], ball)


def test_protocol_size_strides_threads_and_batches():
    masks = _masks(5, 224, 224)
    expected = twin(masks, 15, 2)
    for threads in (1, 2, 7):
        assert torch.equal(dilate(masks, 15, 2, threads=threads), expected)
    assert torch.equal(torch.cat([dilate(masks[:2], 15, 2), dilate(masks[2:], 15, 2)]), expected)
    assert torch.equal(dilate(masks.transpose(1, 2), 15, 2), expected.transpose(1, 2))
    assert torch.equal(dilate(masks[:, ::2, 3:], 15, 2), twin(masks[:, ::2, 3:], 15, 2))
    assert dilate(masks[:0], 15, 2).shape == (0, 224, 224)
    assert dilate(masks[:, :0], 15, 2).shape == (5, 0, 224)


def test_bad_input():
    masks = _masks(1, 4, 4)
    with pytest.raises(AdvSpurError, match="uint8 tensor"):
        dilate(masks.float(), 1, 1)
    with pytest.raises(AdvSpurError, match="uint8 tensor"):
        dilate(masks[0], 1, 1)
    for rounds, reach in [(-1, 1), (1, 0), (True, 1), (1.5, 1), (4096, 2)]:
        with pytest.raises(AdvSpurError, match=r"rounds|reach"):
            dilate(masks, rounds, reach)
