"""The card's two small figures as SVG: a curve of robust accuracy, and a value among those of a series."""

from __future__ import annotations

from html import escape
from math import isnan
from typing import TYPE_CHECKING

from pyadvspur.report import selection

if TYPE_CHECKING:
    from pyadvspur.report.card.content import Curve, Row

_WIDTH, _HEIGHT = 340, 210
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 22, 12, 34


def curve(found: Curve) -> str:
    """Robust accuracy against the radius, with its interval, over the reference's range and median."""
    last = max(found.radii) or 1.0

    def x(eps: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * eps / last

    def y(value: float) -> float:
        return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (1 - value)

    parts = []
    for level in (0, 0.25, 0.5, 0.75, 1):
        parts.append(
            f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y(level):.1f}" y2="{y(level):.1f}"/>'
        )
        parts.append(
            f'<text x="{_LEFT - 6}" y="{y(level) + 3.5:.1f}" text-anchor="end">{100 * level:.0f}</text>'
        )
    known = [(eps, other) for eps, other in zip(found.radii, found.others) if other]
    if len(known) > 1:
        there = [f"{x(eps):.1f},{y(other[2]):.1f}" for eps, other in known]
        back = [f"{x(eps):.1f},{y(other[0]):.1f}" for eps, other in reversed(known)]
        parts.append(f'<polygon class="others" points="{" ".join(there + back)}"/>')
        middle = " ".join(f"{x(eps):.1f},{y(other[1]):.1f}" for eps, other in known)
        parts.append(f'<polyline class="median" points="{middle}"/>')
    points = [p for p in zip(found.radii, found.values, found.lows, found.highs) if not isnan(p[1])]
    line = " ".join(f"{x(eps):.1f},{y(value):.1f}" for eps, value, _, _ in points)
    parts.append(f'<polyline class="mine" points="{line}"/>')
    right = -100.0
    for eps, value, low, high in points:
        parts.append(
            f'<line class="bar" x1="{x(eps):.1f}" x2="{x(eps):.1f}" y1="{y(low):.1f}" y2="{y(high):.1f}"/>'
        )
        title = (
            f"{selection.radius(eps, found.norm)}: {100 * value:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"
        )
        parts.append(
            f'<circle class="dot" cx="{x(eps):.1f}" cy="{y(value):.1f}" r="3.5"><title>{title}</title></circle>'
        )
        if x(eps) - right > 34:  # labels that would touch are left out
            name = selection.radius(eps, found.norm)
            parts.append(f'<text x="{x(eps):.1f}" y="{_HEIGHT - 18}" text-anchor="middle">{name}</text>')
            right = x(eps)
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    name = escape(f"{found.norm} radius")
    parts.append(f'<text x="{middle}" y="{_HEIGHT - 3}" text-anchor="middle">{name}</text>')
    label = escape(f"{found.measure} against the {found.norm} radius")
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{label}, %">{"".join(parts)}</svg>'


def strip(row: Row) -> str:
    """One value, with its interval, among those of the reference; "" where nothing compares."""
    if row.place is None:
        return ""
    ends = [*row.others, row.low, row.high, row.value]
    low, high = min(v for v in ends if not isnan(v)), max(v for v in ends if not isnan(v))
    span = (high - low) or 1.0

    def x(value: float) -> float:
        return 8 + 184 * (value - low) / span

    dots = "".join(f'<circle class="other" cx="{x(v):.1f}" cy="10" r="3"/>' for v in row.others)
    bar = (
        ""
        if isnan(row.low)
        else f'<line class="bar" x1="{x(row.low):.1f}" x2="{x(row.high):.1f}" y1="10" y2="10"/>'
    )
    mark = f'<path class="dot" d="M{x(row.value):.1f} 3l5 7l-5 7l-5 -7z"/>'
    text = escape(f"{row.title}: higher than {row.place.lower} of {row.place.n}")
    return f'<svg class="strip" viewBox="0 0 200 20" role="img" aria-label="{text}">{dots}{bar}{mark}</svg>'
