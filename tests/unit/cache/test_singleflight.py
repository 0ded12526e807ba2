# SPDX-License-Identifier: Apache-2.0
"""One call for all who ask the same thing at the same time; nobody's leaving hurts the others."""

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from gateway.cache.singleflight import SingleFlight

KEY = b"key"


class Source:
    """A department that answers when it is told to, and counts."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.failure = failure
        self.call_count = 0
        self.started = asyncio.Event()
        self.release = asyncio.Event()
        self.cancelled = asyncio.Event()

    async def __call__(self) -> int:
        self.call_count += 1
        self.started.set()
        try:
            await self.release.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        if self.failure is not None:
            raise self.failure
        return self.call_count


class Crowd:
    """Callers that are known to be waiting once `gather` has returned."""

    def __init__(self) -> None:
        self.flights = SingleFlight[int]()
        self.arrivals = asyncio.Queue[None]()

    async def _ask(self, source: Callable[[], Awaitable[int]], key: bytes) -> int:
        self.arrivals.put_nowait(None)  # `run` joins the flight before it first gives way
        return await self.flights.run(key, source)

    async def gather(
        self, source: Callable[[], Awaitable[int]], count: int, key: bytes = KEY
    ) -> list[asyncio.Task[int]]:
        tasks = [asyncio.create_task(self._ask(source, key)) for _ in range(count)]
        for _ in tasks:
            await self.arrivals.get()
        return tasks


@pytest.fixture
async def crowd() -> AsyncIterator[Crowd]:
    """Afterwards no task is left and the loop has heard no complaint."""
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, what: complaints.append(what))
    before = asyncio.all_tasks()
    crowd = Crowd()
    yield crowd
    if left := asyncio.all_tasks() - before - {asyncio.current_task()}:
        await asyncio.wait(left, timeout=1)
    assert asyncio.all_tasks() - before <= {asyncio.current_task()}
    assert not crowd.flights._flights
    assert not crowd.flights._tasks
    gc.collect()
    assert not complaints


async def outcome_of(task: asyncio.Task[int]) -> int | BaseException:
    await asyncio.wait((task,))
    return asyncio.CancelledError() if task.cancelled() else task.exception() or task.result()


async def test_five_thousand_callers_make_one_call(crowd: Crowd) -> None:
    source = Source()
    tasks = await crowd.gather(source, 5_000)
    source.release.set()
    assert [await task for task in tasks] == [1] * 5_000
    assert source.call_count == 1


async def test_other_keys_are_other_calls(crowd: Crowd) -> None:
    source = Source()
    tasks = await crowd.gather(source, 2) + await crowd.gather(source, 2, key=b"other")
    source.release.set()
    for task in tasks:
        await task
    assert source.call_count == 2


async def test_who_asks_after_the_answer_makes_a_new_call(crowd: Crowd) -> None:
    source = Source()
    source.release.set()
    assert await crowd.flights.run(KEY, source) == 1
    assert await crowd.flights.run(KEY, source) == 2


async def test_a_cancelled_waiter_does_not_disturb_the_others(crowd: Crowd) -> None:
    source = Source()
    first, *rest = await crowd.gather(source, 4)
    first.cancel()  # the one that started the call
    assert isinstance(await outcome_of(first), asyncio.CancelledError)
    assert not source.cancelled.is_set()
    source.release.set()
    assert [await task for task in rest] == [1, 1, 1]


async def test_the_last_waiter_that_leaves_cancels_the_call(crowd: Crowd) -> None:
    source = Source()
    tasks = await crowd.gather(source, 3)
    await source.started.wait()
    for task in tasks:
        task.cancel()
    async with asyncio.timeout(1):
        await source.cancelled.wait()
    for task in tasks:
        assert isinstance(await outcome_of(task), asyncio.CancelledError)


async def test_after_a_cancelled_call_the_next_caller_starts_a_new_one(crowd: Crowd) -> None:
    abandoned, source = Source(), Source()
    (task,) = await crowd.gather(abandoned, 1)
    await abandoned.started.wait()
    task.cancel()
    await outcome_of(task)  # the abandoned call may still be winding down
    source.release.set()
    assert await crowd.flights.run(KEY, source) == 1
    assert source.call_count == 1


async def test_an_old_call_that_winds_down_does_not_end_the_new_one(crowd: Crowd) -> None:
    abandoned, source = Source(), Source()
    wound_down = asyncio.Event()

    async def slow_to_leave() -> int:
        try:
            return await abandoned()
        finally:
            await wound_down.wait()

    (old,) = await crowd.gather(slow_to_leave, 1)
    await abandoned.started.wait()
    old.cancel()
    await outcome_of(old)
    new = await crowd.gather(source, 1)
    wound_down.set()
    await source.started.wait()
    joined = await crowd.gather(source, 1)
    source.release.set()
    assert [await task for task in new + joined] == [1, 1]
    assert source.call_count == 1


async def test_an_exception_goes_to_every_waiter_and_is_forgotten(crowd: Crowd) -> None:
    source = Source(failure=ConnectionError("down"))
    tasks = await crowd.gather(source, 3)
    source.release.set()
    for task in tasks:
        assert await outcome_of(task) is source.failure
    source.failure = None
    assert await crowd.flights.run(KEY, source) == 2


async def test_an_exception_with_nobody_left_to_hear_it_is_no_complaint(crowd: Crowd) -> None:
    started = asyncio.Event()

    async def fails_when_cancelled() -> int:
        started.set()
        try:
            return await Source()()
        except asyncio.CancelledError:
            raise ConnectionError("connection lost while closing") from None

    (task,) = await crowd.gather(fails_when_cancelled, 1)
    await started.wait()
    task.cancel()
    assert isinstance(await outcome_of(task), asyncio.CancelledError)


async def test_a_waiter_that_runs_out_of_time_leaves_like_any_other(crowd: Crowd) -> None:
    source = Source()
    (patient,) = await crowd.gather(source, 1)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await crowd.flights.run(KEY, source)
    source.release.set()
    assert await patient == 1


async def test_nobody_joins_a_call_that_was_detached_and_who_waits_gets_its_result(
    crowd: Crowd,
) -> None:
    old, new = Source(), Source()
    waiting = await crowd.gather(old, 2)
    crowd.flights.detach(lambda key: key == KEY)
    later = await crowd.gather(new, 2)
    old.release.set()
    assert [await task for task in waiting] == [1, 1]
    joined = await crowd.gather(new, 1)  # the end of the old call did not end the new one
    new.release.set()
    assert [await task for task in later + joined] == [1, 1, 1]
    assert (old.call_count, new.call_count) == (1, 1)


async def test_a_call_of_another_key_is_not_detached(crowd: Crowd) -> None:
    source = Source()
    waiting = await crowd.gather(source, 1)
    crowd.flights.detach(lambda key: key != KEY)
    joined = await crowd.gather(source, 1)
    source.release.set()
    assert [await task for task in waiting + joined] == [1, 1]
