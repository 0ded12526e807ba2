# SPDX-License-Identifier: Apache-2.0
"""Ratings beside what the cases' lookups came to, and what the rated unit sees."""

from datetime import UTC, timedelta, timezone

import msgspec

from gateway.model.evaluation import Evaluation, for_unit
from gateway.supervision.ratings import OutcomeRow, rate_outcomes
from tests.unit.supervision.seeing import seen, unanswered


def test_clause_8_2_ratings_are_set_beside_the_worst_outcome_of_their_cases() -> None:
    refused = seen(result="deny", served_from=None)
    rows = rate_outcomes(
        [(5, [seen()]), (4, [seen()]), (1, [seen(), unanswered()]), (2, []), (3, [refused])]
    )
    assert rows == (
        OutcomeRow("answered", 2, 0, 4.5),
        OutcomeRow("no_lookup", 1, 1, 2.0),
        OutcomeRow("refused", 1, 0, 3.0),
        OutcomeRow("unavailable", 1, 1, 1.0),
    )


def test_clause_8_2_the_rated_unit_sees_nothing_by_which_it_could_tell_who_evaluated() -> None:
    given = Evaluation(
        agency="yq-gjj", item="yq-gjj-001", level=1, given_at="2026-11-26T01:02:03Z",
        words="重复索要", case="YQ20261122-0001", ticket="R-2026-000001", is_known=True,
    )  # fmt: skip
    assert msgspec.to_builtins(for_unit(given, UTC)) == {
        "item": "yq-gjj-001",
        "level": 1,
        "month": "2026-11",
        "words": "重复索要",
    }
    last_night = msgspec.structs.replace(given, given_at="2026-11-30T16:00:00Z")
    assert for_unit(last_night, timezone(timedelta(hours=8))).month == "2026-12"
