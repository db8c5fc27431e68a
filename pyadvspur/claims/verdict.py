"""From numbers with intervals to "holds", "does not hold" or "not decided"."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import isnan
from pathlib import Path

from pyadvspur.errors import bad, unknown

HOLDS, FAILS, OPEN = "holds", "does not hold", "not decided"
SURE = 0.05


@dataclass(frozen=True)
class Check:
    """One number that the claim says something about: that it lies above (or below) a bound.

    low, high: its interval, as wide as the number of checks asks for. side: "above" or "below" the bound. p: where
    there is one, corrected for the number of checks; above 0.05 nothing is decided, whatever the interval.
    """

    name: str
    value: float
    low: float
    high: float
    side: str = "above"
    bound: float = 0.0
    p: float | None = None

    def __post_init__(self) -> None:
        if self.side not in ("above", "below"):
            raise unknown("claims.Check", "side", self.side, ("above", "below"))
        if not (isnan(self.low) or isnan(self.high)) and self.low > self.high:
            raise bad("claims.Check", "low, high", (self.low, self.high), "low <= high")

    @property
    def outcome(self) -> str:
        """Holds where the whole interval lies on the claimed side, does not where it lies on the other."""
        if isnan(self.low) or isnan(self.high) or (self.p is not None and not self.p <= SURE):
            return OPEN
        above, below = self.low > self.bound, self.high < self.bound
        if above or below:
            return HOLDS if above == (self.side == "above") else FAILS
        return OPEN

    def __str__(self) -> str:
        where = f"{self.side} {self.bound:.3g}"
        p = "" if self.p is None else f", p {self.p:.2g}"
        return f"{self.name}: {self.value:.3g} [{self.low:.3g}, {self.high:.3g}]{p}, claimed {where}"


def decide(checks: Sequence[Check]) -> str:
    """The claim holds where every check does, and does not where one does not; else, and without a check, it is not
    decided."""
    outcomes = {check.outcome for check in checks}
    if FAILS in outcomes:
        return FAILS
    return HOLDS if outcomes == {HOLDS} else OPEN


def deciding(checks: Sequence[Check]) -> Check | None:
    """The check that the verdict rests on: one that fails, else an open one, else the one nearest to its bound."""
    for outcome in (FAILS, OPEN):
        if found := [check for check in checks if check.outcome == outcome]:
            return found[0]
    return min(
        checks, key=lambda c: (c.low - c.bound) if c.side == "above" else (c.bound - c.high), default=None
    )


def conclude(
    out: Path,
    claim: str,
    rule: str,
    checks: Sequence[Check],
    numbers: dict | None = None,
    notes: Sequence[str] = (),
) -> dict:
    """What the experiment found, also written to out/verdict.json.

    rule: in words, what has to be so for the claim to hold. notes: what was left out or is undefined, and why.
    """
    last = deciding(checks)
    outcome = {
        "claim": claim,
        "rule": rule,
        "verdict": decide(checks),
        "decided by": str(last) if last else "nothing: no check could be made",
        "checks": [{**asdict(check), "outcome": check.outcome} for check in checks],
        "numbers": numbers or {},
        "notes": list(notes),
    }
    outcome = _plain(outcome)
    (Path(out) / "verdict.json").write_text(json.dumps(outcome, indent=1, allow_nan=False) + "\n")
    return outcome


def _plain(value):
    """Numbers to four digits, NaN and infinities as null."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, float):
        short = float(f"{value:.4g}")
        return short if abs(short) < float("inf") else None
    return value
