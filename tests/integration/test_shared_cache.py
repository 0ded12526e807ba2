# SPDX-License-Identifier: Apache-2.0
"""Caches of several nodes behind which one real store stands: shared, aged, voided, sealed."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.cache.changes import void_once
from gateway.cache.stored import SKEW_S
from gateway.crypto.shared import SharedCipher
from gateway.errors import StoreError
from gateway.model.answer import Sealed
from gateway.model.forget import Forget
from gateway.ports import Cached
from tests.integration.caches import (
    ABSENT,
    HOLDER,
    IDENTITY,
    KEY,
    NEWER,
    OTHER,
    SEALED,
    TOKEN,
    Source,
    be_patient,
    key_of,
    kind,
    node,
    origin,
    slow_clock,
    store_at,
    stored,
    tag_of,
)
from tests.store_server import StoreServer, needs_store

pytestmark = needs_store


@pytest.fixture
def server(tmp_path: Path) -> Iterator[StoreServer]:
    own = StoreServer(tmp_path / "store")
    own.start()
    yield own
    own.stop()


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes late is the other page's subject."""
    be_patient(monkeypatch)


async def test_what_one_node_asked_the_others_need_not_ask(server: StoreServer) -> None:
    source = Source()
    async with node(server) as one, node(server, clock_s=slow_clock()) as two:
        assert await origin(one, source) == "source"
        await stored(server)
        assert await origin(two, source) == "store"
        assert await origin(two, source) == "memory"
        assert await origin(two, source, holder=OTHER) == "source"
        assert source.count == 2
        state = two.state()
        assert (state.shared_hit_count, state.shared_miss_count) == (1, 1)
        assert (state.shared_error_count, state.shared_refused_count) == (0, 0)


async def test_of_many_who_ask_at_once_one_asks_store_and_department(server: StoreServer) -> None:
    source = Source()
    async with node(server, clock_s=slow_clock()) as one, asyncio.TaskGroup() as group:
        asked = [group.create_task(origin(one, source)) for _ in range(1000)]
    assert source.count == 1
    assert {task.result() for task in asked} == {"source"}
    assert server.ask("INFO", "commandstats").count(b"cmdstat_mget:calls=1,") == 1


