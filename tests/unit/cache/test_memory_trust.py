# SPDX-License-Identifier: Apache-2.0
"""A process that may not hear of changes gives nothing from memory, and comes back empty."""

import asyncio

from gateway.cache.memory import BLIND_FLIGHT_S
from gateway.ports import Cached
from tests.unit.cache.test_memory import SEALED, Clock, answering, cache
from tests.unit.cache.test_memory_forget import IDENTITY, NEWER, certificate, key_of


async def test_answers_are_given_until_trust_ends_and_not_from_then_on() -> None:
    room = cache(clock := Clock())
    room.trust(clock.now_s + 1)
    await room.load(key_of(room), IDENTITY, answering(SEALED))
    clock.now_s += 0.999
    assert room.get(key_of(room), None) is SEALED
    clock.now_s += 0.001
    assert room.get(key_of(room), None) is None


async def test_neither_is_anything_stale() -> None:
    room = cache(clock := Clock())
    room.trust(clock.now_s + 700)
    await room.load(key_of(room), certificate(stale_s=600), answering(SEALED))
    clock.now_s += 699
    assert room.get_stale(key_of(room), None) is SEALED
    clock.now_s += 1
    assert room.get_stale(key_of(room), None) is None


async def test_trust_without_a_gap_keeps_answers_and_with_one_does_not() -> None:
    room = cache(clock := Clock())
    room.trust(clock.now_s + 1)
    await room.load(key_of(room), IDENTITY, answering(SEALED))
    clock.now_s += 0.5
    room.trust(clock.now_s + 1)
    assert room.get(key_of(room), None) is SEALED
    clock.now_s += 1
    room.trust(clock.now_s + 1)
    assert room.get(key_of(room), None) is None


async def test_what_was_asked_for_without_trust_is_not_kept_for_later() -> None:
    room = cache(clock := Clock())
    room.trust(clock.now_s)
    await room.load(key_of(room), IDENTITY, answering(SEALED))
    clock.now_s += 0.1
    room.trust(clock.now_s + 1)
    assert room.get(key_of(room), None) is None


async def test_without_trust_a_call_is_shared_while_it_is_young_and_no_longer() -> None:
    room = cache(clock := Clock())
    clock.now_s = 1000.0
    room.trust(clock.now_s)
    key, release, calls = key_of(room), asyncio.Event(), []

    async def slow() -> Cached:
        calls.append(clock.now_s)
        await release.wait()
        return SEALED

    async with asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(room.load(key, IDENTITY, slow))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        clock.now_s += BLIND_FLIGHT_S
        later = group.create_task(room.load(key, IDENTITY, answering(NEWER)))
        await asyncio.sleep(0)
        release.set()
    assert calls == [1000.0]
    assert later.result() is NEWER
