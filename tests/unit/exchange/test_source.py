# SPDX-License-Identifier: Apache-2.0
"""What no cache has: one question for all who ask at once, and each waits as long as he may."""

import asyncio

import msgspec

from gateway.errors import AdapterTimeout
from gateway.exchange.source import RECORD_RESERVE_S
from gateway.model.answer import Found, NotFound
from gateway.sdk import Deadline, Query
from tests.unit.exchange.rooms import IDENTITY, RECORD, Corridor, Department


class Slow(Department):
    """Answers when it is told to, or not before the deadline that it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.is_asked, self.may_answer = asyncio.Event(), asyncio.Event()
        self.left_s: list[float] = []

    async def lookup(self, query: Query, deadline: Deadline) -> Found | NotFound:
        self.left_s.append(deadline.remaining_s)
        self.is_asked.set()
        try:
            async with asyncio.timeout(deadline.remaining_s):
                await self.may_answer.wait()
        except TimeoutError:
            raise AdapterTimeout from None
        return RECORD


async def test_who_joins_a_question_outlives_who_asked_it_first() -> None:
    slow = Slow()
    corridor = Corridor(departments=slow)
    first = asyncio.create_task(corridor.ask(deadline_s=RECORD_RESERVE_S + 0.5))
    await slow.is_asked.wait()
    second = asyncio.create_task(corridor.ask(deadline_s=60))
    _, problem = await first
    assert problem["code"] == "PROVIDER_TIMEOUT"
    slow.may_answer.set()
    _, answer = await second
    assert (answer["outcome"], answer["served_from"]) == ("found", "source")


async def test_a_question_that_nobody_may_join_has_the_time_of_who_asks() -> None:
    slow = Slow()
    never = msgspec.structs.replace(IDENTITY, cache_scope="never", ttl_s=0)
    slow.certificates = {never.name: never}
    slow.may_answer.set()
    await Corridor(departments=slow).ask(deadline_s=60)
    [left_s] = slow.left_s
    assert left_s <= 60 - RECORD_RESERVE_S
