"""Which device each worker works on: several GPUs of one machine, a process each."""

from __future__ import annotations

import torch

from pyadvspur.errors import bad


def devices(asked: str | None, workers: int = 1) -> tuple[str, ...]:
    """The devices of a run; worker i works on the i-th, round and round.

    asked: "cpu", "cuda", "cuda:1", or several with commas, "cuda:0,cuda:1"; None: CUDA where there is one. "cuda" alone
    means one for each of several workers as far as there are so many, else the current one. Raises AdvSpurError for a
    device that does not exist.
    """
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    names = [name.strip() for name in (asked or ("cuda" if count else "cpu")).split(",")]
    found: list[str] = []
    for name in names:
        kind, colon, index = name.partition(":")
        if kind not in ("cpu", "cuda") or (colon and not index.isdecimal()):
            raise bad("evaluate", "device", repr(name), "'cpu', 'cuda', 'cuda:1' or 'cuda:0,cuda:1'")
        if kind == "cpu":
            found.append("cpu")
        elif not count:
            raise bad("evaluate", "device", repr(name), "'cpu': torch finds no CUDA device here")
        elif not colon:
            found += [f"cuda:{k}" for k in range(min(count, workers))] if workers > 1 else ["cuda"]
        elif int(index) >= count:
            there = "cuda:0" if count == 1 else f"cuda:0 to cuda:{count - 1}"
            raise bad("evaluate", "device", repr(name), f"a device that is there: {there}")
        else:
            found.append(f"cuda:{int(index)}")
    if len(found) > 1 and len(set(found)) < len(found):
        raise bad("evaluate", "device", repr(asked), "each device once")
    if len({name.partition(":")[0] for name in found}) > 1:
        raise bad("evaluate", "device", repr(asked), "one kind of device: their bits differ")
    return tuple(found)
