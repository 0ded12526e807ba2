# SPDX-License-Identifier: Apache-2.0
"""What workers have counted, at two moments, as figures that an alarm may watch."""

import math
from bisect import bisect_left
from collections.abc import Mapping
from itertools import accumulate
from typing import Final

import msgspec

from gateway.model.incident import Figure
from gateway.model.rung import WHOLE_SITE

_P95: Final = 0.95
_NONE: Final[Mapping[str, int]] = {}


class Tally(msgspec.Struct, frozen=True):
    """What was asked of one scope since the gateway was started.

    Attributes:
        total_count: questions that came to an end, however.
        refused_count: of them, those without a sound answer.
        times: ends of the buckets in seconds, ascending, each with the questions in it alone; what
            nobody was asked for is in none.
    """

    total_count: int = 0
    refused_count: int = 0
    times: tuple[tuple[float, int], ...] = ()


class Load(msgspec.Struct, frozen=True):
    """All that is known at one moment.

    Attributes:
        at_s: monotonic.
        tallies: by adapter, and of the site by `WHOLE_SITE`.
        waiting: lookups that wait for a place, by adapter.
    """

    at_s: float
    tallies: Mapping[str, Tally]
    waiting: Mapping[str, int] = _NONE


def figure_of(
    figure: Figure, scope: str, then: Load | None, now: Load, *, min_count: int
) -> float | None:
    """A figure of a scope; None where too little is known.

    Args:
        then: at the beginning of the window; None where nobody looked then.
    """
    if figure == "queue_depth":
        if scope == WHOLE_SITE:
            return float(sum(now.waiting.values()))
        return float(now.waiting.get(scope, 0))
    if then is None:
        return None
    before, after = then.tallies.get(scope, Tally()), now.tallies.get(scope, Tally())
    if figure == "refusal_share":
        return _refusal_share(before, after, min_count)
    return _p95_ms(before, after, min_count)


def _refusal_share(before: Tally, after: Tally, min_count: int) -> float | None:
    total_count = after.total_count - before.total_count
    if total_count < min_count:
        return None
    return (after.refused_count - before.refused_count) / total_count


def _p95_ms(before: Tally, after: Tally, min_count: int) -> float | None:
    """Interpolated within its bucket; of what is beyond the last end, that end."""
    earlier = dict(before.times)
    times = [(end_s, count - earlier.get(end_s, 0)) for end_s, count in after.times]
    reached = list(accumulate(count for _, count in times))
    if not reached or reached[-1] < min_count:
        return None
    rank = _P95 * reached[-1]
    place = bisect_left(reached, rank)
    end_s, count = times[place]
    begin_s = times[place - 1][0] if place else 0.0
    if math.isinf(end_s):
        return begin_s * 1000
    part = (rank - (reached[place] - count)) / count
    return (begin_s + (end_s - begin_s) * part) * 1000
