# SPDX-License-Identifier: Apache-2.0
"""Handshakes count: none is free, and none keeps its place beyond its deadline."""

import asyncio
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from gateway.crypto.x509 import ConnectionX509
from gateway.web.connection import Connection
from gateway.web.connections import Connections, Limits
from gateway.web.edge import x509_of
from gateway.web.listener import bind
from gateway.web.request import Peer
from gateway.web.tls import LiveTLS, TLSFiles, TLSPort

DEADLINE_S = 2.5
#: Beyond the deadline, on a machine that stands still; TLS's own patience is a minute.
LATE_S = 10.0
LIMIT_S = 60.0


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> LiveTLS:
    folder = tmp_path_factory.mktemp("tls")
    chain, key = folder / "own.crt", folder / "own.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-subj", "/CN=a",
         "-keyout", key, "-out", chain],
        check=True, capture_output=True,
    )  # fmt: skip
    key.chmod(0o600)
    return LiveTLS(TLSFiles(chain, key))


@pytest.fixture
async def connections() -> Connections:
    nobody = cast("Any", None)  # no request is sent here
    return Connections(nobody, Limits(header_timeout_s=DEADLINE_S, max_connections=1))


@pytest.fixture
async def port(connections: Connections, tls: LiveTLS) -> AsyncIterator[socket.socket]:
    sock = bind("127.0.0.1", 0)
    listening = TLSPort(connections, sock, tls)
    listening.listen(16)
    yield sock
    listening.close()
    listening.cut()
    connections.shutdown()


class Client:
    """A connection to the port; with a context, after its handshake."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def come(cls, port: socket.socket, tls: ssl.SSLContext | None = None) -> "Client":
        host, number = port.getsockname()
        return cls(*await asyncio.open_connection(host, number, ssl=tls))

    async def is_sent_away(self) -> bool:
        content = await self._reader.read()
        await self.leave()
        return content == b""

    async def leave(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()


async def drained(connections: Connections) -> None:
    connections.drain()
    async with asyncio.timeout(LIMIT_S):
        await connections.drained.wait()


async def test_a_handshake_takes_a_place_and_gives_it_back(
    connections: Connections, port: socket.socket
) -> None:
    now_s = asyncio.get_running_loop().time
    started_s = now_s()
    silent, late = await Client.come(port), await Client.come(port)
    assert await late.is_sent_away()
    assert len(connections.open) == 1  # at once, then: the other one's deadline is not over
    assert await silent.is_sent_away()
    assert now_s() < started_s + DEADLINE_S + LATE_S
    await drained(connections)
    trusting = ssl.create_default_context()
    trusting.check_hostname = False
    trusting.verify_mode = ssl.CERT_NONE
    quick = await Client.come(port, trusting)
    assert [cast("Connection", peer).peer.x509 for peer in connections.open] == [None]
    await quick.leave()


async def test_a_drain_waits_for_who_comes_while_nobody_was_there(
    connections: Connections, port: socket.socket
) -> None:
    connections.drain()
    assert connections.drained.is_set()
    silent = await Client.come(port)
    assert await (await Client.come(port)).is_sent_away()  # so the first one has its place
    assert not connections.drained.is_set()
    assert await silent.is_sent_away()
    await drained(connections)


@pytest.mark.parametrize(("age", "shown"), [(-1, None), (60, "ab")])
def test_a_connection_that_outlives_its_x509_presents_none(age: int, shown: str | None) -> None:
    now = datetime.now(UTC)
    found = ConnectionX509("ab", now - timedelta(days=1), now + timedelta(seconds=age))
    assert x509_of(Peer(x509=found)) == shown


async def test_no_more_than_asked_for_are_accepted_at_once(tls: LiveTLS) -> None:
    nobody = cast("Any", None)
    connections, sock = Connections(nobody, Limits()), bind("127.0.0.1", 0)
    sock.settimeout(0)
    sock.listen(8)
    listening = TLSPort(connections, sock, tls)
    waiting = [socket.create_connection(sock.getsockname()) for _ in range(4)]
    listening.accept(3)
    assert len(connections.open) == 3
    for each in waiting:
        each.close()
    await drained(connections)
    listening.close()
