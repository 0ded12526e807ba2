# SPDX-License-Identifier: Apache-2.0
"""All eight departments through the gateway: each answers a query and a verification."""

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from fixtures.departments import ALL
from fixtures.hall import Question, questions
from fixtures.world import World
from gateway.client import Refused

pytestmark = pytest.mark.integration

QUESTIONS = questions()


@pytest.fixture(scope="module")
def hall() -> Iterator[World]:
    """A world with all departments, where an integrated window asks."""
    with (
        tempfile.TemporaryDirectory(prefix="yz-") as folder,
        World(Path(folder), departments=ALL) as world,
    ):
        yield world


def test_every_department_is_asked_for_a_query_and_a_verification() -> None:
    asked = [(question.department, question.request.operation) for question in QUESTIONS]
    assert sorted(asked) == sorted((name, op) for name in ALL for op in ("query", "verify"))


@pytest.mark.parametrize(
    "question", QUESTIONS, ids=lambda q: f"{q.department}-{q.request.operation}"
)
async def test_a_department_answers(hall: World, question: Question) -> None:
    async with hall.hall() as window:
        answer = (await window.lookup(question.request)).answer
    assert answer.outcome == question.outcome
    assert dict(answer.fields or {}) == question.fields
    assert (answer.sealed is not None) == (question.request.operation == "query")


def of(certificate: str, operation: str = "query") -> Question:
    [found] = [
        question
        for question in QUESTIONS
        if (question.request.certificate, question.request.operation) == (certificate, operation)
    ]
    return found


async def refusal(world: World, question: Question, **changes: object) -> str:
    request = msgspec.structs.replace(question.request, **changes)
    async with world.hall() as window:
        with pytest.raises(Refused) as caught:
            await window.lookup(request)
    return caught.value.problem.code


async def test_a_birth_certificate_is_asked_by_two_keys_or_not_at_all(hall: World) -> None:
    birth = of("health.birth_certificate")
    assert await refusal(hall, birth, claims={}) == "KEY_FIELD_MISSING"
    other = {"certificate_no": "Z140000009"}
    async with hall.hall() as window:
        request = msgspec.structs.replace(birth.request, claims=other)
        assert (await window.lookup(request)).answer.outcome == "not_found"


async def test_whether_somebody_has_no_home_gives_no_list_away(hall: World) -> None:
    no_home = of("real_estate.no_home", "verify")
    code = await refusal(hall, no_home, operation="query", fields=("has_no_home",), claims={})
    assert code == "OPERATION_NOT_GRANTED"


async def test_two_people_who_were_never_married_are_not_found(hall: World) -> None:
    marriage = of("civil_affairs.marriage", "verify")
    claims = marriage.request.claims | {"cert_num_woman": hall.citizens[3].id_number}
    async with hall.hall() as window:
        request = msgspec.structs.replace(marriage.request, claims=claims)
        assert (await window.lookup(request)).answer.outcome == "not_found"


async def test_a_department_that_is_away_is_unavailable_and_hurts_no_other(hall: World) -> None:
    titles, degrees = of("real_estate.title"), of("education.degree")
    await asyncio.to_thread(hall.departments["real_estate"].stop)
    fresh = msgspec.structs.replace(titles.request.attribution, case="YQ20261122-0009")
    assert await refusal(hall, titles, attribution=fresh) == "PROVIDER_UNAVAILABLE"
    async with hall.hall() as window:
        assert (await window.lookup(degrees.request)).answer.outcome == "found"
