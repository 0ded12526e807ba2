# SPDX-License-Identifier: Apache-2.0
"""What each rung of the degrade ladder leaves of a lookup, and that it never says *not found*."""

from typing import Any

import msgspec
import pytest

from gateway.errors import AdapterUnavailable
from gateway.exchange.access import Access
from gateway.model.answer import NotFound, Verified
from gateway.model.lookup import LookupRequest
from gateway.model.rung import LADDER, Rung, Rungs
from gateway.office_port import Ladder
from gateway.ports import Claim
from gateway.sdk import Deadline
from tests.unit.exchange.rooms import IDENTITY, NAME, Corridor, request_body

STALE_S = 300
VERIFY: dict[str, Any] = {"operation": "verify", "fields": [], "claims": {"name": NAME}}
CODES = {
    "verify_only": "DEPARTMENT_VERIFY_ONLY",
    "ticket": "DEPARTMENT_TICKET_ONLY",
    "substitute": "DEPARTMENT_SUBSTITUTED",
}


class Steps(Ladder):
    """A ladder on which a test climbs."""

    def __init__(self) -> None:
        self.rungs = Rungs()

    @property
    def now(self) -> Rungs:
        return self.rungs

    def climb(self, rung: Rung) -> None:
        self.rungs = Rungs(departments={"public_security": rung})


@pytest.fixture
def ladder() -> Steps:
    return Steps()


@pytest.fixture
def corridor(ladder: Steps) -> Corridor:
    """Its certificate type allows stale answers."""
    corridor = Corridor(ladder=ladder)
    allowing = msgspec.structs.replace(IDENTITY, stale_s=STALE_S)
    corridor.department.certificates = {allowing.name: allowing}
    return corridor


@pytest.mark.parametrize("rung", LADDER[1:])
async def test_clause_8_1_2_an_older_answer_takes_the_place_of_asking_and_says_so(
    corridor: Corridor, ladder: Steps, rung: Rung
) -> None:
    await corridor.ask()
    corridor.cache_clock_s += 601
    ladder.climb(rung)
    _, answer = await corridor.ask()
    assert (answer["outcome"], answer["served_from"]) == ("found", "stale")
    assert len(corridor.department.queries) == 1
    entry = corridor.log.entries[-1]
    assert (entry.served_from, entry.adapter, entry.adapter_ms) == ("stale", None, None)


@pytest.mark.parametrize("rung", LADDER)
async def test_what_is_fresh_is_served_on_every_rung(
    corridor: Corridor, ladder: Steps, rung: Rung
) -> None:
    await corridor.ask()
    ladder.climb(rung)
    assert (await corridor.ask())[1]["served_from"] == "cache"


async def test_without_an_older_answer_the_first_rung_asks_the_department(
    corridor: Corridor, ladder: Steps
) -> None:
    ladder.climb("cache")
    assert (await corridor.ask())[1]["served_from"] == "source"


@pytest.mark.parametrize("is_compared_there", [False, True])
async def test_clause_8_1_2_with_verify_only_queries_are_refused_and_verifications_go_on(
    corridor: Corridor, ladder: Steps, is_compared_there: bool
) -> None:
    corridor.department.compares = is_compared_there
    corridor.department.verified = Verified({"name": "match"}) if is_compared_there else None
    ladder.climb("verify_only")
    reply, problem = await corridor.ask()
    assert (reply.status, problem["code"]) == (503, "DEPARTMENT_VERIFY_ONLY")
    assert (problem["attribution"], problem["retryable"]) == ("gateway", True)
    assert (await corridor.ask(**VERIFY))[1]["outcome"] == "match"


@pytest.mark.parametrize("rung", ["ticket", "substitute"])
@pytest.mark.parametrize("changes", [{}, VERIFY])
async def test_clause_8_1_2_further_up_nobody_waits_for_the_department(
    corridor: Corridor, ladder: Steps, rung: Rung, changes: dict[str, Any]
) -> None:
    ladder.climb(rung)
    reply, problem = await corridor.ask(**changes)
    assert (reply.status, problem["code"]) == (503, CODES[rung])
    assert corridor.department.queries == []


@pytest.mark.parametrize(("rung", "outcome"), [("ticket", "found"), ("substitute", None)])
async def test_who_does_not_wait_on_a_connection_is_let_through_by_ticket_alone(
    corridor: Corridor, ladder: Steps, rung: Rung, outcome: str | None
) -> None:
    ladder.climb(rung)
    body = request_body()
    access = Access(corridor.caller(body), "r" * 32, Claim("k", "n", 0), is_held=False)
    request = msgspec.json.decode(body, type=LookupRequest)
    reply = await corridor.lookup.material(access, request, Deadline.after(5))
    assert reply.outcome == (outcome or CODES[rung])


@pytest.mark.parametrize("rung", LADDER[2:])
@pytest.mark.parametrize("answer", [NotFound(), AdapterUnavailable("down")])
async def test_clause_8_1_2_what_is_not_asked_is_unavailable_and_never_not_found(
    corridor: Corridor, ladder: Steps, rung: Rung, answer: Any
) -> None:
    corridor.department.answer = answer
    ladder.climb(rung)
    _, problem = await corridor.ask()
    assert problem["code"] == CODES[rung]
    entry = corridor.log.entries[-1]
    assert (entry.outcome, entry.decision.result, entry.adapter) == ("unavailable", "permit", None)
    ladder.climb("normal")
    assert (await corridor.ask())[1].get("outcome") == (
        "not_found" if isinstance(answer, NotFound) else None
    )


@pytest.mark.parametrize("rung", LADDER)
async def test_policy_knows_no_rung(corridor: Corridor, ladder: Steps, rung: Rung) -> None:
    ladder.climb(rung)
    reply, problem = await corridor.ask(fields=["id_number"])
    assert (reply.status, problem["code"]) == (403, "FIELD_NOT_GRANTED")
