# SPDX-License-Identifier: Apache-2.0
"""Answers of the recent past: fresh or not at all, bounded, and asked for once."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cache.memory import MAX_ABSENT_TTL_S, MemoryCache
from gateway.errors import AdapterUnavailable, Text
from gateway.model.answer import Absent, Sealed
from gateway.model.certificate import CertificateType
from gateway.model.holder import Holder
from gateway.ports import Cached

HOLDER = Holder("cn-id", "140302190001010017", "测试甲")
SEALED = Sealed("a", bytes(64) + b"b\n[]", ("name",), "2026-11-22T08:00:00Z")
ABSENT = Absent("2026-11-22T08:00:00Z")


class Clock:
    """Monotonic seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


def certificate(ttl_s: int = 600) -> CertificateType:
    return CertificateType(
        name="public_security.identity",
        title=Text("Identity", "身份"),
        schemes=("cn-id",),
        fields=(),
        ttl_s=ttl_s,
        cache_scope="agency_purpose",
    )


def answering(answer: Cached) -> Callable[[], Awaitable[Cached]]:
    async def source() -> Cached:
        return answer

    return source


def cache(clock: Clock, *, max_entries: int = 100, max_bytes: int = 1_000_000) -> MemoryCache:
    return MemoryCache(max_entries=max_entries, max_bytes=max_bytes, clock_s=clock)


def key_of(room: MemoryCache, ttl_s: int = 600) -> bytes | None:
    return room.key(
        HOLDER, certificate(ttl_s), agency="yq-gjj", item="yq-gjj-001", case="1234", grant="g@1"
    )


def numbered(place: int) -> bytes:
    return place.to_bytes(32, "big")


async def test_an_answer_is_kept_and_given_again() -> None:
    room = cache(Clock())
    key = key_of(room)
    assert key is not None
    assert room.get(key, None) is None
    assert await room.load(key, certificate(), answering(SEALED)) is SEALED
    assert room.get(key, None) is SEALED
    assert (room.hit_count, room.miss_count, room.store_count) == (1, 1, 1)


async def test_without_a_key_the_source_is_asked_and_nothing_is_kept() -> None:
    room = cache(Clock())
    assert key_of(room, ttl_s=0) is None
    assert await room.load(None, certificate(0), answering(SEALED)) is SEALED
    assert room.store_count == 0


@pytest.mark.parametrize(
    ("answer", "ttl_s", "lives_s"),
    [
        (SEALED, 600, 600),
        (SEALED, 5, 5),
        (ABSENT, 600, MAX_ABSENT_TTL_S),
        (ABSENT, 5, 5),
    ],
)
async def test_an_answer_lives_as_long_as_its_kind_and_type_allow(
    answer: Cached, ttl_s: int, lives_s: int
) -> None:
    clock = Clock()
    room = cache(clock)
    await room.load(numbered(1), certificate(ttl_s), answering(answer))
    clock.now_s += lives_s - 0.001
    assert room.get(numbered(1), None) is answer
    clock.now_s += 0.001
    assert room.get(numbered(1), None) is None


@given(age_s=st.integers(0, 700), max_age_s=st.none() | st.integers(0, 700))
def test_no_answer_is_older_than_it_may_be(age_s: int, max_age_s: int | None) -> None:
    clock = Clock()
    room = cache(clock)
    asyncio.run(room.load(numbered(1), certificate(600), answering(SEALED)))
    clock.now_s += age_s
    given = room.get(numbered(1), max_age_s)
    fresh = age_s < 600 and (max_age_s is None or age_s < max_age_s)
    assert given is (SEALED if fresh else None)


async def test_an_age_of_zero_seconds_is_never_answered_from_the_cache() -> None:
    room = cache(Clock())
    await room.load(numbered(1), certificate(), answering(SEALED))
    assert room.get(numbered(1), 0) is None


async def test_a_later_answer_takes_the_place_of_an_earlier_one() -> None:
    room = cache(Clock())
    await room.load(numbered(1), certificate(), answering(ABSENT))
    await room.load(numbered(1), certificate(), answering(SEALED))
    assert room.get(numbered(1), None) is SEALED


async def test_a_failure_is_not_kept() -> None:
    room = cache(Clock())

    async def down() -> Cached:
        raise AdapterUnavailable("connection refused")

    with pytest.raises(AdapterUnavailable):
        await room.load(numbered(1), certificate(), down)
    assert room.store_count == 0
    assert await room.load(numbered(1), certificate(), answering(SEALED)) is SEALED


async def test_concurrent_misses_ask_once_and_keep_once() -> None:
    room = cache(Clock())
    asked: list[None] = []
    release = asyncio.Event()

    async def source() -> Cached:
        asked.append(None)
        await release.wait()
        return SEALED

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(room.load(numbered(1), certificate(), source)) for _ in "12345"]
        release.set()
    assert [task.result() for task in tasks] == [SEALED] * 5
    assert len(asked) == room.store_count == 1


async def test_entries_are_bounded_by_count() -> None:
    room = cache(Clock(), max_entries=10)
    for place in range(100):
        await room.load(numbered(place), certificate(), answering(SEALED))
    kept = [place for place in range(100) if room.get(numbered(place), None)]
    assert len(kept) == 10


async def test_entries_are_bounded_by_weight() -> None:
    heavy = Sealed("a", bytes(10_000), (), SEALED.as_of)
    room = cache(Clock(), max_entries=1_000_000, max_bytes=100_000)
    for place in range(100):
        await room.load(numbered(place), certificate(), answering(heavy))
    kept = [place for place in range(100) if room.get(numbered(place), None)]
    assert 1 <= len(kept) < 10


async def test_an_answer_that_can_never_fit_is_given_and_not_kept() -> None:
    room = cache(Clock(), max_entries=10, max_bytes=1_000)
    await room.load(numbered(1), certificate(), answering(ABSENT))
    huge = Sealed("a", bytes(1_001), (), SEALED.as_of)
    assert await room.load(numbered(2), certificate(), answering(huge)) is huge
    assert room.get(numbered(2), None) is None
    assert room.get(numbered(1), None) is ABSENT


async def test_what_has_ended_leaves_memory_within_seconds_though_nobody_asks() -> None:
    room = cache(clock := Clock(), max_entries=10_000, max_bytes=1 << 24)
    for place in range(5_000):
        await room.load(numbered(place), certificate(600), answering(SEALED))
    clock.now_s += 599.9
    room.drop_ended()
    assert room.state().entry_count == 5_000
    clock.now_s += 0.1
    left = []
    for _ in range(3):
        room.drop_ended()
        left.append(room.state().entry_count)
    assert left == [3_000, 1_000, 0]


async def test_an_answer_is_peeked_at_as_long_as_it_may_be_given_and_not_counted() -> None:
    room = cache(clock := Clock())
    kind = msgspec.structs.replace(certificate(600), stale_s=60)
    await room.load(numbered(1), kind, answering(SEALED))
    clock.now_s += 659.9
    assert room.peek(numbered(1)) is SEALED
    clock.now_s += 0.1
    assert room.peek(numbered(1)) is None
    assert (room.hit_count, room.miss_count) == (0, 0)


async def test_guessed_numbers_do_not_push_certificates_out() -> None:
    room = cache(Clock(), max_entries=10)
    await room.load(numbered(0), certificate(), answering(SEALED))
    for place in range(1, 100):
        await room.load(numbered(place), certificate(), answering(ABSENT))
    assert room.get(numbered(0), None) is SEALED


def test_two_processes_have_different_keys() -> None:
    assert key_of(cache(Clock())) != key_of(cache(Clock()))
