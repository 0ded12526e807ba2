# SPDX-License-Identifier: Apache-2.0
"""Answers that are told to be forgotten, and old ones in place of a department that is away."""

import asyncio

import pytest

from gateway.cache.memory import MemoryCache
from gateway.errors import Text
from gateway.model.answer import MAX_LOAD_S, Absent, Sealed
from gateway.model.certificate import CertificateType
from gateway.model.forget import Forget
from gateway.model.holder import Holder
from gateway.ports import Cached
from tests.unit.cache.test_memory import ABSENT, HOLDER, SEALED, Clock, answering, cache

NEWER = Sealed("d", bytes(64) + b"e\n[1]", ("name",), "2026-11-22T09:00:00Z")
OTHER = Holder("cn-id", "140302198001010020")


def certificate(stale_s: int = 0, name: str = "public_security.identity") -> CertificateType:
    return CertificateType(
        name=name,
        title=Text("Identity", "身份"),
        schemes=("cn-id",),
        fields=(),
        ttl_s=600,
        cache_scope="agency_purpose",
        stale_s=stale_s,
    )


IDENTITY = certificate()


def key_of(room: MemoryCache, holder: Holder = HOLDER, kind: CertificateType = IDENTITY) -> bytes:
    key = room.key(holder, kind, agency="yq-gjj", item="i-1", case="1234", grant="g@1")
    assert key is not None
    return key


def about(room: MemoryCache, holder: Holder = HOLDER) -> Forget:
    return Forget(tags=room.tags(holder.scheme, holder.number, (IDENTITY.name,)))


async def test_a_holders_answers_are_gone_and_no_others() -> None:
    room = cache(clock := Clock())
    for holder in (HOLDER, OTHER):
        await room.load(key_of(room, holder), IDENTITY, answering(SEALED))
    clock.now_s += 1
    room.forget(about(room))
    assert room.get(key_of(room), None) is None
    assert room.get(key_of(room, OTHER), None) is SEALED


async def test_every_name_and_every_asker_of_a_holder_is_meant() -> None:
    room = cache(Clock())
    for holder in (HOLDER, Holder(HOLDER.scheme, HOLDER.number)):
        await room.load(key_of(room, holder), IDENTITY, answering(SEALED))
    room.forget(about(room))
    assert room.get(key_of(room), None) is None
    assert room.get(key_of(room, Holder(HOLDER.scheme, HOLDER.number)), None) is None


async def test_what_is_asked_after_the_signal_is_kept_again() -> None:
    room = cache(clock := Clock())
    await room.load(key_of(room), IDENTITY, answering(SEALED))
    room.forget(about(room))
    clock.now_s += 0.001
    await room.load(key_of(room), IDENTITY, answering(NEWER))
    assert room.get(key_of(room), None) is NEWER


async def test_an_answer_on_its_way_during_the_signal_is_neither_kept_nor_shared() -> None:
    room = cache(clock := Clock())
    started, release = asyncio.Event(), asyncio.Event()
    key = key_of(room)

    async def slow() -> Cached:
        started.set()
        await release.wait()
        return SEALED

    async with asyncio.TaskGroup() as group:
        before = group.create_task(room.load(key, IDENTITY, slow))
        await started.wait()
        clock.now_s += 1
        room.forget(about(room))
        clock.now_s += 1
        later = await room.load(key, IDENTITY, answering(NEWER))
        release.set()
    assert later is NEWER
    assert before.result() is SEALED  # it had asked before the signal
    assert room.get(key, None) is NEWER


async def test_a_certificate_type_is_forgotten_for_all_holders() -> None:
    room = cache(Clock())
    account = certificate(name="housing_fund.account")
    for kind in (IDENTITY, account):
        await room.load(key_of(room, kind=kind), kind, answering(SEALED))
    room.forget(Forget(certificates=(IDENTITY.name,)))
    assert room.get(key_of(room), None) is None
    assert room.get(key_of(room, kind=account), None) is SEALED


async def test_everything_is_forgotten_at_once_and_frees_its_memory() -> None:
    room = cache(Clock())
    await room.load(key_of(room), IDENTITY, answering(SEALED))
    room.forget(Forget(everything=True))
    assert room.get(key_of(room), None) is None
    assert room.state().entry_count == room.state().weight_bytes == 0


