# SPDX-License-Identifier: Apache-2.0
"""Places at a department are never lost, and the queue keeps its order."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import AdapterUnavailable
from gateway.registry.slots import Slots
from gateway.sdk import Deadline

LONG_S = 30.0


async def test_who_waits_longest_comes_first() -> None:
    order: list[int] = []

    async def visit(place: int) -> None:
        await slots.acquire(Deadline.after(LONG_S))
        order.append(place)
        await asyncio.sleep(0)
        slots.release()

    slots = Slots(1)
    first = asyncio.create_task(visit(0))
    await asyncio.sleep(0)
    second = asyncio.create_task(visit(1))
    await asyncio.wait({first, second})
    assert order == [0, 1]
    assert slots.free_count == 1


async def test_all_who_wait_can_be_turned_away_at_once() -> None:
    slots = Slots(2)
    for _ in range(2):
        await slots.acquire(Deadline.after(LONG_S))
    waiting = [asyncio.create_task(slots.acquire(Deadline.after(LONG_S))) for _ in range(2)]
    await asyncio.sleep(0)
    assert slots.waiting_count == 2
    slots.turn_away("open", retry_after_s=3)
    assert slots.waiting_count == 0
    for task in waiting:
        with pytest.raises(AdapterUnavailable) as caught:
            await task
        assert caught.value.retry_after_s == 3
    for _ in range(2):
        slots.release()
    assert slots.free_count == 2


class Visits:
    """Visitors of two places, who do as they are told."""

    def __init__(self) -> None:
        self.slots = Slots(2)
        self.tasks: list[asyncio.Task[None]] = []
        self.ends: list[asyncio.Event] = []

    async def come(self) -> None:
        self.ends.append(asyncio.Event())
        self.tasks.append(asyncio.create_task(self._visit(self.ends[-1])))

    async def leave(self) -> None:
        for task in self.tasks[-1:]:
            task.cancel()

    async def end(self) -> None:
        for event in self.ends[:1]:
            event.set()

    async def away(self) -> None:
        self.slots.turn_away("open", retry_after_s=1)

    async def turn(self) -> None:
        await asyncio.sleep(0)

    async def all_leave(self) -> None:
        for task in self.tasks:
            task.cancel()
            with suppress(asyncio.CancelledError, AdapterUnavailable):
                await task

    async def _visit(self, end: asyncio.Event) -> None:
        await self.slots.acquire(Deadline.after(LONG_S))
        try:
            await end.wait()
        finally:
            self.slots.release()


ACTS = (Visits.come, Visits.leave, Visits.end, Visits.away, Visits.turn)


@given(st.lists(st.sampled_from(ACTS), max_size=60))
def test_no_place_is_lost_whatever_happens(
    acts: list[Callable[[Visits], Awaitable[None]]],
) -> None:
    async def play() -> int:
        visits = Visits()
        for act in acts:
            await act(visits)
        await visits.all_leave()
        return visits.slots.free_count

    assert asyncio.run(play()) == 2
