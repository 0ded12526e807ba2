# SPDX-License-Identifier: Apache-2.0
"""Certificates that are asked by more than the number, and departments of one place only."""

from typing import Any

import msgspec
import pytest

from gateway.model.answer import Found
from gateway.model.certificate import Field
from gateway.sdk import Text
from tests.unit.exchange.rooms import GRANT, IDENTITY, NAME, NUMBER, RECORD, Corridor

MOTHER = "140303190001020027"
OTHER_MOTHER = "14031119010203003X"
BIRTH = msgspec.structs.replace(
    IDENTITY,
    fields=(*IDENTITY.fields, Field("mother_id", Text("mother", "母亲"), sensitivity="sensitive")),
    key_fields=("mother_id",),
)
ALLOWED = msgspec.structs.replace(GRANT, fields=(*GRANT.fields, "mother_id"))


def corridor(mother: str | None = MOTHER) -> Corridor:
    walked = Corridor(ALLOWED, certificate=BIRTH)
    walked.department.answer = Found({**RECORD.fields, "mother_id": mother})
    return walked


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"claims": {"mother_id": None}},
        {"claims": {"mother_id": ""}},
        {"claims": {"mother_id": 1}},
        {"operation": "verify", "fields": [], "claims": {"name": NAME}},
    ],
)
async def test_without_the_second_key_nobody_is_asked(changes: dict[str, Any]) -> None:
    walked = corridor()
    reply, problem = await walked.ask(**changes)
    assert (reply.status, problem["code"]) == (422, "KEY_FIELD_MISSING")
    assert "mother_id (string)" in problem["detail"]
    assert walked.department.queries == []
    [entry] = walked.log.entries
    assert entry.decision.rule == "fields.key"


async def test_the_department_is_asked_by_both_and_the_log_names_both() -> None:
    walked = corridor()
    _, answer = await walked.ask(claims={"mother_id": MOTHER})
    assert answer["outcome"] == "found"
    assert walked.department.queries[0].claims == {"mother_id": MOTHER}
    [entry] = walked.log.entries
    assert entry.fields_requested == ("name", "mother_id")
    assert entry.fields_released == ("name",)
    assert MOTHER.encode() not in walked.log.lines[0]


async def test_the_second_key_has_to_be_granted() -> None:
    walked = Corridor(GRANT, certificate=BIRTH)
    _, problem = await walked.ask(claims={"mother_id": MOTHER})
    assert problem["code"] == "FIELD_NOT_GRANTED"


async def test_a_query_claims_key_fields_only() -> None:
    _, problem = await corridor().ask(claims={"mother_id": MOTHER, "name": NAME})
    assert problem["code"] == "FIELD_UNKNOWN"


async def test_an_answer_is_shared_by_who_states_the_same_key() -> None:
    walked = corridor(None)
    for mother in (MOTHER, MOTHER, OTHER_MOTHER):
        await walked.ask(claims={"mother_id": mother})
    assert [entry.served_from for entry in walked.log.entries] == ["source", "cache", "source"]


async def test_a_record_that_repeats_another_key_is_not_disclosed() -> None:
    reply, answer = await corridor(OTHER_MOTHER).ask(claims={"mother_id": MOTHER})
    assert answer["outcome"] == "mismatch"
    assert NAME.encode() not in reply.body


@pytest.mark.parametrize("repeated", [MOTHER, None])
async def test_a_verification_counts_the_key_by_which_it_was_found(repeated: str | None) -> None:
    _, answer = await corridor(repeated).ask(
        operation="verify", fields=[], claims={"mother_id": MOTHER, "name": NAME}
    )
    assert answer["results"] == {"mother_id": "match", "name": "match"}


async def test_a_place_that_nobody_serves_is_refused_before_anybody_is_asked() -> None:
    walked = Corridor()
    walked.department.serves = "140302"
    reply, problem = await walked.ask(attribution__division="140303")
    assert (reply.status, problem["code"]) == (422, "DIVISION_UNSERVED")
    assert walked.department.queries == []
    [entry] = walked.log.entries
    assert (entry.decision.result, entry.decision.rule) == ("deny", "check.certificate")


async def test_the_place_goes_with_the_question() -> None:
    walked = Corridor()
    walked.department.serves = "140302"
    await walked.ask(attribution__division="140302")
    assert walked.department.queries[0].division == "140302"
    assert NUMBER not in repr(walked.department.queries[0])


async def test_the_same_words_go_to_the_same_place_without_being_understood_again() -> None:
    walked = corridor(None)
    for _ in range(4):
        await walked.ask(claims={"mother_id": MOTHER}, attribution__division="140302001002")
    assert walked.policy.decided_count == 1
    assert [query.division for query in walked.department.queries] == ["140302001002"]
    assert [entry.fields_requested for entry in walked.log.entries] == [("name", "mother_id")] * 4
