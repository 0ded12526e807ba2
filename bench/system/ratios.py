# SPDX-License-Identifier: Apache-2.0
"""Ratios of shots taken in turns, and their quartiles. Pure arithmetic."""

import math
from collections.abc import Sequence

import msgspec


class Spread(msgspec.Struct, frozen=True):
    """The middle half of several values.

    Attributes:
        count: of the values.
    """

    first_quartile: float
    median: float
    third_quartile: float
    count: int


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that is not below that share of all; NaN of nothing (nearest rank)."""
    if not ordered:
        return math.nan
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def spread(values: Sequence[float]) -> Spread:
    """Quartiles with linear interpolation.

    Raises:
        ValueError: there is no value.
    """
    if not values:
        raise ValueError("no value, no quartiles")
    ordered = sorted(values)
    return Spread(
        _between(ordered, 0.25), _between(ordered, 0.5), _between(ordered, 0.75), len(ordered)
    )


def adjacent_ratios(order: Sequence[tuple[str, float]], subject: str, base: str) -> list[float]:
    """Each of the subject's shots against the mean of the base's just before and just after.

    Args:
        order: name and figure of every shot of one start-up, in the order in which they were taken.
    """
    bases = [(at, figure) for at, (name, figure) in enumerate(order) if name == base]
    found = []
    for at, (name, figure) in enumerate(order):
        if name != subject or not bases:
            continue
        before = [value for where, value in bases if where < at][-1:]
        after = [value for where, value in bases if where > at][:1]
        near = before + after
        found.append(figure / (sum(near) / len(near)))
    return found


def _between(ordered: Sequence[float], share: float) -> float:
    at = share * (len(ordered) - 1)
    low = math.floor(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (at - low)
