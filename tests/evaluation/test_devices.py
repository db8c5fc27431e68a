"""Devices of a run: which are there, and which worker has which."""

from __future__ import annotations

import pandas as pd
import pytest
import torch
import toys

from pyadvspur import AdvSpurError, evaluation
from pyadvspur.evaluation.devices import devices
from pyadvspur.evaluation.runner import Runner, Setup
from pyadvspur.evaluation.store import Store


@pytest.fixture
def gpus(monkeypatch):
    def have(count):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)

    return have


@pytest.mark.parametrize(
    "count,asked,workers,found",
    [
        (0, None, 1, ["cpu"]),
        (0, "cpu", 4, ["cpu"]),
        (1, None, 1, ["cuda"]),
        (1, "cuda", 3, ["cuda:0"]),
        (4, "cuda", 1, ["cuda"]),
        (4, None, 2, ["cuda:0", "cuda:1"]),
        (2, "cuda", 8, ["cuda:0", "cuda:1"]),
        (4, "cuda:2", 1, ["cuda:2"]),
        (4, "cuda:3, cuda:0", 1, ["cuda:3", "cuda:0"]),
        (4, "cpu", 2, ["cpu"]),
    ],
)
def test_what_is_asked_for_is_what_is_there(gpus, count, asked, workers, found):
    gpus(count)
    assert devices(asked, workers) == tuple(found)


@pytest.mark.parametrize(
    "count,asked,text",
    [
        (0, "cuda", "no CUDA device"),
        (0, "cuda:0", "no CUDA device"),
        (1, "cuda:1", "'cuda:1'.*cuda:0"),
        (2, "cuda:0,cuda:7", "'cuda:7'.*cuda:0 to cuda:1"),
        (2, "cuda:0,cuda:0", "each device once"),
        (2, "cpu,cuda:0", "one kind"),
        (2, "gpu", "'gpu'"),
        (2, "cuda:x", "'cuda:x'"),
        (2, "cuda:", "'cuda:'"),
        (2, "cuda:-1", "'cuda:-1'"),
    ],
)
def test_what_is_not_there_is_named(gpus, count, asked, text):
    gpus(count)
    with pytest.raises(AdvSpurError, match=text):
        devices(asked)


def test_a_run_refuses_them_before_it_writes(tmp_path):
    with pytest.raises(AdvSpurError, match="device"):
        evaluation.evaluate({"n": toys.Net()}, [toys.Toy()], out=tmp_path / "x", device="cuda:99")
    assert not (tmp_path / "x").exists()


def test_workers_take_devices_by_turns(tmp_path):
    names = ("cpu", "cpu:0", "meta")
    setup = Setup({}, {}, Store(tmp_path), None, names)
    assert [str(Runner(setup, k).device) for k in range(5)] == ["cpu", "cpu:0", "meta", "cpu", "cpu:0"]


def test_two_devices_are_two_processes_that_share_the_units(tmp_path, monkeypatch):
    from pyadvspur.evaluation import api

    nets, options = {"net": toys.Net(1)}, {"limit": 40, "threads": 1, "progress": False}
    alone = evaluation.evaluate(nets, [toys.Toy()], out=tmp_path / "a", **options).outcomes()
    started = []
    monkeypatch.setattr(api, "devices", lambda asked, workers: ("cpu", "cpu:0"))
    get = api.engines.get
    monkeypatch.setattr(
        api.engines,
        "get",
        lambda name, workers, threads: started.append(workers) or get(name, workers, threads),
    )
    both = evaluation.evaluate(nets, [toys.Toy()], out=tmp_path / "b", **options).outcomes()
    assert started == [2]
    pd.testing.assert_frame_equal(both, alone, check_exact=True)


@pytest.mark.gpu
@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two CUDA devices")
def test_on_two_gpus(tmp_path):
    nets, options = {"net": toys.Net(1)}, {"limit": 40, "progress": False, "precision": "float32"}
    one = evaluation.evaluate(nets, [toys.Toy()], out=tmp_path / "a", device="cuda:1", **options).outcomes()
    two = evaluation.evaluate(nets, [toys.Toy()], out=tmp_path / "b", device="cuda:0,cuda:1", **options)
    assert (two.outcomes()["prediction"] == one["prediction"]).all()