async def test_who_asks_the_store_while_another_is_answered_gets_that_answer(
    server: StoreServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    started, release = asyncio.Event(), asyncio.Event()

    async def slow() -> Cached:
        started.set()
        await release.wait()
        return SEALED

    source = Source(NEWER)
    async with node(server, clock_s=slow_clock()) as one, asyncio.TaskGroup() as group:
        first = group.create_task(origin(one, slow))
        await started.wait()
        look = one._look  # the moment between two of its steps

        async def answered_meanwhile(*asked: object) -> object:
            seen = await look(*asked)  # type: ignore[arg-type]
            release.set()
            await first
            return seen

        monkeypatch.setattr(one, "_look", answered_meanwhile)
        assert await origin(one, source) == "store"  # kept, that is: by this node
        assert await first == "source"
    assert source.count == 0


async def test_the_age_goes_with_the_answer(server: StoreServer) -> None:
    source = Source()
    async with node(server) as one, node(server, ahead_s=100) as later:
        await origin(one, source)
        await stored(server)
        assert await origin(later, source, max_age_s=90) == "source"
    async with node(server) as one, node(server, ahead_s=100) as later:
        await origin(one, source, holder=OTHER)
        await stored(server, 2)
        assert await origin(later, source, holder=OTHER, max_age_s=150) == "store"
        assert later.get(key_of(later, OTHER), 90) is None


async def test_an_answer_ends_with_its_ttl_whoever_has_it(server: StoreServer) -> None:
    source = Source()
    async with node(server) as one, node(server, ahead_s=601) as later:
        await origin(one, source)
        await stored(server)
        assert await origin(later, source) == "source"


async def test_an_old_answer_stands_in_for_a_department_that_is_away(server: StoreServer) -> None:
    lasting = kind(stale_s=600)

    async def away() -> Cached:
        raise StoreError("CACHE_UNREACHED")  # any error does

    async with node(server) as one, node(server, ahead_s=700, clock_s=slow_clock()) as later:
        await origin(one, Source(), of=lasting)
        await stored(server)
        with pytest.raises(StoreError):
            await origin(later, away, of=lasting)
        assert later.get_stale(key_of(later, of=lasting), None) == SEALED
        assert later.get_stale(key_of(later, of=lasting), 650) is None


async def test_nothing_lives_longer_because_a_clock_is_wrong(server: StoreServer) -> None:
    """The writer's may be ahead by the skew; a reader's that is behind finds the store's word."""
    source = Source()
    async with node(server, ahead_s=SKEW_S + 5) as ahead, node(server) as reader:
        await origin(ahead, source)
        await stored(server)
        assert await origin(reader, source) == "source"
        assert reader.state().shared_refused_count == 1


async def test_not_found_is_shared_for_a_minute_at_most(server: StoreServer) -> None:
    absent = Source(ABSENT)
    async with (
        node(server) as one,
        node(server, clock_s=slow_clock()) as two,
        node(server, ahead_s=61) as later,
    ):
        assert await origin(one, absent) == "source"
        await stored(server)
        assert await origin(two, absent) == "store"
        assert two.get(key_of(two), None) == ABSENT
        [name] = server.answers()
        assert 0 < server.ask("PTTL", name) <= 60_000
        assert await origin(later, absent) == "source"


async def test_a_change_on_one_node_reaches_all(server: StoreServer) -> None:
    async with node(server) as one, node(server) as two:
        for holder in (HOLDER, OTHER):
            await origin(one, Source(), holder=holder)
        await stored(server, 2)
        for holder in (HOLDER, OTHER):
            assert await origin(two, Source(), holder=holder) == "store"
        until_s = await one.void(tag_of(one))
        await asyncio.sleep(until_s - time.monotonic())
        newer = Source(NEWER)
        assert await origin(two, newer) == "source"
        # It is in memory, unless the machine paused and that is trusted no more.
        assert await origin(two, newer, holder=OTHER) != "source"
        assert await origin(one, newer, max_age_s=0) == "source"
        one.forget(tag_of(one))  # the sequencer's part
        assert await origin(two, newer) != "source"


@pytest.mark.parametrize("forget", [Forget(certificates=(IDENTITY.name,)), Forget(everything=True)])
async def test_so_does_a_purge_by_who_keeps_no_connection(
    server: StoreServer, forget: Forget
) -> None:
    account = kind(name="x.account")
    async with node(server) as one, node(server) as two:
        for of in (IDENTITY, account):
            await origin(one, Source(), of=of)
        await stored(server, 2)
        until_s = await void_once(store_at(server.port), SharedCipher(KEY), forget)
        await asyncio.sleep(until_s - time.monotonic())
        assert await origin(one, Source()) == "source"
        expected = {"source"} if forget.everything else {"store"}
        assert {await origin(two, Source(), of=account)} == expected


async def test_what_is_on_its_way_when_the_change_comes_is_stored_for_nobody(
    server: StoreServer,
) -> None:
    started, release = asyncio.Event(), asyncio.Event()

    async def slow() -> Cached:
        started.set()
        await release.wait()
        return SEALED

    async with node(server) as one, node(server) as two, asyncio.TaskGroup() as group:
        before = group.create_task(origin(two, slow))
        await started.wait()
        until_s = await one.void(tag_of(one))
        await asyncio.sleep(until_s - time.monotonic())
        release.set()
        assert await before == "source"  # it had asked before
        assert two.get(key_of(two), None) is None
        await stored(server)
        newer = Source(NEWER)
        assert await origin(one, newer) == "source"


@pytest.mark.parametrize("how", ["swapped", "flipped", "of another key", "no value at all"])
async def test_what_no_node_put_there_is_a_miss_and_counted(server: StoreServer, how: str) -> None:
    async with node(server) as one, node(server) as reader:
        for holder in (HOLDER, OTHER):
            await origin(one, Source(), holder=holder)
        await stored(server, 2)
        names, (first, second) = tuple(server.answers()), server.answers().values()
        forged = {
            "swapped": (second, first),
            "flipped": (first[:-1] + bytes([first[-1] ^ 1]), bytes([0]) + second[1:]),
            "of another key": (SharedCipher(bytes(32)).seal(names[0], b"x"),) * 2,
            "no value at all": (b"", b"\x01"),
        }[how]
        for name, value in zip(names, forged, strict=True):
            server.ask("SET", name, value, "PX", "600000")
        source = Source()
        for holder in (HOLDER, OTHER):
            assert await origin(reader, source, holder=holder) == "source"
        assert (source.count, reader.state().shared_refused_count) == (2, 2)


async def test_what_no_published_key_sealed_is_a_miss_and_counted(server: StoreServer) -> None:
    unknown = Sealed("x", bytes(100) + b"\n", ("name",), SEALED.as_of)
    async with node(server) as one, node(server) as reader:
        await origin(one, Source(unknown))
        await stored(server)
        assert await origin(reader, Source()) == "source"
        assert reader.state().shared_refused_count == 1


async def test_the_store_learns_nothing_that_can_be_read(server: StoreServer) -> None:
    async with node(server) as one:
        await origin(one, Source())
        await stored(server)
        await one.void(tag_of(one))
    server.ask("SAVE")
    kept = [
        *(file.read_bytes() for file in server.folder.iterdir()),
        *(part for pair in server.strings().items() for part in pair),
    ]
    secrets = [HOLDER.number.encode(), (HOLDER.name or "").encode(), IDENTITY.name.encode()]
    secrets += [part.encode() for part in TOKEN.split("~") if part]
    secrets += [b"yq-gjj", SharedCipher(KEY).tag_secret, key_of(one)[:16], key_of(one)]
    assert [secret for secret in secrets for text in kept if secret in text] == []
