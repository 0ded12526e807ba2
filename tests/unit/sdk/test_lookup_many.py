# SPDX-License-Identifier: Apache-2.0
"""Several questions at once, where a department has no better way."""

import asyncio

import msgspec
import pytest

from gateway.errors import AdapterContractBroken, AdapterUnavailable
from gateway.sdk import Deadline, Found, NotFound, Query
from tests.unit.registry.desk import FOUND, Desk, Settings, query


def numbered(place: int) -> Query:
    return msgspec.structs.replace(query(), request_id=str(place))


class Many(Desk):
    async def lookup(self, query: Query, deadline: Deadline) -> Found | NotFound:
        place = int(query.request_id)
        await asyncio.sleep(0.001 * (5 - place))  # the last one answers first
        match place:
            case 1:
                raise AdapterUnavailable("connection refused")
            case 3:
                raise ValueError("a record")
            case 4:
                return NotFound()
            case _:
                return FOUND


async def test_outcomes_stand_in_the_order_of_the_queries_and_errors_lose_nobody() -> None:
    first, away, second, broken, nobody = await Many(Settings()).lookup_many(
        [numbered(place) for place in range(5)], Deadline.after(5)
    )
    assert first is second is FOUND
    assert nobody == NotFound()
    assert isinstance(away, AdapterUnavailable)
    assert isinstance(broken, AdapterContractBroken)
    assert broken.cause == "ValueError"


async def test_all_are_asked_at_once() -> None:
    together = asyncio.Barrier(3)  # each lookup ends only when the others have begun

    class Meeting(Desk):
        async def lookup(self, query: Query, deadline: Deadline) -> Found | NotFound:
            await together.wait()
            return FOUND

    found = await Meeting(Settings()).lookup_many([query()] * 3, Deadline.after(5))
    assert found == [FOUND] * 3


async def test_a_cancelled_caller_leaves_no_lookup_behind() -> None:
    inside = 0

    class Hanging(Desk):
        async def lookup(self, query: Query, deadline: Deadline) -> Found | NotFound:
            nonlocal inside
            inside += 1
            try:
                await asyncio.Event().wait()
            finally:
                inside -= 1
            return FOUND

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await Hanging(Settings()).lookup_many([query()] * 3, Deadline.after(5))
    assert inside == 0
