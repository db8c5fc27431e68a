"""Square's window updates: every sample's own windows, inside ball and box, and never a wasted query."""

from __future__ import annotations

import pytest
import torch

from pyadvspur import AdvSpurError
from pyadvspur.native.square import settle_, square_
from pyadvspur.reference import square as reference

NORMS = ["linf", "l2", "l1"]
EPS = {"linf": 0.1, "l2": 0.7, "l1": 3.0}
SHAPES = [(5, 3, 12, 12), (5, 1, 7, 13), (5, 2, 3, 4), (4, 1, 1, 9), (3, 130, 5, 5), (0, 3, 8, 8)]


class Query:
    """One query's arguments: a box around the middle for every second sample, windows of several sizes."""

    def __init__(self, shape, norm, masked=False, seed=0):
        n, channels, height, width = shape
        g = torch.Generator().manual_seed(seed)
        self.x0 = (torch.rand(shape, generator=g) * 1.4 - 0.2).clamp(0, 1)
        spread = {"linf": 0.1, "l2": 0.7 / (channels * height * width) ** 0.5, "l1": 0.0}[norm]
        best = self.x0 + spread * torch.sign(torch.randn(shape, generator=g))
        if norm == "l1":
            best = self.x0 + 0.5 * (torch.rand(shape, generator=g) < 3 / (channels * height * width))
        self.mask = torch.rand(n, height, width, generator=g) > 0.4 if masked else None
        wide = True if self.mask is None else self.mask[:, None]
        self.best = torch.where(torch.as_tensor(wide), best.clamp(0, 1), self.x0)
        self.side = torch.tensor([[1 + i % 3, 2 + i % 2] for i in range(n)]).reshape(n, 2)
        self.side = self.side.clamp(max=torch.tensor([height, width])).int()
        whole, inner = [0, height, 0, width], [height // 3, height - height // 3, width // 3, width]
        self.field = torch.tensor([inner if i % 2 else whole for i in range(n)]).reshape(n, 4).int()
        self.sizes = sorted(set(map(tuple, self.side.tolist())))
        parts = [self.pattern(h, w).flatten() for h, w in self.sizes]
        starts = torch.tensor([0] + [len(p) for p in parts]).cumsum(0)
        self.tiles = torch.cat(parts) if parts else torch.zeros(0)
        at = [int(starts[self.sizes.index(tuple(s))]) for s in self.side.tolist()]
        self.tile_at = torch.tensor(at, dtype=torch.int64)
        self.norm, self.eps = norm, torch.full((n,), EPS[norm])
        self.ids = torch.arange(n) * 7 + 3

    @staticmethod
    def pattern(h, w):
        return torch.randn(2, h, w, generator=torch.Generator().manual_seed(h * 100 + w))

    def fast(self, query, rows=slice(None), device="cpu"):
        take = lambda t: None if t is None else t[rows].to(device).contiguous()  # noqa: E731
        x, window = take(self.best).clone(), take(self.side).clone()
        square_(
            x, take(self.best), take(self.x0), norm=self.norm, eps=take(self.eps), ids=take(self.ids),
            field=take(self.field), side=take(self.side), window=window, seed=5, stream=77, query=query,
            tiles=self.tiles.to(device), tile_at=take(self.tile_at), mask=take(self.mask),
        )  # fmt: skip
        return x, window

    def slow(self, query):
        return reference.square(
            self.best, self.x0, self.norm, self.eps, self.ids, self.field, self.side, self.pattern, 5, 77, query,
            None if self.mask is None else self.mask[:, None],
        )  # fmt: skip


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("masked", [False, True])
def test_equals_its_twin_inside_ball_box_and_mask(norm, shape, masked):
    q = Query(shape, norm, masked)
    for query in (0, 1, 17):
        (x, window), (slow, corner) = q.fast(query), q.slow(query)
        torch.testing.assert_close(x, slow, rtol=1e-5, atol=2e-6)
        assert torch.equal(window, corner)
        if not x.numel():
            continue
        d = (x.double() - q.x0.double()).flatten(1)
        length = {"linf": d.abs().amax(1), "l2": d.norm(dim=1), "l1": d.abs().sum(1)}[norm]
        assert (length <= q.eps.double() * (1 + 1e-6)).all()
        assert x.min() >= 0
        assert x.max() <= 1
        if masked:
            still = ~q.mask[:, None].expand_as(x)
            assert torch.equal(x[still], q.x0[still])


def test_windows_are_the_samples_own_and_reach_every_place():
    q = Query((64, 1, 6, 6), "linf")
    q.side[:], q.field[:] = 3, torch.tensor([0, 6, 0, 6]).int()
    seen = {tuple(corner) for query in range(6) for corner in q.fast(query)[1].tolist()}
    assert seen == {(r, c) for r in range(4) for c in range(4)}  # pyautoattack never reaches the last ones
    corners = q.fast(0)[1]
    assert len({tuple(c) for c in corners.tolist()}) > 8  # and gives all samples the same one


def test_no_query_is_wasted():
    """A window that already is what it would become gets the opposite signs."""
    q = Query((40, 1, 8, 8), "linf")
    q.x0 = torch.full_like(q.x0, 0.5)
    q.best = q.x0 + 0.1
    q.best = torch.where(q.best - q.x0 > 0.1, torch.nextafter(q.best, q.x0), q.best)
    assert ((q.fast(3)[0] != q.best).flatten(1).any(1)).all()


@pytest.mark.parametrize("norm", NORMS)
def test_threads_and_batches(norm):
    q = Query((6, 3, 40, 31), norm, masked=True)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        whole, window = q.fast(9)
        torch.set_num_threads(4)
        cut = [slice(3, 6), slice(0, 1), slice(1, 3)]
        parts = [q.fast(9, c) for c in cut]
        for c, (x, corner) in zip(cut, parts):
            assert torch.equal(x, whole[c])
            assert torch.equal(corner, window[c])
    finally:
        torch.set_num_threads(before)


def test_settle_makes_both_equal_again():
    q = Query((6, 3, 9, 10), "linf")
    x, window = q.fast(2)
    accepted = torch.tensor([True, False, True, True, False, False])
    best, candidate = q.best.clone(), x.clone()
    settle_(x, best, window, q.side, accepted)
    assert torch.equal(x, best)
    assert torch.equal(best, torch.where(accepted[:, None, None, None], candidate, q.best))


def test_numbers_that_make_no_sense_stay_inside_the_image():
    q = Query((4, 2, 6, 5), "l2")
    q.side = torch.tensor([[-3, 2], [99, 99], [1, 1], [2, 2]]).int()
    q.field = torch.tensor([[0, 6, 0, 5], [-9, 99, 5, 2], [70, 80, -7, -2], [3, 3, 3, 3]]).int()
    q.tiles, q.tile_at = torch.zeros(2 * 99 * 99), torch.zeros(4, dtype=torch.int64)
    x, window = q.fast(0)
    assert x.isfinite().all()
    settle_(x, q.best, torch.full_like(window, 2**31 - 1), q.side, torch.ones(4, dtype=torch.bool))
    with pytest.raises(AdvSpurError, match="field"):
        square_(
            x, q.best, q.x0, norm="linf", eps=0.1, ids=q.ids, field=q.field[:2], side=q.side, window=window, seed=0,
            stream=0, query=0,
        )  # fmt: skip
    with pytest.raises(AdvSpurError, match="contiguous images"):
        settle_(x.transpose(2, 3), q.best.transpose(2, 3), window, q.side, torch.ones(4, dtype=torch.bool))


@pytest.mark.parametrize("norm", range(3))
def test_operators_are_well_formed(norm):
    q = Query((2, 3, 8, 8), NORMS[norm])
    mask = torch.ones(2, 8, 8, dtype=torch.uint8)
    window = torch.zeros(2, 2, dtype=torch.int32)
    tiles = (q.tiles, q.tile_at) if norm else (None, None)
    arguments = (
        q.best.clone(),
        q.best,
        q.x0,
        q.eps,
        mask,
        q.field,
        q.side,
        *tiles,
        window,
        q.ids,
        norm,
        1,
        2,
        3,
    )
    torch.library.opcheck(torch.ops.advspur.square, arguments)
    settle = (q.best.clone(), q.best.clone(), window, q.side, torch.ones(2, dtype=torch.bool))
    torch.library.opcheck(torch.ops.advspur.square_settle, settle)


@pytest.mark.gpu
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("shape", [*SHAPES, (3, 3, 224, 224)])
def test_gpu_equals_cpu(norm, masked, shape):
    q = Query(shape, norm, masked)
    here, there = q.fast(11), q.fast(11, device="cuda")
    assert torch.equal(there[0].cpu(), here[0])
    assert torch.equal(there[1].cpu(), here[1])
