# SPDX-License-Identifier: Apache-2.0
"""Departments are pinged while nobody asks them, and while they fail; never more than allowed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.errors import AdapterUnavailable
from gateway.registry.guard import Guard
from gateway.registry.heartbeat import Heartbeat
from gateway.sdk import Deadline
from tests.unit.registry.desk import Desk, Settings, query

LONG_S = 30.0


def watched(*, interval_s: float, probe_interval_s: float) -> tuple[Desk, Guard, Heartbeat]:
    desk = Desk(Settings())
    guard = Guard("desk", desk, timeout_s=5, concurrency=4, probe_interval_s=probe_interval_s)
    return desk, guard, Heartbeat(guard, interval_s=interval_s, probe_interval_s=probe_interval_s)


@asynccontextmanager
async def beating(heartbeat: Heartbeat) -> AsyncIterator[None]:
    task = asyncio.create_task(heartbeat.beat())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait((task,))


async def away() -> object:
    raise AdapterUnavailable("connection refused")


async def test_a_department_that_answers_is_left_in_peace() -> None:
    desk, guard, heartbeat = watched(interval_s=0.2, probe_interval_s=0.01)
    async with beating(heartbeat):
        for _ in range(40):
            await guard.lookup(query(), Deadline.after(LONG_S))
            await asyncio.sleep(0.01)
    assert desk.calls.count("ping") <= 1


async def test_one_that_failed_a_ping_is_asked_again_soon_though_lookups_work() -> None:
    desk, guard, heartbeat = watched(interval_s=LONG_S, probe_interval_s=0.01)
    desk.answer = away
    assert await heartbeat.ask(max_age_s=0) == "PROVIDER_UNAVAILABLE"
    desk.answer = desk._found
    await guard.lookup(query(), Deadline.after(LONG_S))
    heartbeat._interval_s = 0.05  # type: ignore[misc] # the first beat comes within one interval
    async with beating(heartbeat), asyncio.timeout(LONG_S):
        while guard.health != "ok":  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.01)


async def test_askers_share_a_ping_and_cannot_hurry_it() -> None:
    desk, _, heartbeat = watched(interval_s=5, probe_interval_s=LONG_S)
    async with asyncio.TaskGroup() as group:
        for _ in range(10):
            group.create_task(heartbeat.ask(max_age_s=0))
    assert desk.calls == ["ping"]


async def test_a_department_that_comes_back_is_tried_by_ping_and_then_by_one_lookup() -> None:
    desk, guard, heartbeat = watched(interval_s=0.05, probe_interval_s=0.02)
    desk.answer = away
    for _ in range(25):
        try:
            await guard.lookup(query(), Deadline.after(LONG_S))
        except AdapterUnavailable:
            continue
    assert guard.health == "open: PROVIDER_UNAVAILABLE"
    desk.answer = desk._found
    async with beating(heartbeat), asyncio.timeout(LONG_S):
        while not guard.health.startswith("half_open"):  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.03)
        await guard.lookup(query(), Deadline.after(LONG_S))
    assert guard.health == "ok"