async def test_a_new_secret_makes_other_keys_and_forgets() -> None:
    room = cache(Clock())
    before = key_of(room)
    await room.load(before, IDENTITY, answering(SEALED))
    room.restart(bytes(32))
    assert key_of(room) != before
    assert room.get(before, None) is None


async def test_under_the_same_secret_keys_stay_as_they_are_and_answers_do_not() -> None:
    room = MemoryCache(max_entries=10, max_bytes=1 << 20, secret=bytes(32))
    before = key_of(room)
    await room.load(before, IDENTITY, answering(SEALED))
    room.restart(bytes(32))
    assert key_of(room) == before
    assert room.get(before, None) is None


async def test_processes_with_one_secret_know_holders_by_the_same_tags() -> None:
    one, other = cache(Clock()), cache(Clock())
    assert about(one) != about(other)
    for room in (one, other):
        room.restart(bytes(32))
    assert about(one) == about(other)


async def test_a_note_is_dropped_when_nothing_it_is_about_can_be_left() -> None:
    room = cache(clock := Clock())
    await room.load(key_of(room), IDENTITY, answering(SEALED))
    room.forget(about(room))
    clock.now_s += 600 + MAX_LOAD_S + 1
    await room.load(key_of(room, OTHER), IDENTITY, answering(SEALED))
    assert room._forgotten.is_empty


@pytest.mark.parametrize(
    ("answer", "stale_s", "age_s", "max_age_s", "is_given"),
    [
        (SEALED, 0, 600, None, False),
        (SEALED, 60, 600, None, True),
        (SEALED, 60, 659.9, None, True),
        (SEALED, 60, 660, None, False),
        (SEALED, 60, 610, 610, False),
        (SEALED, 60, 610, 611, True),
        (SEALED, 60, 10, 0, False),
        (ABSENT, 60, 30, None, False),
        (ABSENT, 60, 61, None, False),
    ],
)
async def test_a_stale_answer_is_no_older_than_type_and_asker_allow(
    answer: Cached, stale_s: int, age_s: float, max_age_s: int | None, is_given: bool
) -> None:
    room = cache(clock := Clock())
    kind = certificate(stale_s)
    await room.load(key_of(room), kind, answering(answer))
    clock.now_s += age_s
    assert room.get_stale(key_of(room), max_age_s) is (answer if is_given else None)
    if age_s >= 600:
        assert room.get(key_of(room), None) is None  # never as if it were fresh


async def test_what_was_forgotten_is_not_given_as_stale_either() -> None:
    room = cache(clock := Clock())
    kind = certificate(stale_s=600)
    await room.load(key_of(room), kind, answering(SEALED))
    clock.now_s += 700
    assert room.get_stale(key_of(room), None) is SEALED
    room.forget(about(room))
    assert room.get_stale(key_of(room), None) is None


async def test_without_a_key_there_is_nothing_stale() -> None:
    assert cache(Clock()).get_stale(None, None) is None


async def test_the_state_counts_what_was_given() -> None:
    room = cache(clock := Clock())
    await room.load(key_of(room), certificate(stale_s=600), answering(SEALED))
    await room.load(key_of(room, OTHER), IDENTITY, answering(Absent(ABSENT.as_of)))
    clock.now_s += 10
    room.get(key_of(room), None)
    room.get(bytes(32), None)
    clock.now_s += 690
    room.get_stale(key_of(room), None)
    room.forget(about(room))
    state = room.state()
    assert (state.entry_count, state.store_count) == (2, 2)
    assert (state.hit_count, state.miss_count, state.stale_count) == (2, 1, 1)
    assert (state.hit_age_s, state.forget_count) == (710, 1)
    assert state.weight_bytes > len(SEALED.content)


async def test_an_older_answer_that_comes_late_does_not_take_a_newer_ones_place() -> None:
    room = cache(clock := Clock())
    started, release = asyncio.Event(), asyncio.Event()
    key = key_of(room)

    async def slow() -> Cached:
        started.set()
        await release.wait()
        return SEALED

    async with asyncio.TaskGroup() as group:
        group.create_task(room.load(key, IDENTITY, slow))
        await started.wait()
        room._flights.detach(lambda _: True)
        clock.now_s += 1
        await room.load(key, IDENTITY, answering(NEWER))
        release.set()
    assert room.get(key, None) is NEWER
