# SPDX-License-Identifier: Apache-2.0
"""Evaluations 好差评: what a person thinks of how a case was handled (GB/T 39735, clause 8.2).

One case, one evaluation 一次一评. The last two of five levels are bad ratings 差评: each makes a
ticket. Who evaluated is kept as a keyed digest only, and the unit that is rated sees neither it nor
the case, by which it could tell.
"""

from datetime import datetime, tzinfo
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from gateway.model.instant import format_month

Level = Literal[1, 2, 3, 4, 5]

#: Five stars to one.
LEVELS: Final[dict[int, str]] = {
    5: "非常满意",
    4: "满意",
    3: "基本满意",
    2: "不满意",
    1: "非常不满意",
}
BAD_UP_TO: Final = 2


class EvaluationDraft(msgspec.Struct, frozen=True, kw_only=True):
    """One evaluation.

    Attributes:
        evaluator: keyed digest of who gave it; None where that was not said.
    """

    agency: str
    case: str
    item: str
    level: Level
    words: str = ""
    evaluator: bytes | None = None

    @property
    def is_bad(self) -> bool:
        """Whether it makes a ticket."""
        return self.level <= BAD_UP_TO


class Evaluation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An evaluation as whoever supervises sees it.

    Attributes:
        given_at: RFC 3339 UTC.
        ticket: id of the matter that it made.
        is_known: whether the evaluator said who they were; never who.
    """

    agency: str
    item: str
    level: Level
    given_at: str
    words: str = ""
    case: str | None = None
    ticket: str | None = None
    is_known: bool = False


class UnitEvaluation(msgspec.Struct, frozen=True):
    """What the rated unit sees of it: no case, no ticket, the month instead of the instant."""

    item: str
    level: Level
    month: str
    words: str


class EvaluationTotal(msgspec.Struct, frozen=True):
    """How the cases of one unit, item and month were rated.

    Attributes:
        counts: of each level, from 1 非常不满意 to 5 非常满意.
    """

    agency: str
    item: str
    month: str
    counts: Annotated[tuple[int, ...], Meta(min_length=5, max_length=5)]


def for_unit(evaluation: Evaluation, zone: tzinfo) -> UnitEvaluation:
    """Leave out by what the unit could tell who it was.

    Args:
        zone: of the site's months.
    """
    given_at = datetime.fromisoformat(evaluation.given_at).astimezone(zone)
    return UnitEvaluation(
        evaluation.item, evaluation.level, format_month(given_at), evaluation.words
    )
