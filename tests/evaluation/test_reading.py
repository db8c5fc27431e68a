"""Reading ahead: in order, on one thread, bounded, across units; and variants rendered in bounded parts."""

import threading

import pandas as pd
import pytest
import toys

from pyadvspur import AdvSpurError, evaluation, masking
from pyadvspur.benchmarks.base import Condition
from pyadvspur.evaluation import clean
from pyadvspur.evaluation.reading import Reader
from pyadvspur.evaluation.unit import Unit


class Watched(toys.Toy):
    """Counts what is read, and by how many at a time."""

    def __init__(self, broken=None):
        self.read_cuts, self.at_once, self.most, self.broken = [], 0, 0, broken
        self.lock = threading.Lock()

    def read(self, source, start, stop):
        with self.lock:
            self.at_once += 1
            self.most = max(self.most, self.at_once)
        self.read_cuts.append((source, start, stop))
        try:
            if start == self.broken:
                raise AdvSpurError("broken")
            return super().read(source, start, stop)
        finally:
            with self.lock:
                self.at_once -= 1


def unit(source, start, stop):
    return Unit("m", "f", "toy", "b", source, source, "clean", 0, "none", 0, "auto", start, stop)


def ids(batches):
    return [i for batch in batches for i in (batch.ids // 7).tolist()]


def test_batches_come_in_order_and_the_next_unit_is_begun():
    toy = Watched()
    with Reader() as reader:
        first, second = unit("agrees", 0, 50), unit("swapped", 10, 60)
        assert ids(reader.batches(toy, first, 8, (toy, second, 8))) == list(range(50))
        assert ids(reader.batches(toy, second, 8)) == list(range(10, 60))
    assert toy.most == 1
    assert len(toy.read_cuts) == len(set(toy.read_cuts)) == 14  # nothing twice, nothing else
    assert toy.read_cuts == sorted(toy.read_cuts)


def test_reading_stays_a_few_batches_ahead():
    toy = Watched()
    with Reader() as reader:
        batches = reader.batches(toy, unit("agrees", 0, 150), 5)
        next(batches)
        reader._pool.submit(int).result()  # after all that was asked for so far
        assert 2 <= len(toy.read_cuts) <= 4
        batches.close()


def test_what_was_foreseen_and_did_not_come_is_dropped():
    toy = Watched()
    with Reader() as reader:
        list(reader.batches(toy, unit("agrees", 0, 10), 5, (toy, unit("swapped", 0, 100), 5)))
        assert ids(reader.batches(toy, unit("agrees", 100, 120), 5)) == list(range(100, 120))
        assert not reader._waiting


def test_an_error_comes_with_its_own_batch():
    toy = Watched(broken=10)
    with Reader() as reader:
        batches = reader.batches(toy, unit("agrees", 0, 30), 5)
        assert [len(next(batches)), len(next(batches))] == [5, 5]
        with pytest.raises(AdvSpurError, match="broken"):
            next(batches)
        assert ids(reader.batches(toy, unit("agrees", 15, 30), 5)) == list(range(15, 30))


class Many(toys.Toy):
    """More variants than are rendered at a time, over two trials, some shared by several conditions."""

    conditions = (
        *(
            Condition(
                f"{region} {k} {trial}", "agrees", masking.noise(region, std=0.05 + k / 20), trial=trial
            )
            for trial in (0, 1)
            for k in range(4)
            for region in ("foreground", "background")
        ),
        Condition("l2", "agrees", masking.noise("foreground", l2=1.0)),
        Condition("clean", "agrees"),
        Condition("again", "agrees", masking.noise("background", std=0.1)),
    )
    attacked = ()
    measures = ()


def test_variants_are_rendered_in_bounded_parts(tmp_path, monkeypatch):
    nets = {"net": toys.Net(0)}
    whole = evaluation.evaluate(nets, [Many()], out=tmp_path / "a", progress=False, limit=30, batch_size=10)
    seen = []
    render = masking.render

    def watched(*args, **options):
        x = render(*args, **options)
        seen.append(x.nbytes)
        return x

    monkeypatch.setattr(masking, "render", watched)
    bound = 3 * 10 * 12 * 12 * 3 * 4 + 5
    monkeypatch.setattr(clean, "RENDER_BYTES", bound)
    parts = evaluation.evaluate(nets, [Many()], out=tmp_path / "b", progress=False, limit=30, batch_size=10)
    assert max(seen[-21:]) <= bound
    assert len(seen) >= 3 * 7  # nine variants and one trial of eight, three at a time, in three batches
    pd.testing.assert_frame_equal(parts.outcomes(), whole.outcomes(), check_exact=True)


def test_a_variant_is_rendered_alone_where_even_two_are_too_much(tmp_path, monkeypatch):
    nets = {"net": toys.Net(0)}
    whole = evaluation.evaluate(nets, [Many()], out=tmp_path / "a", progress=False, limit=20)
    monkeypatch.setattr(clean, "RENDER_BYTES", 1)
    alone = evaluation.evaluate(nets, [Many()], out=tmp_path / "b", progress=False, limit=20)
    pd.testing.assert_frame_equal(alone.outcomes(), whole.outcomes(), check_exact=True)
