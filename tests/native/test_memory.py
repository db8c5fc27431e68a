"""Kept memory: never shared by two living tensors, whatever order they go in."""

from __future__ import annotations

import gc

import torch

from pyadvspur.native import memory

LARGE = (5, 1 << 21)  # 40 MiB of float32


def test_living_tensors_do_not_share():
    tensors = [memory.empty(*LARGE, dtype=torch.float32).fill_(i) for i in range(3)]
    assert all(bool((t == i).all()) for i, t in enumerate(tensors))
    view = tensors[1][2:3, ::7]
    del tensors[1]
    gc.collect()
    other = memory.empty(*LARGE, dtype=torch.float32).fill_(9)
    assert bool((view == 1).all())  # a view holds its block
    assert bool((other == 9).all())


def test_a_dropped_block_comes_back():
    memory.release()
    first = memory.empty(*LARGE, dtype=torch.float32)
    address = first.data_ptr()
    del first
    assert memory.empty(*LARGE, dtype=torch.bfloat16).data_ptr() != address  # another size
    again = memory.empty(*LARGE, dtype=torch.float32)
    assert again.data_ptr() == address
    assert again.data_ptr() % 64 == 0
    assert again.is_contiguous()
    memory.release()


def test_more_than_is_kept_goes_back():
    tensors = [memory.empty(*LARGE, dtype=torch.float32) for _ in range(8)]
    del tensors
    tensors = [memory.empty(*LARGE, dtype=torch.float32).fill_(i) for i in range(8)]
    assert all(bool((t == i).all()) for i, t in enumerate(tensors))
    del tensors
    memory.release()
    memory.release()


def test_small_and_empty_ones_are_ordinary():
    assert memory.empty(2, 3, dtype=torch.float16).shape == (2, 3)
    assert memory.empty(0, 3, dtype=torch.float32).numel() == 0
