# SPDX-License-Identifier: Apache-2.0
"""Caches of several processes behind which one real store stands, and what may be done to it."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from valkey.asyncio import Connection

from gateway.cache.shared import TRUST_S, SharedCache, void_once
from gateway.cache.store import Store
from gateway.cache.stored import SKEW_S
from gateway.crypto.shared import SharedCipher
from gateway.errors import StoreError, Text
from gateway.model.answer import Absent, Sealed
from gateway.model.certificate import CertificateType
from gateway.model.forget import Forget
from gateway.model.holder import Holder
from gateway.ports import Cached
from tests.store_server import StoreServer, needs_store

pytestmark = needs_store

KEY = bytes(31) + b"\x07"
HOLDER = Holder("cn-id", "140302190001010017", "测试甲")
OTHER = Holder("cn-id", "140302198001010020", "测试乙")
TOKEN = "eyJhbGciOiJFUzI1NiJ9.e30.c2ln~WyJzYWx0IiwibmFtZSIsIua1i-ivleeUsiJd~"
SEALED = Sealed(TOKEN, ("name",), "2026-11-22T08:00:00Z")
NEWER = Sealed(TOKEN + "bmV3~", ("name",), "2026-11-22T09:00:00Z")
ABSENT = Absent("2026-11-22T08:00:00Z")
LIMIT_S = 10


def kind(ttl_s: int = 600, stale_s: int = 0, name: str = "x.identity") -> CertificateType:
    return CertificateType(
        name=name,
        title=Text("Identity", "身份"),
        schemes=("cn-id",),
        fields=(),
        ttl_s=ttl_s,
        cache_scope="agency_purpose",
        stale_s=stale_s,
    )


IDENTITY = kind()


def recognise(token: str, certificate: str) -> Sealed | None:
    """What a sealer does with a token that it knows."""
    known = {SEALED.token: SEALED, NEWER.token: NEWER}
    return known.get(token) if certificate.startswith("x.") else None


def key_of(room: SharedCache, holder: Holder = HOLDER, of: CertificateType = IDENTITY) -> bytes:
    key = room.key(holder, of, agency="yq-gjj", item="i-1", case="1234", grant="g@1")
    assert key is not None
    return key


def tag_of(room: SharedCache, holder: Holder = HOLDER) -> Forget:
    return Forget(tags=room.tags(holder.scheme, holder.number, (IDENTITY.name,)))


class Source:
    """A department that counts how often it is asked."""

    def __init__(self, answer: Cached = SEALED) -> None:
        self.answer = answer
        self.count = 0

    async def __call__(self) -> Cached:
        self.count += 1
        return self.answer


async def origin(
    room: SharedCache,
    source: Callable[[], Awaitable[Cached]],
    *,
    holder: Holder = HOLDER,
    of: CertificateType = IDENTITY,
    max_age_s: int | None = None,
) -> str:
    """Ask as the corridor does; where the answer came from."""
    key = key_of(room, holder, of)
    if room.get(key, max_age_s) is not None:
        return "memory"
    obtained = await room.obtain(key, of, max_age_s, source)
    return "store" if obtained.is_kept else "source"


def store_at(port: int) -> Store:
    return Store(lambda: Connection(host="127.0.0.1", port=port, socket_timeout=None))


async def settled(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not holds():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)


@asynccontextmanager
async def node(
    server: StoreServer, *, ahead_s: float = 0.0, key: bytes = KEY
) -> AsyncIterator[SharedCache]:
    """A process of another node, its clock on the wall ahead of ours."""
    room = SharedCache(
        max_entries=1000,
        max_bytes=1 << 20,
        cipher=SharedCipher(key),
        store=store_at(server.port),
        recognise=recognise,
        unix_s=lambda: time.time() + ahead_s,
    )
    keeper = asyncio.create_task(room.keep())
    try:
        await settled(lambda: room.state().store == "ok")
        yield room
    finally:
        keeper.cancel()
        await asyncio.wait((keeper,))


async def stored(server: StoreServer, count: int = 1) -> None:
    """Nobody waits for what is stored; here somebody does."""
    await settled(lambda: len(server.answers()) >= count)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[StoreServer]:
    own = StoreServer(tmp_path / "store")
    own.start()
    yield own
    own.stop()


async def test_what_one_node_asked_the_others_need_not_ask(server: StoreServer) -> None:
    source = Source()
    async with node(server) as one, node(server) as two:
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
    async with node(server) as one, asyncio.TaskGroup() as group:
        asked = [group.create_task(origin(one, source)) for _ in range(1000)]
    assert source.count == 1
    assert {task.result() for task in asked} == {"source"}
    assert server.ask("INFO", "commandstats").count(b"cmdstat_mget:calls=1,") == 1


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

    async with node(server) as one, node(server, ahead_s=700) as later:
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
    async with node(server) as one, node(server) as two, node(server, ahead_s=61) as later:
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
        assert await origin(two, newer, holder=OTHER) == "memory"
        assert await origin(one, newer, max_age_s=0) == "source"
        one.forget(tag_of(one))  # the sequencer's part
        assert two.get(key_of(two), None) is NEWER


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
    unknown = Sealed("x.y.z~" + "A" * 100 + "~", ("name",), SEALED.as_of)
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


async def test_marks_that_the_store_lost_void_what_depends_on_them(server: StoreServer) -> None:
    async with node(server) as one, node(server) as two:
        await origin(one, Source())
        await stored(server)
        for name in server.strings().keys() - server.answers().keys():
            server.ask("DEL", name)
        assert await origin(two, Source()) == "source"


async def test_a_store_that_comes_back_with_an_old_copy_brings_nothing_back(
    server: StoreServer,
) -> None:
    async with node(server) as one:
        await origin(one, Source())
        await stored(server)
        server.ask("SAVE")
        await one.void(tag_of(one))
        server.stop()
        await settled(lambda: one.state().store == "away")
        server.start()
        assert server.answers()
        await settled(lambda: one.state().store == "ok")
        assert await origin(one, Source()) == "source"


async def test_a_store_that_was_emptied_is_begun_anew(server: StoreServer) -> None:
    async with node(server) as one, node(server) as two:
        await one.void(Forget(everything=True))
        for room in (one, two):
            await origin(room, Source())
        server.ask("FLUSHALL")
        await settled(lambda: two.get(key_of(two), None) is None)
        await settled(lambda: two.state().store == "ok")
        until_s = await one.void(tag_of(one))
        await asyncio.sleep(until_s - time.monotonic())
        assert await origin(two, Source()) == "source"


async def test_a_change_that_cannot_be_read_is_about_everything(server: StoreServer) -> None:
    async with node(server) as one:
        await one.void(tag_of(one, OTHER))
        await origin(one, Source())
        stream = next(n for n in server.ask("KEYS", "*") if server.ask("TYPE", n) == b"stream")
        server.ask("XADD", stream, "*", "f", "forged")
        await settled(lambda: one.get(key_of(one), None) is None)
        assert one.state().shared_refused_count == 1


async def test_nodes_of_another_key_share_a_store_and_nothing_else(server: StoreServer) -> None:
    async with node(server) as one, node(server, key=bytes(32)) as stranger:
        await origin(one, Source())
        await stored(server)
        assert await origin(stranger, Source()) == "source"
        await stranger.void(Forget(everything=True))
        await asyncio.sleep(2 * TRUST_S)
        assert await origin(one, Source()) == "memory"


async def test_who_does_not_hear_serves_nothing_from_memory_and_comes_back_empty(
    server: StoreServer,
) -> None:
    source = Source()
    async with node(server) as one:
        await origin(one, source)
        server.pause()
        await settled(lambda: one.get(key_of(one), None) is None)
        with pytest.raises(StoreError):
            await one.void(tag_of(one))
        assert [await origin(one, source) for _ in range(20)] == ["source"] * 20
        assert one.state().store == "away"
        server.resume()
        await settled(lambda: one.state().store == "ok")
        assert await origin(one, source) == "store" or source.count == 22
        assert await origin(one, source) == "memory"


async def test_a_store_that_was_killed_is_found_again(server: StoreServer) -> None:
    async with node(server) as one:
        await origin(one, Source())
        server.stop(signal.SIGKILL)
        await settled(lambda: one.get(key_of(one), None) is None)
        assert one.state().store == "away"
        assert await origin(one, Source()) == "source"
        with pytest.raises(StoreError):
            await one.void(tag_of(one))
        server.start()
        await settled(lambda: one.state().store == "ok")
        assert await origin(one, Source()) == "source"
        assert await origin(one, Source()) == "memory"


async def test_a_command_says_that_the_store_is_away(
    server: StoreServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.cache.shared._ONCE_S", 0.3)
    server.stop()
    with pytest.raises(StoreError):
        await void_once(store_at(server.port), SharedCipher(KEY), Forget(everything=True))


async def test_a_store_that_refuses_to_write_is_an_error_to_nobody(server: StoreServer) -> None:
    async with node(server) as one:
        server.ask("CONFIG", "SET", "maxmemory", "100kb")
        assert await origin(one, Source()) == "source"
        assert one.state().shared_error_count > 0
        with pytest.raises(StoreError, match="OutOfMemory"):
            await one.void(tag_of(one))


async def test_a_server_that_was_made_a_replica_is_not_listened_to(server: StoreServer) -> None:
    async with node(server) as one:
        await origin(one, Source())
        server.ask("REPLICAOF", "127.0.0.1", "9")
        await settled(lambda: one.get(key_of(one), None) is None)
        assert await origin(one, Source()) == "source"
        server.ask("REPLICAOF", "NO", "ONE")
        await settled(lambda: one.state().store == "ok")
