# SPDX-License-Identifier: Apache-2.0
"""What may happen to the store that nodes share: it hangs, dies, forgets, refuses, comes back."""

import asyncio
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.cache.changes import TRUST_S, void_once
from gateway.cache.shared import SharedCache
from gateway.crypto.shared import SharedCipher
from gateway.errors import StoreError
from gateway.model.forget import Forget
from tests.integration.caches import (
    KEY,
    LIMIT_S,
    OTHER,
    Source,
    be_patient,
    key_of,
    node,
    origin,
    settled,
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


@pytest.fixture(name="patient")
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    be_patient(monkeypatch)


#: For tests in which no answer of the store is to come late.
patient = pytest.mark.usefixtures("patient")


async def remembered(room: SharedCache, source: Source) -> None:
    """Ask until it is answered from memory; a pause of the machine empties that."""
    async with asyncio.timeout(LIMIT_S):
        while await origin(room, source) != "memory":
            pass  # each turn asks anew


@patient
async def test_marks_that_the_store_lost_void_what_depends_on_them(server: StoreServer) -> None:
    async with node(server) as one, node(server) as two:
        await origin(one, Source())
        await stored(server)
        for name in server.strings().keys() - server.answers().keys():
            server.ask("DEL", name)
        assert await origin(two, Source()) == "source"


@patient
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


@patient
async def test_a_store_that_was_emptied_is_begun_anew(server: StoreServer) -> None:
    async with node(server) as one, node(server) as two:
        await one.void(Forget(everything=True))
        for room in (one, two):
            await origin(room, Source())
        server.ask("FLUSHALL")
        for room in (one, two):
            await settled(lambda room=room: room.get(key_of(room), None) is None)  # type: ignore[misc] # mypy infers no default of a lambda
            await settled(lambda room=room: room.state().store == "ok")  # type: ignore[misc]
        until_s = await one.void(tag_of(one))
        await asyncio.sleep(until_s - time.monotonic())
        assert await origin(two, Source()) == "source"


@patient
async def test_a_change_that_cannot_be_read_is_about_everything(server: StoreServer) -> None:
    async with node(server) as one:
        await one.void(tag_of(one, OTHER))
        await origin(one, Source())
        stream = next(n for n in server.ask("KEYS", "*") if server.ask("TYPE", n) == b"stream")
        server.ask("XADD", stream, "*", "f", "forged")
        await settled(lambda: one.state().shared_refused_count == 1)
        assert one.get(key_of(one), None) is None


@patient
async def test_nodes_of_another_key_share_a_store_and_nothing_else(server: StoreServer) -> None:
    async with (
        node(server, clock_s=slow_clock()) as one,
        node(server, key=bytes(32)) as stranger,
    ):
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
        await remembered(one, source)


@patient
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
        await remembered(one, Source())


async def test_a_command_says_that_the_store_is_away(
    server: StoreServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.cache.changes._ONCE_S", 0.3)
    server.stop()
    with pytest.raises(StoreError):
        await void_once(store_at(server.port), SharedCipher(KEY), Forget(everything=True))


@patient
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
