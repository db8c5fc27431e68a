"""What must not change an outcome: batch size, order, threads, memory layout, logit scale."""

from __future__ import annotations

import pytest
import torch

from pyadvspur import attacks

FIELDS = ("broken", "prediction", "margin", "distance", "steps_used", "x_adv")


def _sweep(network, x, y, norm, radii, ids=None, **options):
    return attacks.sweep(network, x, y, norm, radii, steps=6, restarts=2, seed=3, ids=ids, **options)


def _rows(result, name):
    value = getattr(result, name)
    return (
        value.movedim(1, 0)
        if value.shape[0] == len(result.eps) and name not in ("steps_used", "x_adv")
        else value
    )


def _same(one, other):
    return [name for name in FIELDS if not torch.equal(_rows(one, name), _rows(other, name))]


@pytest.mark.parametrize("size", [1, 7, 64])
@pytest.mark.parametrize("threads", [1, 4])
def test_outcomes_are_bitwise_those_of_the_whole_batch(network, images, norm, radii, size, threads):
    x, y = images[0][:21], images[1][:21]
    ids = torch.arange(21) * 5
    whole = _sweep(network, x, y, norm, radii, ids)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(threads)
        cuts = [slice(i, i + size) for i in range(0, 21, size)]
        parts = [_sweep(network, x[c], y[c], norm, radii, ids[c]) for c in cuts]
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    for name in FIELDS:
        assert torch.equal(torch.cat([_rows(p, name) for p in parts]), _rows(whole, name)), name


def test_a_permuted_batch_gives_permuted_outcomes(network, images, norm, radii):
    x, y = images
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    ids = torch.arange(len(x))
    whole = _sweep(network, x, y, norm, radii, ids)
    shuffled = _sweep(network, x[order], y[order], norm, radii, ids[order])
    for name in FIELDS:
        assert torch.equal(_rows(shuffled, name), _rows(whole, name)[order]), name


def test_memory_layout_does_not_matter(network, images, norm, radii):
    x, y = images[0][:20], images[1][:20]
    plain = _sweep(network, x, y, norm, radii)
    strided = torch.stack([x, 1 - x], dim=-1)[..., 0]
    assert not strided.is_contiguous()
    assert not _same(plain, _sweep(network, strided, y, norm, radii))
    last = _sweep(network, x.contiguous(memory_format=torch.channels_last), y, norm, radii)
    assert torch.equal(last.broken, plain.broken)


@pytest.mark.parametrize("factor", [1e-3, 20.0, 1e4])
@pytest.mark.parametrize("loss", ["ce", "margin", "dlr"])
def test_logit_scale_does_not_matter(network, images, norm, radii, scaled, factor, loss):
    x, y = images
    plain = _sweep(network, x, y, norm, radii, loss=loss)
    other = _sweep(scaled(network, factor), x, y, norm, radii, loss=loss)
    moved = (plain.broken.float().mean(1) - other.broken.float().mean(1)).abs().max()
    assert moved <= 1 / len(x)  # one sample on a knife's edge, never a trend
    power = _sweep(
        scaled(network, 2.0**12), x, y, norm, radii, loss=loss
    )  # exact in float32: the very same points
    assert torch.equal(power.x_adv, plain.x_adv)


def test_the_forward_is_bitwise_free_of_batch_and_threads(network, images):
    from pyadvspur.attacks.forward import Forward

    x, _ = images
    before, answers = torch.get_num_threads(), []
    try:
        for threads, cut in [(1, 67), (4, 67), (3, 1), (4, 7), (1, 16)]:
            torch.set_num_threads(threads)
            with Forward(network) as forward:
                answers.append(torch.cat([forward.logits(part) for part in x.split(cut)]))
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(a, answers[0]) for a in answers)
    torch.testing.assert_close(answers[0], network(x).detach(), rtol=1e-4, atol=1e-5)
