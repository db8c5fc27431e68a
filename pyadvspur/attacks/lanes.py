"""Worker threads that each run torch on one thread of its own."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import torch


def single_threads(n: int) -> ThreadPoolExecutor:
    """n workers that each use one thread inside torch; the caller's own thread count stays as it is."""
    pool = ThreadPoolExecutor(n, thread_name_prefix="advspur-forward")
    gate = threading.Barrier(n)

    def settle(_):
        torch.get_num_threads()  # torch sets a thread up at its first question, which would undo the next line
        torch.set_num_threads(1)
        gate.wait()  # so that every worker takes exactly one of these

    list(pool.map(settle, range(n)))
    torch.set_num_threads(n)  # a worker's call also set the default of threads yet to be born
    return pool
