"""Philox: known answers, its twin, and independence of batch, order and thread count."""

from __future__ import annotations

import pytest
import torch

from pyadvspur.native.random import draw
from pyadvspur.reference import random as reference

# Random123's kat_vectors for philox4x32-10: counter, key, output.
KNOWN = [
    ([0] * 4, [0] * 2, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
    ([0xFFFFFFFF] * 4, [0xFFFFFFFF] * 2, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
    (
        [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
        [0xA4093822, 0x299F31D0],
        [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
    ),
]


def _signed(low: int, high: int) -> int:
    return ((high << 32 | low) + 2**63) % 2**64 - 2**63


@pytest.mark.parametrize("counter, key, answer", KNOWN)
def test_reference_gives_the_known_answers(counter, key, answer):
    words = reference.philox([torch.tensor([c]) for c in counter], tuple(key))
    assert [int(w) for w in words] == answer


@pytest.mark.parametrize("counter, key, answer", KNOWN[:1])
def test_kernel_gives_the_known_answer(counter, key, answer):
    ids = torch.tensor([_signed(counter[2], counter[3])])
    words = draw(ids, 4, "bits", _signed(*key), counter[1])
    assert [int(w) & 0xFFFFFFFF for w in words[0]] == answer


@pytest.mark.parametrize("kind", ["bits", "uniform", "normal"])
@pytest.mark.parametrize("n", [0, 1, 3, 4, 5, 255, 256, 257, 3073])
def test_kernel_equals_its_twin(kind, n):
    ids = torch.tensor([0, 1, 7, 2**31, 2**33 + 5, -1])
    fast, slow = draw(ids, n, kind, 2**40 + 3, 5), reference.draw(ids, n, kind, 2**40 + 3, 5)
    if kind == "normal":
        torch.testing.assert_close(fast, slow, rtol=0, atol=2e-6)
    else:
        assert torch.equal(fast, slow)


def test_a_sample_does_not_know_its_batch(monkeypatch):
    ids = torch.arange(13)
    together = draw(ids, 1001, "normal", 1, 2)
    assert torch.equal(torch.cat([draw(ids[i : i + 1], 1001, "normal", 1, 2) for i in range(13)]), together)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        assert torch.equal(draw(ids.flip(0), 1001, "normal", 1, 2).flip(0), together)
    finally:
        torch.set_num_threads(before)


def test_normals_look_normal():
    z = draw(torch.arange(64), 20_000, "normal", 0, 0).double()
    n = z.numel()
    assert abs(z.mean()) < 5 / n**0.5
    assert abs(z.var() - 1) < 5 * (2 / n) ** 0.5
    assert abs((z**4).mean() - 3) < 5 * (96 / n) ** 0.5


def test_normals_keep_their_bits():
    # published results hang on these
    z = draw(torch.tensor([0, 12345]), 1001, "normal", 7, 1 << 24)
    assert z.view(torch.int32).long().sum() == 39545143731


def test_operator_is_well_formed():
    args = (torch.empty(2, 9), torch.arange(2), 2, 1, 0)
    torch.library.opcheck(torch.ops.advspur.draw, args)


@pytest.mark.gpu
@pytest.mark.parametrize("kind", ["bits", "uniform", "normal"])
def test_gpu_equals_cpu(kind):
    ids = torch.tensor([0, 1, 2**33 + 5, -1])
    assert torch.equal(draw(ids.cuda(), 3073, kind, 9, 1).cpu(), draw(ids, 3073, kind, 9, 1))
