"""The adversarial-background challenge against every pair, whatever the batches, interruptions and limits."""

import json

import numpy as np
import pytest
import torch

from pyadvspur import AdvSpurError, masking
from pyadvspur.benchmarks import layouts
from pyadvspur.benchmarks.imagenet9 import ImageNet9
from pyadvspur.benchmarks.imagenet9 import challenge as module
from pyadvspur.metrics import proportion_interval

SIDE = 24


class Net(torch.nn.Module):
    """Nine outputs that look at the colours of parts of the image: some objects survive all backgrounds."""

    def __init__(self, outputs=9, seed=3):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.body = torch.nn.Linear(3 * 64, 64)
            self.head = torch.nn.Linear(64, outputs)
        self.seen = 0

    def forward(self, x):
        self.seen += len(x)
        x = torch.nn.functional.adaptive_avg_pool2d(x, 8).flatten(1) - 0.5
        return self.head(torch.relu(self.body(x)))


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    folder = tmp_path_factory.mktemp("in9") / "copy"
    layouts.sample("imagenet9", folder, per_class=5)  # 45 foregrounds: two blocks
    return ImageNet9(folder, size=SIDE)


@pytest.fixture(scope="module")
def net(bench):
    """Trained a little on some backgrounds, so that it is right about some objects on all of them."""
    network = Net()
    batch, other = bench.read("original", 0, 45), bench.read("only_bg_t", 0, 45).images
    generator = torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for _ in range(80):
        partners = other[torch.randperm(45, generator=generator)]
        x = masking.render(batch.images, batch.masks, [masking.swap("background")], partners=partners)[0]
        torch.nn.functional.cross_entropy(network(x), batch.labels).backward()
        optimizer.step()
        optimizer.zero_grad()
    return network


def _every_pair(net, bench):
    """For each foreground, which backgrounds break it: the definition, pixel by pixel."""
    fg, bg = bench.read("original", 0, 45), bench.read("only_bg_t", 0, 45)
    table = np.zeros((45, 45), dtype=bool)
    for i in range(45):
        m = (fg.masks[i] > 0).float()
        for j in range(45):
            x = m[..., None] * (fg.images[i] / 255) + (1 - m[..., None]) * (bg.images[j] / 255)
            with torch.no_grad():
                table[i, j] = net(x.permute(2, 0, 1)[None]).argmax().item() != fg.labels[i]
    return table, bg.ids.tolist()


def test_equal_to_trying_every_pair(bench, net):
    table, ids = _every_pair(net, bench)
    found = bench.challenge(net)
    frame = found.frame()
    assert frame["vulnerable"].tolist() == table.any(1).tolist()
    assert 0 < frame["vulnerable"].mean() < 1
    for i, row in frame.iterrows():
        if row["vulnerable"]:
            assert table[i, ids.index(row["background"])]
        else:
            assert (row["background"], row["tried"]) == (-1, 45)
    assert found.accuracy.value == 1 - table.any(1).mean()
    assert (found.accuracy.low, found.accuracy.high) == proportion_interval(45 - table.any(1).sum(), 45)
    assert found.possible == 45 * 45


def test_rows_do_not_depend_on_batches_and_threads(bench, net):
    results = [bench.challenge(net, batch_size=size) for size in (1, 7, 64, 5000)]
    threads = torch.get_num_threads()
    try:
        for n in (1, 3):
            torch.set_num_threads(n)
            results.append(bench.challenge(net))
    finally:
        torch.set_num_threads(threads)
    assert len({result.finished for result in results}) == 1
    # one at a time wastes nothing
    assert results[0].forwards == sum(row.tried for row in results[0].finished) < 45 * 45
    assert results[3].forwards >= results[0].forwards


def test_what_broke_earlier_foregrounds_is_tried_first(bench, net):
    rows = bench.challenge(net).finished
    first = [row for row in rows[: module.BLOCK] if row.vulnerable]
    for label in range(9):
        breakers = [row.background for row in first if row.label == label]
        most = max((breakers.count(b) for b in breakers), default=0)
        best = {b for b in breakers if breakers.count(b) == most}
        for row in rows[module.BLOCK :]:
            if row.label == label and row.vulnerable and row.tried == 1 and best:
                assert row.background in best


def test_goes_on_where_it_stopped(bench, net, tmp_path):
    whole = bench.challenge(net)
    out = tmp_path / "a" / "challenge.json"

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bench.challenge(net, out=out, advance=stop)
    assert len(json.loads(out.read_text())["rows"]) == module.BLOCK
    assert bench.challenge(net, out=out).finished == whole.finished
    before = net.seen
    again = bench.challenge(net, out=out)
    assert net.seen == before
    assert again.finished == whole.finished
    assert again.forwards >= whole.forwards
    # a smaller limit reads off the same rows; a larger one starts at the last whole block
    assert bench.challenge(net, out=out, limit=10).finished == whole.finished[:10]
    short = tmp_path / "short.json"
    bench.challenge(net, out=short, limit=40)
    assert bench.challenge(net, out=short).finished == whole.finished


def test_1000_outputs_and_outputs_of_no_class(bench):
    net = Net(1000)
    with torch.no_grad():
        net.head.bias[171] += 100  # a dog that is none of the nine classes
    found = bench.challenge(net, limit=9)
    assert found.accuracy.value == 0
    assert found.frame()["tried"].tolist() == [1] * 9


def test_refusals(bench, net, tmp_path):
    out = tmp_path / "challenge.json"
    bench.challenge(net, out=out, limit=2)
    with pytest.raises(AdvSpurError, match="another model_fingerprint"):
        bench.challenge(Net(seed=4), out=out)
    with pytest.raises(AdvSpurError, match="another benchmark_fingerprint"):
        ImageNet9(bench.root, size=16).challenge(net, out=out)
    out.write_text("{")
    with pytest.raises(AdvSpurError, match="earlier challenge"):
        bench.challenge(net, out=out)
    with pytest.raises(AdvSpurError, match="limit"):
        bench.challenge(net, limit=0)
    with pytest.raises(AdvSpurError, match="NaN"):
        bench.challenge(lambda_module(lambda x: x.mean((2, 3)) * torch.nan), limit=1)
    with pytest.raises(AdvSpurError, match="torch module"):
        bench.challenge(lambda x: x)


def test_what_is_missing_is_named(tmp_path):
    layouts.sample("imagenet9", tmp_path / "in9", per_class=1)
    path = next((tmp_path / "in9" / "only_bg_t" / "val" / "03_reptile").iterdir())
    path.write_bytes(b"")
    with pytest.raises(AdvSpurError, match=path.name):
        ImageNet9(tmp_path / "in9", size=SIDE).challenge(Net())
    (tmp_path / "in9" / "fg_mask").rename(tmp_path / "masks")
    with pytest.raises(AdvSpurError, match="no fg_mask"):
        ImageNet9(tmp_path / "in9", size=SIDE).challenge(Net())


def lambda_module(function):
    module = torch.nn.Module()
    module.forward = function
    return module
