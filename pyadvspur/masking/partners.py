"""Whose background replaces a sample's own: a draw that depends on the sample, not on the batch."""

from __future__ import annotations

import torch

from pyadvspur import streams
from pyadvspur.errors import bad, unknown

_RELATIONS = ("any", "same", "other")


def choose_partners(
    ids: torch.Tensor,
    pool: torch.Tensor,
    *,
    groups: torch.Tensor | None = None,
    pool_groups: torch.Tensor | None = None,
    relation: str = "any",
    seed: int = 0,
    trial: int = 0,
) -> torch.Tensor:
    """For each sample, the position in `pool` of a partner drawn uniformly by (seed, id, trial).

    ids: int64 (B,). pool: int64 (P,), distinct ids of the candidates, in any order: the choice depends on the set.
    relation: "any" candidate, or only those of the "same" or an "other" group, by the int64 labels `groups` (B,) and
    `pool_groups` (P,). A sample is its own partner only where nobody else is allowed. Returns int64 (B,) on the CPU.

    Raises AdvSpurError if the pool is empty, holds an id twice, or leaves a sample without any candidate.
    """
    from pyadvspur.native.random import draw

    where = "masking.choose_partners"
    ids, pool = _vector(where, "ids", ids), _vector(where, "pool", pool)
    if not len(pool):
        raise bad(where, "pool", "no ids", "at least one candidate")
    if relation not in _RELATIONS:
        raise unknown(where, "relation", relation, _RELATIONS)
    if relation == "any":
        groups, pool_groups = torch.zeros_like(ids), torch.zeros_like(pool)
    else:
        groups = _vector(where, "groups", groups, len(ids))
        pool_groups = _vector(where, "pool_groups", pool_groups, len(pool))

    # Sort candidates by (group, id): a group is then an interval [start, stop) of positions.
    by_id = torch.argsort(pool)
    if len(pool) > 1 and bool((pool[by_id][1:] == pool[by_id][:-1]).any()):
        raise bad(where, "pool", "an id twice", "distinct ids")
    order = by_id[torch.argsort(pool_groups[by_id], stable=True)]
    sorted_groups = pool_groups[order]
    start = torch.searchsorted(sorted_groups, groups)
    stop = torch.searchsorted(sorted_groups, groups, right=True)
    # Where each sample itself stands in that order; len(pool) if it is not a candidate.
    rank = torch.empty_like(order)
    rank[order] = torch.arange(len(order))
    found = torch.searchsorted(pool[by_id], ids).clamp(max=len(pool) - 1)
    own = torch.where(pool[by_id][found] == ids, rank[by_id[found]], len(pool))

    inside = (own >= start) & (own < stop)
    if relation == "other":
        count, own_allowed = len(pool) - (stop - start), (own < len(pool)) & ~inside
    else:
        count, own_allowed = stop - start, inside
    if bool((count == 0).any()):
        first = int(ids[count == 0][0])
        raise bad(
            where, "pool", f"no candidate for id {first}", f"candidates of {relation} group for every sample"
        )
    skip_own = own_allowed & (count > 1)
    n = count - skip_own.long()

    # 53 random bits: a double holds u exactly. u * n may round up to n, hence the minimum.
    words = draw(ids, 2, "bits", seed, streams.stream(streams.PARTNER, trial)).long() & 0xFFFFFFFF
    u = (words[:, 0] * 2**21 + (words[:, 1] >> 11)).double() * 2.0**-53
    k = torch.minimum((u * n).long(), n - 1)
    if relation == "other":
        own_k = torch.where(own >= stop, own - (stop - start), own)  # own position among the allowed ones
        k = k + (skip_own & (k >= own_k)).long()
        position = torch.where(k >= start, k + (stop - start), k)
    else:
        k = k + (skip_own & (k >= own - start)).long()
        position = start + k
    return order[position]


def _vector(where: str, name: str, value: torch.Tensor | None, length: int | None = None) -> torch.Tensor:
    if value is None:
        raise bad(where, name, "nothing", "an int64 tensor")
    value = torch.as_tensor(value).cpu()
    if value.dtype != torch.int64 or value.dim() != 1 or length not in (None, len(value)):
        takes = "an int64 vector" if length is None else f"an int64 vector of length {length}"
        raise bad(where, name, f"{value.dtype} {tuple(value.shape)}", takes)
    return value.contiguous()
