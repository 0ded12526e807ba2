# SPDX-License-Identifier: Apache-2.0
"""Ratings beside data: how cases were rated by what their lookups came to (clause 8.2)."""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from gateway.model.evaluation import BAD_UP_TO
from gateway.model.seen import SeenAccess

#: After every record.
END_MS: Final = 1 << 62


class OutcomeRow(msgspec.Struct, frozen=True):
    """Cases with one outcome.

    Attributes:
        outcome: the worst of a case: `unavailable`, `refused`, `answered`, or `no_lookup`.
        mean_level: of 5, to two places.
    """

    outcome: str
    case_count: int
    bad_count: int
    mean_level: float


def rate_outcomes(cases: Iterable[tuple[int, Sequence[SeenAccess]]]) -> tuple[OutcomeRow, ...]:
    """Group rated cases by their worst outcome.

    Args:
        cases: level and accesses of each.
    """
    levels: dict[str, list[int]] = {}
    for level, accesses in cases:
        levels.setdefault(_worst(accesses), []).append(level)
    return tuple(
        OutcomeRow(
            outcome,
            len(given),
            sum(level <= BAD_UP_TO for level in given),
            round(sum(given) / len(given), 2),
        )
        for outcome, given in sorted(levels.items())
    )


def _worst(accesses: Sequence[SeenAccess]) -> str:
    if not accesses:
        return "no_lookup"
    if any(each.is_failed for each in accesses):
        return "unavailable"
    return "answered" if all(each.is_answered for each in accesses) else "refused"
