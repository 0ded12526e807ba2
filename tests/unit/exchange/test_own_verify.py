# SPDX-License-Identifier: Apache-2.0
"""A department that compares by itself: no value comes, nothing is sealed, nothing is kept."""

from datetime import UTC, datetime

from gateway.model.answer import NotFound, Verified
from gateway.model.lookup import ClaimResult
from tests.unit.exchange.rooms import NAME, Corridor

CLAIMS = {"name": NAME, "valid_to": "2099-01-01"}


def comparing(**results: ClaimResult) -> Corridor:
    corridor = Corridor()
    corridor.department.compares = True
    corridor.department.verified = Verified(results, datetime(2026, 11, 1, tzinfo=UTC))
    return corridor


async def test_its_results_are_the_answer_and_are_recorded() -> None:
    corridor = comparing(name="match", valid_to="mismatch")
    _, answer = await corridor.ask(operation="verify", fields=[], claims=CLAIMS)
    assert answer["outcome"] == "mismatch"
    assert answer["results"] == {"name": "match", "valid_to": "mismatch"}
    assert answer["as_of"] == "2026-11-01T00:00:00Z"
    [entry] = corridor.log.entries
    assert (entry.outcome, entry.adapter) == ("mismatch", "public_security")
    assert entry.fields_requested == ("name", "valid_to")


async def test_all_matches_are_a_match() -> None:
    corridor = comparing(name="match", valid_to="match")
    _, answer = await corridor.ask(operation="verify", fields=[], claims=CLAIMS)
    assert answer["outcome"] == "match"
    assert corridor.department.queries[0].claims == CLAIMS


async def test_it_is_asked_each_time_also_when_the_record_is_cached() -> None:
    corridor = comparing(name="match", valid_to="match")
    await corridor.ask()
    for _ in range(2):
        _, answer = await corridor.ask(operation="verify", fields=[], claims=CLAIMS)
        assert answer["served_from"] == "source"
    assert len(corridor.department.queries) == 3


async def test_no_wording_stands_in_for_it() -> None:
    corridor = comparing(name="match", valid_to="match")
    for _ in range(4):  # often enough for a wording, were it one from the cache
        await corridor.ask(operation="verify", fields=[], claims=CLAIMS)
    assert len(corridor.department.queries) == 4
    assert [entry.served_from for entry in corridor.log.entries] == ["source"] * 4
    assert corridor.policy.decided_count == 1


async def test_not_found_is_an_answer_and_is_not_kept() -> None:
    corridor = comparing()
    corridor.department.verified = NotFound()
    for _ in range(2):
        _, answer = await corridor.ask(operation="verify", fields=[], claims=CLAIMS)
        assert answer["outcome"] == "not_found"
    assert len(corridor.department.queries) == 2


async def test_where_it_leaves_it_to_us_the_record_is_compared() -> None:
    corridor = comparing()
    corridor.department.verified = None
    _, answer = await corridor.ask(operation="verify", fields=[], claims={"name": "测试乙"})
    assert answer["results"] == {"name": "mismatch"}
    own, lookup = corridor.department.queries
    assert own.claims == {"name": "测试乙"}
    assert lookup.claims == {}


async def test_where_it_leaves_it_to_us_the_record_is_asked_for_although_one_is_kept() -> None:
    """The department has heard of this request: its entry must not say that it was the cache's."""
    corridor = comparing()
    corridor.department.verified = None
    await corridor.ask()
    _, answer = await corridor.ask(operation="verify", fields=[], claims={"name": "测试乙"})
    assert answer["served_from"] == "source"
    assert corridor.log.entries[-1].adapter == "public_security"
    assert len(corridor.department.queries) == 3


async def test_a_query_is_answered_with_the_record() -> None:
    corridor = comparing(name="match")
    _, answer = await corridor.ask()
    assert answer["fields"] == {"name": NAME}
