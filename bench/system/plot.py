# SPDX-License-Identifier: Apache-2.0
"""The picture of a run: each figure as a share of its goal, on a logarithmic scale, as SVG.

At 1 the goal is met; further right is better, whichever way the goal points. A bar is the middle
half, its line the median. Drawn by hand: a plotting library would be forty times the size of this.
"""

import math
from collections.abc import Iterator
from typing import Final
from xml.sax.saxutils import escape

from bench.system.results import GOALS, Goal, Results

_LEFT: Final = 370
_WIDTH: Final = 900
_RIGHT: Final = 90
_ROW: Final = 24
_TOP: Final = 56
_SPAN: Final = 8.0  # from an eighth of the goal to eight times as good
_TICKS: Final = (0.125, 0.25, 0.5, 1, 2, 4, 8)
_REACHED: Final = "#1a7f5a"
_MISSED: Final = "#b3402a"


def draw(results: Results) -> str:
    """The picture, as the text of an SVG file."""
    goals = [goal for goal in GOALS if goal.name in results.ratios]
    height = _TOP + _ROW * len(goals) + 30
    title = f"Figures against their goals, {results.mode} run of {results.date[:10]}"
    words = "1 is the goal, further right is better; bars are the middle half of all shots"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" font-size="12"',
        f' width="{_WIDTH}" height="{height}" font-family="sans-serif">',
        f'<rect width="{_WIDTH}" height="{height}" fill="white"/>',
        f'<text x="12" y="22" font-size="15">{escape(title)}</text>',
        f'<text x="12" y="40" fill="#555">{words}</text>',
        *_scale(height),
    ]
    for row, goal in enumerate(goals):
        lines += _row(goal, results, _TOP + _ROW * row)
    return "\n".join([*lines, "</svg>", ""])


def goodness(goal: Goal, value: float) -> float:
    """How often the goal is met: 1 just so, 2 twice as good."""
    if value <= 0:
        return math.inf if goal.sign == "≤" else 0.0
    share = value / goal.value
    return share if goal.sign == "≥" else 1 / share if goal.sign == "≤" else min(share, 1 / share)


def _scale(height: int) -> Iterator[str]:
    for tick in _TICKS:
        x = _x(tick)
        colour, width = ("#333", 1.5) if tick == 1 else ("#ddd", 1)
        yield (
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP - 6}" y2="{height - 24}" '
            f'stroke="{colour}" stroke-width="{width}"/>'
        )
        yield (
            f'<text x="{x:.1f}" y="{height - 8}" text-anchor="middle" fill="#555">{tick:g}</text>'
        )


def _row(goal: Goal, results: Results, y: int) -> Iterator[str]:
    found, value = results.spread[goal.name], results.ratios[goal.name]
    ends = sorted(_x(goodness(goal, at)) for at in (found.first_quartile, found.third_quartile))
    colour = _REACHED if goal.is_reached(value) else _MISSED
    middle = _x(goodness(goal, value))
    title = escape(goal.title)
    yield f'<text x="{_LEFT - 10}" y="{y + 14}" text-anchor="end">{title}</text>'
    yield (
        f'<rect x="{ends[0] - 1:.1f}" y="{y + 4}" width="{ends[1] - ends[0] + 2:.1f}" height="12" '
        f'fill="{colour}" fill-opacity="0.35"/>'
    )
    yield f'<rect x="{middle - 1.5:.1f}" y="{y + 2}" width="3" height="16" fill="{colour}"/>'
    yield (
        f'<text x="{_WIDTH - 8}" y="{y + 14}" text-anchor="end" fill="{colour}">'
        f"{value:,.4g} {escape(goal.unit)}</text>"
    )


def _x(share: float) -> float:
    """Where a share of the goal lies; what is off the scale lies at its end."""
    kept = min(max(share, 1 / _SPAN), _SPAN)
    part = (math.log2(kept) + math.log2(_SPAN)) / (2 * math.log2(_SPAN))
    return _LEFT + part * (_WIDTH - _RIGHT - _LEFT)
