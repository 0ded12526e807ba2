# SPDX-License-Identifier: Apache-2.0
"""Synthetic load of one department and the site; each test says what was counted."""

from gateway.model.rung import WHOLE_SITE
from gateway.supervision.load import Load, Tally

ADAPTER = "civil_affairs"
#: Ends of buckets, as workers have them.
ENDS_S = (0.1, 1.0, 10.0, float("inf"))


def tally(*counts: int, refused: int = 0) -> Tally:
    """So many questions in each bucket."""
    return Tally(sum(counts), refused, tuple(zip(ENDS_S, counts, strict=True)))


def load(
    at_s: float, counted: Tally | None = None, *, site: Tally | None = None, waiting: int = 0
) -> Load:
    """What is known at a moment."""
    tallies = {ADAPTER: counted or Tally(), WHOLE_SITE: site or Tally()}
    return Load(at_s, tallies, {ADAPTER: waiting, "health": 1})
